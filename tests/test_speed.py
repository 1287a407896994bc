"""The benchmarks compare two forms of the same: what they return is equal within the stated tolerance."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from gansr.training.engine import Engine

FOLDER = Path(__file__).parents[1] / "speed"


@pytest.fixture(scope="module")
def kernels() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import kernels

        yield kernels
    sys.modules.pop("kernels", None), sys.modules.pop("plain", None)


def largest_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max())


def test_the_artifact_map_and_its_gradient_are_the_plain_ones(kernels: ModuleType) -> None:
    for kernel in kernels.artifact_kernels():
        assert largest_difference(kernel.plain(), kernel.fast()) < 1e-6


def test_best_buddies_are_the_plain_ones_except_at_near_ties(kernels: ModuleType) -> None:
    (kernel,) = kernels.best_buddy_kernels()
    (loss, index, gradient), (fast_loss, fast_index, fast_gradient) = kernel.plain(), kernel.fast()
    assert fast_loss.item() == pytest.approx(loss.item(), rel=1e-5)
    same = (index == fast_index)[0]
    assert same.float().mean() > 0.995
    one, other = (kernels.cut_patches(image)[:, same] for image in (gradient, fast_gradient))
    assert torch.equal(one, other)
    assert "scores" in kernel.deviation(kernel.plain(), kernel.fast())


def test_the_region_mask_and_the_8_bit_images_are_identical(kernels: ModuleType) -> None:
    mask, back, convolution, resize, rows = kernels.bicubic_kernels()
    assert torch.equal(mask.plain(), mask.fast())
    assert 0.1 < mask.fast().float().mean() < 0.99
    assert largest_difference(back.plain(), back.fast()) < 1e-6
    assert largest_difference(convolution.plain(), convolution.fast()) < 1e-6
    assert np.array_equal(resize.plain(), resize.fast())
    assert np.array_equal(rows.plain(), rows.fast())


def test_patches_of_the_store_are_those_of_the_png_files(kernels: ModuleType, tmp_path: Path) -> None:
    (kernel,) = kernels.patch_kernels(tmp_path)
    assert np.array_equal(kernel.plain(), kernel.fast())


def test_memory_is_measured_beyond_what_is_there(kernels: ModuleType) -> None:
    grown = kernels.peak_mebibytes(lambda: np.ones(8 * 2**20))
    assert 60 < grown < 70


def test_the_patch_store_is_measured_against_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import patch_store

    monkeypatch.setattr(patch_store, "HEIGHT", 720)
    monkeypatch.setattr(patch_store, "WIDTH", 960)
    patch_store.write_images(tmp_path / "images", 2)
    assert patch_store.write_sub_images(tmp_path / "images", tmp_path / "sub") == 2 * 2 * 3
    seconds, megabytes = patch_store.build(tmp_path / "images", tmp_path / "store")
    assert seconds > 0 and megabytes > 10
    assert patch_store.read_store(tmp_path / "store", 3, 0) > 0
    assert patch_store.read_sub_images(tmp_path / "sub", 12, 3, 0) > 0
    sys.modules.pop("patch_store")


@pytest.fixture(scope="module")
def training() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import training

        yield training
    for name in ("training", "plain_step", "plain"):
        sys.modules.pop(name, None)


def training_arguments(**changes: Any) -> argparse.Namespace:
    small = {"features": 8, "blocks": 1, "batch": 2, "patch": 32, "iterations": 1, "precision": "fp32"}
    flags = dict.fromkeys(("graph", "compile", "nchw", "fast_only"), False)
    return argparse.Namespace(**small | flags | changes)


def test_training_is_measured_beside_the_plain_step(training: ModuleType) -> None:
    words = training.measure("srresnet", "pretrain", training_arguments(), None).split()
    network, method, rate, samples, plain, ratio, memory, work = words
    assert (network, method) == ("srresnet", "pretrain")
    assert float(samples) == pytest.approx(2 * float(rate), abs=0.1)
    assert float(ratio.removesuffix("x")) == pytest.approx(float(rate) / float(plain), rel=0.05, abs=0.02)
    assert float(memory) > 0 and float(work) >= 0
    alone = training.measure("srresnet", "pretrain", training_arguments(fast_only=True, nchw=True), 1e12).split()
    assert len(alone) == 7 and alone[-1].endswith("%")  # without the plain step, with the share of a device's rate


def test_the_flop_of_a_training_iteration_are_those_of_its_passes(training: ModuleType) -> None:
    """The backward pass makes twice the forward pass's, of the first convolution once: its input has no gradient."""
    method = training.method_of("pretrain", 2, 32)
    step = training.fast_step("srresnet", {"features": 8, "blocks": 1}, method, Engine(torch.device("cpu")))
    per_pixel = 2 * 9 * np.array([3 * 8, 8 * 8, 8 * 8, 8 * 32, 8 * 32, 8 * 8, 8 * 3])
    pixels = 2 * np.array([8 * 8, 8 * 8, 8 * 8, 8 * 8, 16 * 16, 32 * 32, 32 * 32])
    passes = np.array([2, 3, 3, 3, 3, 3, 3])
    lr, hr = training.batch_of(method, torch.device("cpu"))
    assert training.flop(step, lr, hr) == (per_pixel * pixels * passes).sum()


@pytest.mark.parametrize("name", ["pretrain", "gan", "ldl", "beby"])
def test_the_methods_that_are_measured_are_the_papers(training: ModuleType, name: str) -> None:
    method = training.method_of(name, 8, None)
    file = yaml.safe_load((FOLDER.parent / "config" / "methods" / f"{training.METHODS[name]}.yaml").read_text("utf-8"))
    assert {term: given["weight"] for term, given in method["losses"].items()} == {
        term: given["weight"] for term, given in file["losses"].items()
    }
    assert (method["batch_size"], method["patch_size"]) == (8, file["patch_size"])


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "path", list(sys.path))  # the benchmark adds the folder of its seeded weights
    import scores

    yield scores
    sys.modules.pop("scores")


def test_scores_are_those_of_the_libraries(scores: ModuleType, tmp_path: Path) -> None:
    scores.write_images(tmp_path, 2)
    assert [file.name for file in sorted((tmp_path / "SR").iterdir())] == ["chelsea.png", "coffee.png"]
    expected = scores.by_numpy(tmp_path, {})
    found = scores.by_gansr(tmp_path, {}, list(expected))
    assert {metric: set(images) for metric, images in found.items()} == {
        metric: {"chelsea", "coffee"} for metric in ("psnr_y", "ssim_y")
    }
    assert scores.deviation(expected, found) < 1e-8
    assert 20 < expected["psnr_y"]["chelsea"] < 40


def test_the_deviation_is_the_largest_one_relative_to_the_score(scores: ModuleType) -> None:
    expected = {"psnr_y": {"one": 20.0, "two": 40.0}, "lpips_alex": {"one": 0.5, "two": 0.25}}
    assert scores.deviation(expected, expected) == 0
    found = {"psnr_y": {"one": 20.0, "two": 41.0}, "lpips_alex": {"one": 0.5, "two": 0.2}}
    assert scores.deviation(expected, found) == pytest.approx(0.2)


def test_cpu_time_is_that_of_the_run(scores: ModuleType) -> None:
    seconds, found = scores.cpu_seconds(lambda: {"gradients": {"on": float(torch.is_grad_enabled())}})
    assert seconds >= 0 and found == {"gradients": {"on": 0.0}}
