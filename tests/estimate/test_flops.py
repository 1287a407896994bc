"""The FLOP of networks and of training iterations, against torch's own counter and published figures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gansr.config.method import network_options
from gansr.estimate.flops import (
    discriminator_flops,
    generator_flops,
    padded_pixels,
    training_flops,
)
from gansr.losses.base import LossContext
from gansr.networks.build import build_critic, build_generator
from gansr.networks.judges.vgg19 import VGG19Features
from gansr.plan.models import TrainedModel
from gansr.plan.plan import Plan
from gansr.schema import plugins
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

SMALL = {
    "srresnet": {"network": "srresnet", "features": 4, "blocks": 2},
    "rrdb": {"network": "rrdb", "features": 6, "blocks": 1},
    "swinir": {"network": "swinir", "features": 12, "groups": 2, "blocks": 3, "heads": 3},
}
PAPER_SIZE = {"srresnet": 5.2, "rrdb": 36.7, "swinir": 26.8}  # GFLOP forward, LR 32 x 32, x4
LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}


def counted(work: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def counted_forward(network: nn.Module, *shape: int) -> int:
    with torch.no_grad():
        return counted(lambda: network(torch.zeros(shape)))


def paper_size(network: str) -> dict[str, Any]:
    return network_options("generator", {"network": network})


def vgg19_flops(layers: Iterable[str], width: int, patch: int) -> float:
    """Of one pass; the perceptual loss takes three."""
    flops = plugins.function("loss", "perceptual", "flops")
    assert flops is not None
    return float(flops({"layers": list(layers), "width": width}, patch, 4)) / 3


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A generator and a critic whose files do not tell their layers."""
    (tmp_path / "mine.py").write_text("def build(size): ...\n", encoding="utf-8")
    monkeypatch.setitem(plugins.FOLDERS, "generator", str(tmp_path))
    monkeypatch.setitem(plugins.FOLDERS, "critic", str(tmp_path))
    return "mine"


# ---- forward passes


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(
    "given",
    [
        SMALL["srresnet"],
        {"network": "srresnet", "features": 7, "blocks": 5},
        SMALL["rrdb"],
        {"network": "rrdb", "features": 33, "blocks": 2},
        SMALL["swinir"],
        {"network": "swinir", "features": 20, "groups": 1, "blocks": 1, "heads": 2, "drop_path": 0.3},
    ],
)
@pytest.mark.parametrize(("height", "width"), [(8, 24), (13, 9)])
def test_a_generators_flops_are_those_that_torch_counts(
    given: dict[str, Any], scale: int, height: int, width: int
) -> None:
    options = network_options("generator", given)
    found = generator_flops(options, scale, 2 * padded_pixels(options, scale, height, width))
    assert found == counted_forward(build_generator(options, scale), 2, 3, height, width)


@pytest.mark.parametrize(
    ("given", "patch"),
    [
        ({"network": "vgg", "features": 3}, 32),
        ({"network": "vgg", "features": 2, "stages": 5}, 96),
        ({"network": "vgg", "features": 2, "stages": 6}, 64),
        ({"network": "unet_sn", "features": 4}, 32),
        ({"network": "unet_sn", "features": 5}, 24),
    ],
)
def test_a_discriminators_flops_are_those_that_torch_counts(given: dict[str, Any], patch: int) -> None:
    options = network_options("critic", given)
    network = build_critic(options, patch)
    found = discriminator_flops(options, patch)
    assert found is not None
    assert 2 * found == counted_forward(network, 2, 3, patch, patch)


@pytest.mark.parametrize("network", ["vgg", "unet_sn"])
def test_a_critic_of_more_channels_has_a_larger_first_layer(network: str) -> None:
    options = network_options("critic", {"network": network, "features": 2})
    layers = plugins.function("critic", network, "layers")
    assert layers is not None
    found = sum(2 * side**2 * inputs * outputs * pixels for inputs, outputs, side, pixels in layers(options, 32, 6))
    assert 2 * found == counted_forward(build_critic(options, 32, 6), 2, 6, 32, 32)


@pytest.mark.parametrize(
    "layers", [["conv1_1"], ["conv2_2", "conv1_2"], ["conv3_3"], ["conv5_4"], ["conv5_1", "conv4_4"]]
)
@pytest.mark.parametrize(("width", "patch"), [(4, 32), (3, 50)])
def test_vgg19s_flops_are_those_that_torch_counts(layers: list[str], width: int, patch: int) -> None:
    assert vgg19_flops(layers, width, patch) == counted_forward(VGG19Features(layers, width), 1, 3, patch, patch)


def test_what_is_not_known_has_no_flops(mine: str) -> None:
    assert generator_flops({"network": mine, "features": 64}, 4, 1024) is None
    assert discriminator_flops({"network": mine, "features": 64}, 32) is None
    assert discriminator_flops(None, 32) == 0


# ---- training iterations


def toy(planned: Callable[..., Plan], model: str, *changes: Any) -> TrainedModel:
    plan = planned(
        "generators", {"small": SMALL["srresnet"], "dense": SMALL["rrdb"]},
        "overrides/pretrain/batch_size", 2,
        "overrides/finetune/batch_size", 3,
        "overrides/finetune/discriminator", {"features": 2},
        *changes,
    )  # fmt: skip
    return plan.trained[model]


def counted_iteration(trained: TrainedModel, scale: int) -> int:
    method = trained.job.method.model_dump(mode="json")
    generator, engine = build_generator(trained.network_options, scale), Engine(torch.device("cpu"))
    step = TrainingStep(generator, method, LossContext(0), engine)
    hr = torch.rand(method["batch_size"], 3, method["patch_size"], method["patch_size"])
    return counted(lambda: step(hr[..., ::scale, ::scale].contiguous(), hr))


@pytest.mark.parametrize("model", ["Base", "Base+GAN", "Base+LDL", "Dense", "Beby"])
def test_an_iterations_flops_are_those_that_torch_counts(planned: Callable[..., Plan], model: str) -> None:
    trained = toy(planned, model)
    # what is missing is the luma of Beby-GAN's region mask
    assert training_flops(trained, 4) == pytest.approx(counted_iteration(trained, 4), rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        ["overrides/finetune/losses/perceptual/weight", 0],
        ["overrides/finetune/losses/adversarial", {"weight": 0}],
        ["overrides/finetune/losses/artifact", {"weight": 0}],
        ["overrides/finetune/losses/artifact", {"ema_refine": False}],
        ["overrides/finetune/discriminator", {"network": "unet_sn", "features": 3}],
        ["overrides/finetune/patch_size", 128],
        ["generators/small", SMALL["swinir"], "overrides/pretrain/patch_size", 32],
    ],
)
def test_an_iterations_flops_follow_the_methods_settings(planned: Callable[..., Plan], changes: list[Any]) -> None:
    trained = toy(planned, "Base+LDL", *changes)
    assert training_flops(trained, 4) == pytest.approx(counted_iteration(trained, 4), rel=1e-6)


@pytest.mark.parametrize("variant", ["release", "paper"])
def test_an_iterations_flops_are_those_of_both_readings_of_beby_gan(planned: Callable[..., Plan], variant: str) -> None:
    trained = toy(planned, "Beby", "models/4/variant", variant, "overrides/finetune/losses/best_buddy", {"alpha": 0.5})
    assert training_flops(trained, 4) == pytest.approx(counted_iteration(trained, 4), rel=2e-3)


@pytest.mark.parametrize("network", ["srresnet", "rrdb", "swinir"])
def test_an_iterations_flops_are_right_at_scale_2_and_where_patches_are_padded(
    planned: Callable[..., Plan], network: str
) -> None:
    trained = toy(
        planned,
        "Base",
        "scale",
        2,
        "tables",
        {},
        "generators/small",
        SMALL[network],
        "overrides/pretrain/patch_size",
        22,
    )
    assert training_flops(trained, 2) == pytest.approx(counted_iteration(trained, 2), rel=1e-6)


@pytest.mark.parametrize("kind", ["generator", "critic"])
def test_an_iteration_of_a_network_that_is_not_known_has_no_flops(
    planned: Callable[..., Plan], mine: str, monkeypatch: pytest.MonkeyPatch, kind: plugins.Kind
) -> None:
    folder = plugins.FOLDERS[kind]
    monkeypatch.undo()
    trained = toy(planned, "Base+LDL")
    monkeypatch.setitem(plugins.FOLDERS, kind, folder)
    if kind == "generator":
        trained.network_options["network"] = mine
    else:
        trained.method.critics["adversarial"]["network"] = mine
    assert training_flops(trained, 4) is None


# ---- published figures


@pytest.mark.parametrize("name", PAPER_SIZE)
def test_forward_passes_are_the_published_ones(name: str) -> None:
    found = generator_flops(paper_size(name), 4, 32**2)
    assert found == pytest.approx(PAPER_SIZE[name] * 1e9, rel=0.01)


@pytest.mark.parametrize(("method", "published"), [("psnr", 110.1), ("gan", 193 - 2 * 4.45), ("ldl", 230 - 2 * 4.45)])
def test_iterations_are_the_published_ones(planned: Callable[..., Plan], method: str, published: float) -> None:
    """GFLOP of one HR patch of 128; the authors' codes take two passes of the discriminator more than ours."""
    plan = planned("overrides", {}, "generators/small", paper_size("rrdb"), "download", True)
    trained = plan.trained[{"psnr": "Base", "gan": "Base+GAN", "ldl": "Base+LDL"}[method]]
    found = training_flops(trained, 4)
    assert found is not None
    assert found / trained.method.batch_size == pytest.approx(published * 1e9, rel=0.01)


def test_the_papers_discriminator_and_vgg19_are_the_published_ones() -> None:
    critic = discriminator_flops(network_options("critic", {"network": "vgg", "features": 64}), 128)
    assert critic == pytest.approx(4.45e9, rel=0.01)
    assert vgg19_flops(LAYERS, 64, 128) == pytest.approx(12.7e9, rel=0.01)


def test_torch_is_not_imported() -> None:
    """The Snakefile imports it, and importing torch takes seconds."""
    code = "import sys, gansr.estimate.gpu_hours, gansr.estimate.flops; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
