"""A dataset's HR and LR images for one scale."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from gansr.atomic import atomic_folder
from gansr.config.dataset import Dataset
from gansr.config.dataset_files import image_files, lr_files
from gansr.data.bicubic import imresize
from gansr.data.images import crop_to_multiple, read_rgb, write_png
from gansr.errors import UserError
from gansr.paths import hr_images, lr_images
from gansr.progress import Progress, progress

# PSNR and SSIM crop 4 pixels from each side; SSIM's window then needs 11.
SMALLEST_BENCHMARK_IMAGE = 4 + 11 + 4


@dataclass(frozen=True)
class Preparation:
    """The preparation of one image; `lr_file` is its LR image where the dataset has one."""

    file: Path
    lr_file: Path | None
    scale: int
    smallest: int
    has_hr: bool
    output: Path

    def write(self) -> None:
        """Write HR and LR of the image under its name.

        Raises:
            UserError: the image is broken, refused (see `read_rgb`) or too small, or its LR is of another size.
        """
        image = read_rgb(self.file)
        if self.has_hr and self.lr_file is None:
            image = crop_to_multiple(image, self.scale)
        height, width = image.shape[:2]
        if min(height, width) < self.smallest:
            raise UserError(
                f"{self.file}: {height} x {width} is too small, at least {self.smallest} is needed; remove it"
            )
        name = f"{self.file.stem}.png"
        if self.has_hr:
            write_png(hr_images(self.output) / name, image)
        write_png(lr_images(self.output) / name, self._lr(image))

    def _lr(self, image: np.ndarray) -> np.ndarray:
        if not self.has_hr:
            return image
        if self.lr_file is None:
            return imresize(image, Fraction(1, self.scale))
        lr = read_rgb(self.lr_file)
        if image.shape[:2] != (lr.shape[0] * self.scale, lr.shape[1] * self.scale):
            sizes = " x ".join(map(str, image.shape[:2])), " x ".join(map(str, lr.shape[:2]))
            raise UserError(
                f"{self.file}: {sizes[0]} is not {self.scale} times its LR image {self.lr_file.name} ({sizes[1]}); "
                f"replace one of them"
            )
        return lr


def prepare_images(dataset: Dataset, name: str, scale: int, output: Path, threads: int = 1) -> None:
    """Write `output`/HR and `output`/LR: 8-bit RGB PNG, one pair per image.

    HR is cropped to a multiple of the scale; LR is HR reduced by MATLAB bicubic and rounded to 8 bit. Where
    the dataset has an LR folder, both are taken as they are; without HR there is LR alone. `threads`
    processes work side by side, each with one image in memory.

    Raises:
        UserError: an image is missing, broken, refused (see `read_rgb`) or too small, or HR and LR do not pair.
    """
    with atomic_folder(output) as folder:
        write_images(dataset, name, scale, folder, threads)


def write_images(dataset: Dataset, name: str, scale: int, folder: Path, threads: int = 1) -> None:
    """Write HR and LR as `prepare_images` does, but into an existing folder."""
    lr = lr_files(dataset, name, scale) if dataset.lr_folder else {}
    smallest = SMALLEST_BENCHMARK_IMAGE if dataset.role == "benchmark" else 1
    smallest = max(smallest, scale) if dataset.has_hr else 1
    for of in (hr_images, lr_images) if dataset.has_hr else (lr_images,):
        of(folder).mkdir()
    steps = [
        Preparation(file, lr.get(file.stem), scale, smallest, dataset.has_hr, folder)
        for file in image_files(dataset, name)
    ]
    _write_all(steps, f"{name} x{scale}", threads)


def _write_all(steps: list[Preparation], title: str, threads: int) -> None:
    if threads == 1 or len(steps) == 1:
        for step in progress(steps, title):
            step.write()
        return
    counter = Progress(title, len(steps), unit="image")
    with ProcessPoolExecutor(threads) as processes:
        running = [processes.submit(step.write) for step in steps]
        try:
            for done in as_completed(running):
                done.result()
                counter.advance()
        except BrokenProcessPool:
            raise UserError(
                f"{title}: a process was killed, for lack of memory perhaps; give it fewer --threads"
            ) from None
        except BaseException:
            processes.shutdown(cancel_futures=True)
            raise
    counter.close()
