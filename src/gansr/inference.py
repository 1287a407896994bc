"""Write the SR images of a benchmark, upscaled by a generator (upscaling.py) or by MATLAB bicubic (without torch)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from gansr.atomic import atomic_folder
from gansr.data.bicubic import imresize
from gansr.data.images import list_pngs, read_prepared, write_png
from gansr.errors import UserError
from gansr.metrics.pair import luma
from gansr.paths import hr_images, lr_images
from gansr.progress import progress

Upscale = Callable[[np.ndarray], np.ndarray]


def bicubic_upscale(scale: int) -> Upscale:
    """A function that enlarges H x W x 3 uint8 by MATLAB bicubic, to uint8."""
    return lambda lr: imresize(lr, scale)


def bicubic_luma(hr: np.ndarray, scale: int) -> np.ndarray:
    """Luma of HR (H x W x 3 uint8), reduced and enlarged again by MATLAB bicubic, H x W uint8.

    This is the older protocol, by which most bicubic columns in papers were computed. Luma of HR and the result are
    rounded, the reduced image in between is not.
    """
    enlarged = imresize(imresize(luma(hr, rounded=True), Fraction(1, scale)), scale)
    return np.clip(np.floor(enlarged + 0.5), 0, 255).astype(np.uint8)


def upscale_luma(images: Path, scale: int, title: str, output: Path) -> None:
    """Write `bicubic_luma` of every HR image of a benchmark folder as a gray PNG under the same name."""
    files = list_pngs(hr_images(images))
    if not files:
        raise UserError(f"{hr_images(images)}: no images; remove the folder {images} and run again")
    with atomic_folder(output) as folder:
        for name in progress(list(files), title):
            write_png(folder / f"{name}.png", bicubic_luma(read_prepared(files[name]), scale))


def upscale_benchmark(upscale: Upscale, images: Path, title: str, output: Path) -> None:
    """Write the SR of every LR image of a benchmark folder as PNG under the same name."""
    files = list_pngs(lr_images(images))
    if not files:
        raise UserError(f"{lr_images(images)}: no images; remove the folder {images} and run again")
    with atomic_folder(output) as folder:
        for name in progress(list(files), title):
            write_png(folder / f"{name}.png", upscale(read_prepared(files[name])))
