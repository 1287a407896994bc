"""A step captured as a CUDA graph computes what the eager step does."""

import io
import json
import threading

import numpy as np
import pytest
import torch
import yaml
from captured_data import METHODS, NETWORKS, spec
from step_data import SCALE, batches, method, relative_error, trained_networks

from gansr.config.training_settings import WatchSettings
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.training.captured_step import WARM_UP, CapturedStep
from gansr.training.engine import Engine
from gansr.training.stage import NotFiniteError
from gansr.training.step import TrainingStep
from gansr.training.train import TrainingInputs, train
from tests.training_jobs import train_job

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA graph is captured on a GPU"),
    pytest.mark.usefixtures("exact"),
]


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


def gpu_step(graph, given=None, seed=0, precision="fp32", declared=None):
    """A step whose Adam divides by no tiny number, so that rounding stays rounding.

    On a CPU another order of sums then changes weights by 1e-6 in 8 iterations, and the fall of the learning rate
    below changes them by 2e-3 to 1e-2.
    """
    torch.manual_seed(seed)
    generator = build_generator({"network": "srresnet", "features": 4, "blocks": 1}, SCALE)
    engine = Engine(cuda(), precision, graph=graph)
    step = TrainingStep(generator, given or method(), LossContext(0), engine, parameter_groups=declared)
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


def adam_state(step, key):
    return flat(state[key] for optimizer in step.optimizers for state in optimizer.state.values())


def assert_same_state(step, expected, tolerance, names=("generator", "discriminator", "ema")):
    for name in names:
        found, wanted = (trained_networks(one)[name].state_dict().values() for one in (step, expected))
        assert relative_error(*(flat(v for v in values if v.is_floating_point()) for values in (found, wanted))) < (
            tolerance
        ), name
    for key in ("exp_avg", "exp_avg_sq"):
        assert relative_error(adam_state(step, key), adam_state(expected, key)) < 10 * tolerance, key
    assert torch.equal(adam_state(step, "step"), adam_state(expected, "step"))
    assert step.done == expected.done


FALLING = {"milestones": [6], "gamma": 0.1}


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


def test_the_change_of_the_learning_rate_is_more_than_rounding():
    """Else the test above would show nothing of it."""
    falling, constant = (gpu_step(True, method(schedule={**FALLING, "milestones": m})) for m in ([6], []))
    steps = [CapturedStep(falling), CapturedStep(constant)]
    for lr, hr in gpu_batches(8):
        for captured in steps:
            captured(lr, hr)
    assert relative_error(flat(falling.generator.parameters()), flat(constant.generator.parameters())) > 5e-3


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


def test_a_graph_is_captured_anew_where_a_parameter_group_starts():
    starts = WARM_UP + 4
    given = method(("pixel", "adversarial"), groups={"tail": {"starts": starts}})
    declared = {"tail": ("conv_hr.", "conv_last.")}
    step, eager = (gpu_step(graph, given, declared=declared) for graph in (True, False))
    start = step.generator.conv_last.weight.detach().clone()
    captured, graphs = CapturedStep(step), []
    for number, (lr, hr) in enumerate(gpu_batches(starts + WARM_UP + 3), start=1):
        found, expected = numbers(captured(lr, hr)), numbers(eager(lr, hr))
        assert found == pytest.approx(expected, rel=1e-3)
        graphs.append(captured.graph)
        assert torch.equal(step.generator.conv_last.weight, start) == (number < starts)
    captured.settle()
    is_captured = [graph is not None for graph in graphs]
    assert is_captured == [False] * WARM_UP + [True] * 3 + [False] * WARM_UP + [True] * 4
    assert graphs[-1] is not graphs[WARM_UP]
    assert_same_state(step, eager, 1e-4)


def test_a_step_with_two_critics_and_a_view_is_captured():
    view = {"name": "region_mask", "of": "lr", "window": 3}
    given = method(("pixel", "adversarial"))
    given["losses"]["second"] = {"loss": "adversarial", "weight": 0.01, "view": view}
    given["critics"]["second"] = {"network": "vgg", "features": 2}
    step, eager = gpu_step(True, given), gpu_step(False, given)
    captured = CapturedStep(step)
    for lr, hr in gpu_batches(WARM_UP + 3):
        assert numbers(captured(lr, hr)) == pytest.approx(numbers(eager(lr, hr)), rel=1e-3)
    assert captured.graph is not None
    assert_same_state(step, eager, 1e-4, ("generator", "ema", "discriminator", "discriminator second"))


def test_every_batch_is_seen_by_the_graph():
    step = gpu_step(True)
    captured = CapturedStep(step)
    stream = gpu_batches(3)
    for lr, hr in [stream[0]] * (WARM_UP + 1):
        captured(lr, hr)
    one = numbers(captured(*stream[1]))
    other = numbers(captured(*stream[2]))
    assert one["pixel"] != pytest.approx(other["pixel"], rel=1e-4)


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


def test_nan_before_the_capture_is_told_at_once():
    captured = CapturedStep(gpu_step(True))
    ((lr, hr),) = gpu_batches(1)
    with pytest.raises(NotFiniteError, match="the loss term pixel became nan") as caught:
        captured(lr, torch.full_like(hr, float("nan")))
    assert caught.value.late == 0


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


def test_a_training_with_a_graph_logs_what_one_without_does(store, tmp_path):
    logs, ends = [], []
    for graph in (True, False):
        folder = tmp_path / str(graph)
        settings = WatchSettings(checkpoint_every=5)
        train(
            train_job(spec(graph=graph)), "model", TrainingInputs(store), folder / "work", folder / "output", settings
        )
        lines = [json.loads(line) for line in (folder / "output" / "log.jsonl").read_text().splitlines()]
        logs.append({line["iteration"]: (line["learning_rate"], line["losses"]) for line in lines})
        ends.append(yaml.safe_load((folder / "output" / "spec.yaml").read_text()))
    assert logs[0].keys() == logs[1].keys() == set(range(1, 13))
    for iteration, (rate, losses) in logs[1].items():
        assert logs[0][iteration][0] == rate
        # Adam turns rounding into steps where gradients are tiny
        assert logs[0][iteration][1]["pixel"] == pytest.approx(losses["pixel"], rel=0.05)
    assert [end["skipped"] for end in ends] == [[], []]
