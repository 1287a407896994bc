"""A generator of one's own is one file: it is checked, planned, estimated, compiled, adopted and built from it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gansr.config.rates import Rates
from gansr.config.training_settings import ResultSettings
from gansr.estimate.flops import generator_flops, padded_pixels
from gansr.estimate.gpu_hours import gpu_hours
from gansr.networks import generators
from gansr.networks.build import build_generator
from gansr.networks.released import adopt_released_model
from gansr.plan.jobs.train import AdoptJob, ReleasedFile
from gansr.plan.plan import Plan
from gansr.schema import plugins
from gansr.training.engine import Engine

FILE = '''
"""One block, padded to 6 pixels."""

from typing import Annotated, Any

import torch.nn.functional as F
from pydantic import Field
from torch import nn

REPEATED_BLOCKS = ("Block",)
SMALLEST_LR = 6
TRAINING_ONLY = ("dropout",)
RELEASED_NAMES = {"theirs.": "block."}


def check(options: dict[str, Any]) -> None:
    if options["features"] % 3:
        raise ValueError(f"features {options['features']} is not a multiple of 3")


def layers(options, scale):
    return [(3, options["features"], 1, 1), (options["features"], 3 * scale**2, 3, 1)]


def lr_multiple(scale):
    return SMALLEST_LR


class Block(nn.Module):
    def __init__(self, features, scale):
        super().__init__()
        self.first = nn.Conv2d(3, features, 1)
        self.last = nn.Conv2d(features, 3 * scale**2, 3, padding=1)

    def forward(self, x):
        return self.last(self.first(x))


class Generator(nn.Module):
    def __init__(self, scale, features):
        super().__init__()
        self.block, self.scale = Block(features, scale), scale

    def forward(self, lr):
        height, width = lr.shape[-2:]
        padded = F.pad(lr, (0, -width % 6, 0, -height % 6))
        return F.pixel_shuffle(self.block(padded), self.scale)[..., : height * self.scale, : width * self.scale]


def build(scale: int, *, features: Annotated[int, Field(ge=1)] = 3, dropout: Annotated[float, Field(ge=0)] = 0.0):
    return Generator(scale, features)
'''
MINE = {"network": "shallow", "features": 6}


@pytest.fixture(autouse=True)
def one_file_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The folder of generators as it is, and one file more."""
    folder = tmp_path / "generators"
    shutil.copytree(plugins.PACKAGE / plugins.FOLDERS["generator"], folder)
    (folder / "shallow.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setitem(plugins.FOLDERS, "generator", str(folder))
    monkeypatch.setattr(generators, "__path__", [str(folder)])


def with_mine(**options: Any) -> list[Any]:
    """The changes that give the run the generator and a model of it."""
    model = {"name": "Mine", "generator": "mine", "method": "psnr"}
    return ["generators/mine", MINE | options, "models/6", model]


def test_it_is_planned_with_its_defaults(planned: Callable[..., Plan]) -> None:
    job = planned(*with_mine()).trained["Mine"].job
    assert job.generator == {"network": "shallow", "features": 6, "dropout": 0.0}


def test_its_own_check_refuses_options(refused: Callable[..., str]) -> None:
    refused(with_mine(features=4), "generators", "mine", "features 4 is not a multiple of 3")
    refused(with_mine(featurs=3), "generators", "mine", 'unknown key "featurs"; did you mean "features"?')


def test_its_smallest_lr_is_held(planned: Callable[..., Plan], refused: Callable[..., str]) -> None:
    planned(*with_mine(), "overrides/pretrain/patch_size", 24)
    small = ["overrides/pretrain/patch_size", 20]
    refused([*with_mine(), *small], "model Mine", "too small for the generator mine", "at least 24")


def test_options_of_training_alone_keep_weights_and_are_refused_by_losses_that_compare(
    planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    ldl = {"name": "Next", "generator": "still", "method": "ldl", "start": "Mine"}
    changes = [*with_mine(dropout=0.5), "generators/still", MINE, "models/7"]
    assert planned(*changes, ldl).trained["Next"].start == "Mine"
    words = ["model Next", "losses.artifact", "generators.mine has dropout 0.5", "use a generator with dropout 0.0"]
    refused([*changes, ldl | {"generator": "mine"}], *words)


def test_its_hours_are_estimated(planned: Callable[..., Plan]) -> None:
    plan = planned(*with_mine())
    rates = Rates.model_validate({"gpu": "some GPU", "rates": {"shallow": {"tflops": 1, "source": "measured"}}})
    assert plan.trained["Mine"].method.patch_size == 64
    passes = 3 * (2 * 3 * 6 + 2 * 9 * 6 * 48) - 2 * 3 * 6
    iterations, batch = plan.trained["Mine"].method.iterations, plan.trained["Mine"].method.batch_size
    # LR of 16 x 16 pixels is padded to 18 x 18
    assert gpu_hours(plan, rates)["Mine"] == pytest.approx(iterations * batch * passes * 18**2 / 1e12 / 3600)


def test_its_flops_are_those_that_torch_counts() -> None:
    options = MINE | {"dropout": 0.0}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build_generator(options, 4)(torch.zeros(1, 3, 7, 12))
    assert generator_flops(options, 4, padded_pixels(options, 4, 7, 12)) == counter.get_total_flops()


def test_its_blocks_are_compiled() -> None:
    engine = Engine.of_settings(torch.device("cpu"), ResultSettings(compile=True), "shallow")
    generator = engine.compiled(build_generator(MINE, 4))
    compiled = [name for name, module in generator.named_modules() if module._compiled_call_impl is not None]
    assert compiled == ["block"]


def test_weights_under_the_names_of_others_are_adopted(tmp_path: Path) -> None:
    network: nn.Module = build_generator(MINE, 4)
    theirs = {key.replace("block.", "theirs."): value for key, value in network.state_dict().items()}
    torch.save(theirs, tmp_path / "theirs.pth")
    job = AdoptJob(code=1, scale=4, generator=MINE, released=ReleasedFile(file="theirs.pth"))
    adopt_released_model(job, "Theirs", tmp_path / "theirs.pth", tmp_path / "model")
    assert (tmp_path / "model" / "generator.safetensors").is_file()
