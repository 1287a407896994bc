"""A benchmark without its gray images."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

from gansr.atomic import atomic_folder
from gansr.data.images import list_pngs, read_prepared
from gansr.errors import UserError
from gansr.paths import hr_images, lr_images
from gansr.progress import progress


def leave_out_gray(images: Path, name: str, expected: int | None, output: Path) -> None:
    """Copy a benchmark's prepared images, except the gray ones.

    An image is gray if its three channels are equal everywhere, whether it was stored with one channel or three.

    Args:
        images: the benchmark's prepared folder with HR and LR.
        name: the subset's name, for messages.
        expected: its number of images, where known.
        output: the subset's prepared folder.

    Raises:
        UserError: another number of images remains, or none.
    """
    files = list_pngs(hr_images(images))
    kept = [image for image in progress(list(files), name) if not _is_gray(files[image])]
    if not kept or len(kept) != (expected or len(kept)):
        raise UserError(
            f"dataset {name}: {len(kept)} of the {len(files)} images in {images} are not gray, expected "
            f"{expected or 'one at least'}; correct its number of images"
        )
    with atomic_folder(output) as folder:
        for of in (hr_images, lr_images):
            of(folder).mkdir()
            for image in kept:
                copyfile(of(images) / f"{image}.png", of(folder) / f"{image}.png")


def _is_gray(file: Path) -> bool:
    image = read_prepared(file)
    return bool((image == image[..., :1]).all())
