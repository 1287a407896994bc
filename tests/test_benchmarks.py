"""The benchmark compares two forms of the same: what they return is equal within the stated tolerance."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def kernels() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        import kernels

        yield kernels
    sys.modules.pop("kernels"), sys.modules.pop("plain")


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
