"""SR images of a benchmark: by a trained generator, or by MATLAB bicubic."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gansr.atomic import atomic_folder
from gansr.data.bicubic import imresize
from gansr.data.images import list_pngs, read_prepared, write_png
from gansr.data.mad_patches import PatchWithContext
from gansr.errors import UserError
from gansr.metrics.pair import luma
from gansr.networks.build import build_generator, device
from gansr.networks.weight_files import load_weights
from gansr.progress import progress

Upscale = Callable[[np.ndarray], np.ndarray]


def bicubic_upscale(scale: int) -> Upscale:
    """H x W x 3 uint8 to its MATLAB-bicubic enlargement, uint8."""
    return lambda lr: imresize(lr, scale)


def bicubic_luma(hr: np.ndarray, scale: int) -> np.ndarray:
    """HR, H x W x 3 uint8, to its rounded luma reduced and enlarged by MATLAB bicubic, H x W uint8.

    The older protocol of the field, behind most bicubic columns in papers: of luma alone, in floating point between
    the rounded luma of HR and the rounded result.
    """
    enlarged = imresize(imresize(luma(hr, rounded=True), Fraction(1, scale)), scale)
    return np.clip(np.floor(enlarged + 0.5), 0, 255).astype(np.uint8)


def generator_upscale(network_options: dict[str, Any], scale: int, weights: Path) -> Upscale:
    """H x W x 3 uint8 to the generator's SR, clipped and rounded to uint8; whole images, no tiles."""
    place = device()
    generator = build_generator(network_options, scale)
    load_weights(generator, weights)
    generator.to(place).eval()

    def upscale(lr: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            sr = generator(_to_batch(lr, place))[0].clamp(0, 1).mul(255).round().byte()
        pixels: np.ndarray = sr.permute(1, 2, 0).cpu().numpy()
        return pixels

    return upscale


def upscale_patch(generator: nn.Module, patch: PatchWithContext) -> Tensor:
    """SR of a patch, 3 x H x W float32 on the CPU, not clipped; the context around it is cut off again."""
    place = next(generator.parameters()).device
    with torch.no_grad():
        sr: Tensor = generator(_to_batch(patch.lr, place))[0]
    return sr[:, patch.rows, patch.columns].float().cpu()


def _to_batch(lr: np.ndarray, place: torch.device) -> Tensor:
    """H x W x 3 uint8 to 1 x 3 x H x W in [0, 1]."""
    return torch.from_numpy(lr.copy()).to(place).permute(2, 0, 1)[None].float() / 255


def upscale_luma(images: Path, scale: int, title: str, output: Path) -> None:
    """Write bicubic of luma alone of every HR image of a benchmark folder as a gray PNG under the same name."""
    files = list_pngs(images / "HR")
    if not files:
        raise UserError(f"{images}/HR: no images; remove the folder {images} and run again")
    with atomic_folder(output) as folder:
        for name in progress(list(files), title):
            write_png(folder / f"{name}.png", bicubic_luma(read_prepared(files[name]), scale))


def upscale_benchmark(upscale: Upscale, images: Path, title: str, output: Path) -> None:
    """Write the SR of every LR image of a benchmark folder as PNG under the same name."""
    files = list_pngs(images / "LR")
    if not files:
        raise UserError(f"{images}/LR: no images; remove the folder {images} and run again")
    with atomic_folder(output) as folder:
        for name in progress(list(files), title):
            write_png(folder / f"{name}.png", upscale(read_prepared(files[name])))
