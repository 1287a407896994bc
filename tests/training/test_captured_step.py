"""A step captured as a CUDA graph computes what the eager step does; what that asks of a step can be seen on a CPU."""

import io
import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from step_data import SCALE, batches, make_step, method
from torch.overrides import TorchFunctionMode

from gansr.config.training_settings import TrainingSettings
from gansr.data.patch_store import build_patch_store
from gansr.errors import UserError
from gansr.losses.base import LossContext
from gansr.losses.pixel import PixelLoss
from gansr.networks.build import build_generator
from gansr.training import train as train_module
from gansr.training.captured_step import WARM_UP, CapturedStep
from gansr.training.engine import Engine
from gansr.training.step import NotFiniteError, TrainingStep
from gansr.training.train import TrainingInputs, train


def needs_gpu(test):
    """Skip without a GPU; with one, compare in exact float32."""
    reason = "a CUDA graph is captured on a GPU"
    return pytest.mark.skipif(not torch.cuda.is_available(), reason=reason)(pytest.mark.usefixtures("exact")(test))


METHODS = ("pretrain", "gan", "ldl", "beby")
NETWORKS = {
    "srresnet": {"features": 8, "blocks": 1},
    "rrdb": {"features": 8, "blocks": 1},
    "swinir": {"features": 12, "groups": 1, "blocks": 2, "heads": 2},
}


@pytest.fixture(scope="module")
def papers():
    """The papers' methods on small networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
        import training as benchmark

        def step_and_batch(network, name, engine):
            given = benchmark.method_of(name, 2, 64 if name != "beby" else 128)
            if "perceptual" in given["losses"]:
                given["losses"]["perceptual"]["width"] = 8
            if given["discriminator"] is not None:
                given["discriminator"]["features"] = 4
            step = benchmark.fast_step(network, NETWORKS[network], given, engine)
            return step, benchmark.batch_of(given, engine.device)

        yield step_and_batch
    for name in ("training", "plain_step", "plain"):
        sys.modules.pop(name, None)


class DeviceOnly(TorchFunctionMode):
    """Notes what cannot be captured: tensors made on the CPU or copied from it, and values that Python looks at."""

    MADE = (torch.zeros, torch.ones, torch.full, torch.empty, torch.arange, torch.linspace, torch.rand, torch.eye)
    LOOKS = (
        *(torch.Tensor.item, torch.Tensor.tolist, torch.Tensor.cpu, torch.Tensor.numpy, torch.Tensor.nonzero),
        *(torch.Tensor.__bool__, torch.Tensor.__float__, torch.Tensor.__int__, torch.nonzero),
    )
    FROM_PYTHON = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor.new_tensor)

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_function__(self, function, types, given=(), options=None):
        on_the_cpu = function in self.MADE and (options or {}).get("device") is None
        if on_the_cpu or function in (*self.LOOKS, *self.FROM_PYTHON):
            self.found.append(function.__name__)
        return function(*given, **(options or {}))


@pytest.mark.parametrize(
    ("network", "name"), [*(("srresnet", name) for name in METHODS), ("rrdb", "ldl"), ("swinir", "ldl")]
)
def test_an_iteration_needs_nothing_but_the_device(papers, monkeypatch, network, name):
    step, (lr, hr) = papers(network, name, Engine(torch.device("cpu")))
    monkeypatch.setattr(step, "_require_finite", lambda *_: None)  # which does not look while a graph is captured
    step(lr, hr)  # what is made once is made before the capture
    with DeviceOnly() as mode:
        step.update(lr, hr)
    assert mode.found == []


def test_what_a_graph_reads_stays_where_it_is_while_images_of_other_sizes_are_tested(papers):
    step, batch = papers("swinir", "ldl", Engine(torch.device("cpu")))
    step(*batch)
    block = next(module for module in step.generator.modules() if getattr(module, "shift_size", 0))
    mask = block.window_mask
    step.generator.eval()
    with torch.inference_mode():
        step.generator(torch.rand(1, 3, 24, 32))
    assert block.window_mask is not mask
    step.generator.train()
    step(*batch)
    assert block.window_mask is mask


def test_the_check_finds_what_cannot_be_captured():
    with DeviceOnly() as mode:
        values = torch.zeros(3)
        values.new_tensor([1.0])
        if values.sum() > 0:
            raise AssertionError
        torch.zeros(3, device=values.device)
    assert mode.found == ["zeros", "new_tensor", "__bool__"]


def test_the_learning_rate_of_a_captured_step_is_one_tensor_for_good():
    """The graph reads it where it was when it was captured: before and after a state is restored."""
    given = method(schedule={"milestones": [2, 5], "gamma": 0.5})
    eager, step = make_step(given), make_step(given, graph=True)
    rates = [group["lr"] for optimizer in step.optimizers for group in optimizer.param_groups]
    for number, (lr, hr) in enumerate(batches(6)):
        if number == 4:
            saved = io.BytesIO()
            torch.save(step.state(), saved)
            saved.seek(0)
            step.restore(torch.load(saved, weights_only=True, map_location="cpu"))
        found, expected = step(lr, hr), eager(lr, hr)
        assert {name: value.item() for name, value in found.items()} == pytest.approx(
            {name: value.item() for name, value in expected.items()}, rel=1e-5
        )
        now = [group["lr"] for optimizer in step.optimizers for group in optimizer.param_groups]
        assert all(one is other for one, other in zip(rates, now, strict=True))
        assert [rate.item() for rate in rates] == pytest.approx([eager.learning_rate] * 2)


class Replayed(CapturedStep):
    """A captured step's way of looking at losses, on a CPU: one iteration late."""

    def __init__(self, step):
        step._require_finite = lambda *_: None
        self.step, self.latest, self.outputs = step, None, {}
        self.copied = SimpleNamespace(synchronize=lambda: None)

    def __call__(self, lr, hr):
        self.settle()
        self.outputs = self.step(lr, hr)
        self.latest = torch.stack(list(self.outputs.values()))
        return self.outputs


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    for kind, scale in (("HR", 4), ("LR", 1)):
        (folder / "images" / kind).mkdir(parents=True)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        pixels = Image.fromarray(coarse).resize((16 * scale, 12 * scale), Image.Resampling.BICUBIC)
        pixels.save(folder / "images" / kind / "photo.png")
    build_patch_store([folder / "images"], 4, folder / "patches")
    return folder / "patches"


def spec(iterations=12, **settings):
    return {
        "scale": 4,
        "seed": 0,
        "mad_interval": None,
        "generator": {"network": "srresnet", "features": 4, "blocks": 1},
        "method": method(
            ema_decay=0.9, iterations=iterations, batch_size=2, schedule={"milestones": [8], "gamma": 0.1}
        ),
        "training": TrainingSettings(**settings).of_spec(),
    }


@pytest.mark.parametrize(("bad", "saved_every", "kept"), [(5, 100, []), (5, 5, []), (5, 4, [4]), (12, 100, [])])
def test_an_iteration_that_is_told_late_is_called_by_its_number_and_never_saved(
    store, tmp_path, monkeypatch, bad, saved_every, kept
):
    plain, calls = PixelLoss.forward, []

    def nan_once(term, outputs):
        calls.append(1)
        return plain(term, outputs) * (float("nan") if len(calls) == bad else 1)

    monkeypatch.setattr(PixelLoss, "forward", nan_once)
    monkeypatch.setattr(train_module, "device", lambda number: torch.device("cpu"))
    monkeypatch.setattr(train_module, "CapturedStep", Replayed)
    monkeypatch.setattr(Engine, "of_spec", lambda place, settings: Engine(place, graph=True))
    settings = TrainingSettings(checkpoint_every=saved_every)
    with pytest.raises(UserError, match=f"iteration {bad}: the loss term pixel became nan"):
        train(spec(), "model", TrainingInputs(store), tmp_path / "work", tmp_path / "output", settings)
    (folder,) = (tmp_path / "work").iterdir()
    assert [int(file.stem.split("_")[1]) for file in folder.glob("checkpoint*")] == kept
    assert not (tmp_path / "output").exists()


# ---- on a GPU


@pytest.fixture
def exact():
    """Float32 products, and the same kernels every time."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.benchmark = cudnn.allow_tf32 = matmul.allow_tf32 = False
    yield
    cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


def cuda():
    return torch.device("cuda", torch.cuda.current_device())


def gpu_step(graph, given=None, seed=0, precision="fp32"):
    """A step whose Adam divides by no tiny number, so that rounding stays rounding.

    On a CPU another order of sums then changes weights by 1e-6 in 8 iterations, and the fall of the learning rate
    below changes them by 2e-3 to 1e-2.
    """
    torch.manual_seed(seed)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    step = TrainingStep(generator, given or method(), LossContext(0), Engine(cuda(), precision, graph=graph))
    for optimizer in step.optimizers:
        for group in optimizer.param_groups:
            group["eps"] = 1e-3
    return step


def gpu_batches(count):
    return [(lr.to(cuda()), hr.to(cuda())) for lr, hr in batches(count)]


def numbers(values):
    return {name: value.item() for name, value in values.items()}


def flat(tensors):
    return torch.cat([tensor.detach().double().flatten() for tensor in tensors])


def relative_error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def adam_state(step, key):
    return flat(state[key] for optimizer in step.optimizers for state in optimizer.state.values())


def assert_same_state(step, expected, tolerance):
    for name in ("generator", "discriminator", "ema"):
        found, wanted = (getattr(one, name).state_dict().values() for one in (step, expected))
        assert relative_error(*(flat(v for v in values if v.is_floating_point()) for values in (found, wanted))) < (
            tolerance
        ), name
    for key in ("exp_avg", "exp_avg_sq"):
        assert relative_error(adam_state(step, key), adam_state(expected, key)) < 10 * tolerance, key
    assert torch.equal(adam_state(step, "step"), adam_state(expected, "step"))
    assert step.done == expected.done


FALLING = {"milestones": [6], "gamma": 0.1}


@needs_gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 5e-3)])
def test_a_captured_step_is_the_eager_one_over_a_change_of_the_learning_rate(precision, tolerance):
    given = method(schedule=FALLING)
    step, eager = gpu_step(True, given, precision=precision), gpu_step(False, given, precision=precision)
    captured = CapturedStep(step)
    rates = []
    for lr, hr in gpu_batches(8):
        found, expected = numbers(captured(lr, hr)), numbers(eager(lr, hr))
        assert found == pytest.approx(expected, rel=10 * tolerance)
        rates.append(step.learning_rate)
        assert rates[-1] == eager.learning_rate
    assert captured.graph is not None and WARM_UP < 6
    assert rates == pytest.approx([1e-3] * 6 + [1e-4] * 2)
    assert_same_state(step, eager, tolerance)


@needs_gpu
def test_the_change_of_the_learning_rate_is_more_than_rounding():
    """Else the test above would show nothing of it."""
    falling, constant = (gpu_step(True, method(schedule={**FALLING, "milestones": m})) for m in ([6], []))
    steps = [CapturedStep(falling), CapturedStep(constant)]
    for lr, hr in gpu_batches(8):
        for captured in steps:
            captured(lr, hr)
    assert relative_error(flat(falling.generator.parameters()), flat(constant.generator.parameters())) > 5e-3


@needs_gpu
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", METHODS)
def test_every_paper_method_is_captured_on_every_generator(papers, network, name):
    step, (lr, hr) = papers(network, name, Engine(cuda(), graph=True))
    eager, _ = papers(network, name, Engine(cuda()))
    captured = CapturedStep(step)
    for number in range(WARM_UP + 2):
        found, expected = numbers(captured(lr, hr)), numbers(eager(lr, hr))
        if number <= WARM_UP:  # later ones carry what Adam makes of rounding
            assert found == pytest.approx(expected, rel=0.02)
        assert all(np.isfinite(value) for value in found.values())
    captured.settle()
    assert captured.graph is not None


@needs_gpu
def test_every_batch_is_seen_by_the_graph():
    step = gpu_step(True)
    captured = CapturedStep(step)
    stream = gpu_batches(3)
    for lr, hr in [stream[0]] * (WARM_UP + 1):
        captured(lr, hr)
    one = numbers(captured(*stream[1]))
    other = numbers(captured(*stream[2]))
    assert one["pixel"] != pytest.approx(other["pixel"], rel=1e-4)


@needs_gpu
@pytest.mark.parametrize("told_by", ["the next iteration", "settle"])
def test_nan_in_a_captured_iteration_is_told_one_late_by_name(told_by):
    captured = CapturedStep(gpu_step(True))
    *good, (lr, hr), (next_lr, next_hr) = gpu_batches(WARM_UP + 4)
    for batch in good:
        captured(*batch)
    captured.settle()
    captured(lr, torch.full_like(hr, float("nan")))
    with pytest.raises(NotFiniteError, match="the loss term pixel became nan") as caught:
        captured(next_lr, next_hr) if told_by == "the next iteration" else captured.settle()
    assert caught.value.late == 1
    captured.settle()  # it is told once


@needs_gpu
def test_nan_before_the_capture_is_told_at_once():
    captured = CapturedStep(gpu_step(True))
    ((lr, hr),) = gpu_batches(1)
    with pytest.raises(NotFiniteError, match="the loss term pixel became nan") as caught:
        captured(lr, torch.full_like(hr, float("nan")))
    assert caught.value.late == 0


@needs_gpu
def test_a_state_saved_after_settling_goes_on_under_a_graph_captured_anew():
    given = method(schedule={"milestones": [11], "gamma": 0.1})
    straight, resumed = gpu_step(True, given), gpu_step(True, given, seed=99)
    captured = CapturedStep(straight)
    stream = gpu_batches(14)
    for batch in stream[:6]:
        captured(*batch)
    captured.settle()
    saved = io.BytesIO()
    torch.save(straight.state(), saved)
    saved.seek(0)
    resumed.restore(torch.load(saved, weights_only=True, map_location="cpu"))
    for optimizer in resumed.optimizers:
        assert all(group["lr"].is_cuda for group in optimizer.param_groups)
        assert all(state["step"].is_cuda for state in optimizer.state.values())
    assert_same_state(resumed, straight, 1e-12)
    again = CapturedStep(resumed)
    for batch in stream[6:]:
        assert numbers(again(*batch)) == pytest.approx(numbers(captured(*batch)), rel=1e-3)
    assert resumed.learning_rate == straight.learning_rate == pytest.approx(1e-4)
    assert again.graph is not None
    assert_same_state(resumed, straight, 1e-4)


@needs_gpu
def test_a_thread_may_pin_memory_while_the_graph_is_captured():
    captured = CapturedStep(gpu_step(True))
    ended, failed, pinned = threading.Event(), [], []

    def pin():
        while not ended.is_set():
            try:
                pinned.append(torch.rand(len(pinned) % 97 * 1000 + 1).pin_memory().shape)
            except RuntimeError as error:
                failed.append(error)
                return

    thread = threading.Thread(target=pin)
    thread.start()
    try:
        for lr, hr in gpu_batches(WARM_UP + 3):
            captured(lr, hr)
        captured.settle()
    finally:
        ended.set()
        thread.join()
    assert not failed and pinned


@needs_gpu
def test_a_training_with_a_graph_logs_what_one_without_does(store, tmp_path):
    logs, ends = [], []
    for graph in (True, False):
        folder = tmp_path / str(graph)
        settings = TrainingSettings(checkpoint_every=5)
        train(spec(graph=graph), "model", TrainingInputs(store), folder / "work", folder / "output", settings)
        lines = [json.loads(line) for line in (folder / "output" / "log.jsonl").read_text().splitlines()]
        logs.append({line["iteration"]: (line["learning_rate"], line["losses"]) for line in lines})
        ends.append(yaml.safe_load((folder / "output" / "spec.yaml").read_text()))
    assert logs[0].keys() == logs[1].keys() == set(range(1, 13))
    for iteration, (rate, losses) in logs[1].items():
        assert logs[0][iteration][0] == rate
        # Adam turns rounding into steps where gradients are tiny
        assert logs[0][iteration][1]["pixel"] == pytest.approx(losses["pixel"], rel=0.05)
    assert [end["skipped"] for end in ends] == [[], []]
