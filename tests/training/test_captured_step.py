"""What capturing a step as a CUDA graph asks of it: it can be seen on a CPU."""

import io
from types import SimpleNamespace

import pytest
import torch
from captured_data import METHODS, spec
from step_data import batches, make_step, method
from torch.overrides import TorchFunctionMode

from gansr.config.training_settings import WatchSettings
from gansr.errors import UserError
from gansr.losses.pixel import PixelLoss
from gansr.training import train as train_module
from gansr.training.captured_step import CapturedStep
from gansr.training.engine import Engine
from gansr.training.train import TrainingInputs, train
from tests.training_jobs import train_job


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
    monkeypatch.setattr(Engine, "of_settings", lambda place, settings, network: Engine(place, graph=True))
    settings = WatchSettings(checkpoint_every=saved_every)
    with pytest.raises(UserError, match=f"iteration {bad}: the loss term pixel became nan"):
        train(train_job(spec()), "model", TrainingInputs(store), tmp_path / "work", tmp_path / "output", settings)
    (folder,) = (tmp_path / "work").iterdir()
    assert [int(file.stem.split("_")[1]) for file in folder.glob("checkpoint*")] == kept
    assert not (tmp_path / "output").exists()
