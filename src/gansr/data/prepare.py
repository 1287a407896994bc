"""A dataset's HR and LR images for one scale."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from gansr.atomic import atomic_folder
from gansr.config.dataset import Dataset, image_files
from gansr.data.bicubic import imresize
from gansr.data.images import crop_to_multiple, read_rgb, write_png
from gansr.errors import UserError
from gansr.progress import progress

# PSNR crops 4 pixels from each side and SSIM then needs a window of 11.
SMALLEST_BENCHMARK_IMAGE = 4 + 11 + 4


def prepare_images(dataset: Dataset, name: str, scale: int, output: Path) -> None:
    """Write `output`/HR and `output`/LR: 8-bit RGB PNG, one pair per image.

    HR is cropped to a multiple of the scale; LR is HR reduced by MATLAB bicubic and rounded to 8 bit.

    Raises:
        UserError: an image is missing, broken, refused (see `read_rgb`) or too small.
    """
    files = image_files(dataset, name)
    with atomic_folder(output) as folder:
        (folder / "HR").mkdir()
        (folder / "LR").mkdir()
        for file in progress(files, f"{name} x{scale}"):
            hr = crop_to_multiple(read_rgb(file), scale)
            smallest = max(SMALLEST_BENCHMARK_IMAGE if dataset.role == "benchmark" else 0, scale)
            if min(hr.shape[:2]) < smallest:
                height, width = hr.shape[:2]
                raise UserError(f"{file}: {height} x {width} is too small, at least {smallest} is needed; remove it")
            write_png(folder / "HR" / f"{file.stem}.png", hr)
            write_png(folder / "LR" / f"{file.stem}.png", imresize(hr, Fraction(1, scale)))
