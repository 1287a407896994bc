"""The losses of five iterations of every method, in float64, are those that were recorded.

They hold every formula, schedule and optimiser at once. Record them anew (python -m
tests.training.test_recorded_losses) only in a commit that says which number changed and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansr.config.catalog import Catalog
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).parent / "recorded_losses.json"
SCALE, PATCH, BATCH, ITERATIONS = 4, 32, 2, 5
GENERATORS = {
    "srresnet": {"network": "srresnet", "features": 4, "blocks": 1},
    "rrdb": {"network": "rrdb", "features": 4, "blocks": 1},
    "swinir": {"network": "swinir", "features": 8, "groups": 1, "blocks": 2, "heads": 2},
    "swinir_pretrain": {"network": "swinir", "features": 8, "groups": 1, "blocks": 2, "heads": 2, "drop_path": 0.1},
}
PRETRAINED = {"srresnet": "psnr_srresnet", "rrdb": "psnr", "swinir": "psnr_swinir"}  # to start from; never trained
SMALL = {"iterations": 30, "batch_size": BATCH, "patch_size": PATCH, "ema_decay": 0.9}
SMALL |= {"optimizer": {"learning_rate": 1e-3}}
RUN: dict[str, Any] = {
    "run": "recorded",
    "scale": SCALE,
    "train_dataset": "photographs",
    "benchmarks": ["photos"],
    "metrics": ["psnr_y"],
    "generators": GENERATORS,
    "overrides": {
        "pretrain": SMALL | {"schedule": {"milestones": [20], "periods": 3}},
        "finetune": SMALL
        | {
            "schedule": {"warmup": 3, "milestones": [10, 20]},
            "discriminator": {"features": 2, "stages": 5},
            "losses": {"perceptual": {"weights": "random", "width": 2}},
        },
    },
}


def parts(case: str) -> tuple[str, str, str]:
    """Method, variant and generator of a case such as "ldl (paper) on srresnet"."""
    method, _, rest = case.partition(" (")
    variant, _, generator = rest.partition(") on ")
    return method, variant, generator


@cache
def planned() -> Plan:
    """Every recorded case as a model of one run."""
    models = [{"name": f"{name} start", "generator": name, "method": method} for name, method in PRETRAINED.items()]
    for case in json.loads(RECORD.read_text()):
        method, variant, generator = parts(case)
        model: dict[str, Any] = {"name": case, "generator": generator, "method": method}
        model |= {"variant": variant} if variant != "release" else {}
        models.append(model | ({} if method.startswith("psnr") else {"start": f"{generator} start"}))
    return load_plan(RUN | {"models": models}, "run", Catalog(ROOT / "config"))


@contextmanager
def everything_in_float64() -> Iterator[None]:
    """Losses that ask for float32 get float64, so that every digit counts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "float", lambda self: self.double())
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Noise that is coarse and fine, flat at the left, where Beby-GAN's mask is to find no texture."""
    random = torch.Generator().manual_seed(1)
    for _ in range(ITERATIONS):
        coarse = torch.rand(BATCH, 3, 8, 8, generator=random, dtype=torch.float64)
        hr = F.interpolate(coarse, size=(PATCH, PATCH), mode="bicubic", align_corners=False)
        noisy = hr + 0.05 * torch.randn(hr.shape, generator=random, dtype=torch.float64)
        contrast = torch.linspace(-0.5, 1, PATCH, dtype=torch.float64).clamp_min(0.01)
        hr = (0.5 + contrast * (noisy - 0.5)).clamp(0, 1)
        lr = F.avg_pool2d(hr, SCALE)
        yield (lr + 0.002 * torch.randn(lr.shape, generator=random, dtype=torch.float64)).clamp(0, 1), hr


def networks_of(thing: Any, seen: set[int]) -> Iterator[nn.Module]:
    """Every network that a step holds, wherever it keeps it."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, nn.Module):
        yield thing
    elif isinstance(thing, dict | list | tuple):
        for inner in thing.values() if isinstance(thing, dict) else thing:
            yield from networks_of(inner, seen)
    elif type(thing).__module__.startswith("gansr") and hasattr(thing, "__dict__"):
        yield from networks_of(vars(thing), seen)


def losses_of(case: str) -> list[dict[str, float]]:
    """Weights are drawn in float32, as in a training, and then made float64."""
    job = planned().trained[case].job
    torch.manual_seed(0)
    generator = build_generator(job.generator, SCALE).double()
    step = TrainingStep(generator, job.method.model_dump(mode="json"), LossContext(0), Engine(torch.device("cpu")))
    for network in networks_of(step, set()):
        network.double()
    torch.manual_seed(2)  # of stochastic depth
    with everything_in_float64():
        return [{name: value.item() for name, value in step(lr, hr).items()} for lr, hr in batches()]


@pytest.mark.parametrize("case", json.loads(RECORD.read_text()))
def test_losses_are_those_that_were_recorded(case: str) -> None:
    recorded = json.loads(RECORD.read_text())[case]
    found = losses_of(case)
    assert [set(values) for values in found] == [set(values) for values in recorded]
    for values, expected in zip(found, recorded, strict=True):
        for name, value in values.items():
            assert value == pytest.approx(expected[name], rel=1e-9), name


def test_every_method_is_recorded() -> None:
    files = {file.stem for file in (ROOT / "config" / "methods").glob("*.yaml")}
    assert {parts(case)[0] for case in json.loads(RECORD.read_text())} == files


if __name__ == "__main__":
    cases = {case: losses_of(case) for case in json.loads(RECORD.read_text())}
    RECORD.write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")
