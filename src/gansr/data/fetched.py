"""Prepare images from an archive that was fetched."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from shutil import copyfile, rmtree

import numpy as np

from gansr.atomic import atomic_folder
from gansr.checksum import checksum
from gansr.config.dataset import Dataset, Source
from gansr.data.images import list_pngs, read_prepared, read_rgb
from gansr.data.prepare import write_images
from gansr.data.receipts import read_receipt
from gansr.data.unpack import unpack
from gansr.errors import UserError
from gansr.paths import lr_images

logger = logging.getLogger("gansr")

RELEASED_LR = "released_lr.json"
SOURCE = "source.json"  # the receipt of the archive that the images are from


def prepare_fetched(
    dataset: Dataset, name: str, scale: int, receipt: Path, archives: Path, output: Path, threads: int = 1
) -> None:
    """Prepare images (see `prepare_images`) from a fetched archive; compare LR in the archive with LR made here.

    Needs disk space for the unpacked images until it is done.

    Args:
        dataset: the dataset, whose `sources` `fetch` has tried.
        name: the dataset's name.
        scale: HR is this many times larger than LR.
        receipt: what `fetch` wrote.
        archives: the folder in which `fetch` keeps the archives.
        output: the dataset's prepared folder.
        threads: processes side by side.

    Raises:
        UserError: the archive is gone or changed, or does not hold the images that the dataset has.
    """
    fetched = read_receipt(receipt)
    source = next((source for source in dataset.sources if source.file == fetched["file"]), None)
    if source is None:
        raise UserError(f"{receipt}: {fetched['file']} is no source of {name} any more; remove {receipt} and run again")
    archive = archives / source.file
    if source.sha256 not in (None, fetched["sha256"]):
        raise UserError(
            f"{receipt}: is of an archive with the sha256 {fetched['sha256']}, the dataset's entry says "
            f"{source.sha256}; remove it and run again"
        )
    if not archive.is_file() or checksum(archive) != fetched["sha256"]:
        raise UserError(f"{archive}: gone, or not the file that {receipt} is about; remove {receipt} and run again")
    with atomic_folder(output) as folder:
        originals = folder / "originals"
        originals.mkdir()
        _check_images_md5(archive, source, unpack(archive, source.images, originals))
        unpacked = Dataset(
            role=dataset.role, folder=originals, images=dataset.images, names=dataset.names, has_hr=dataset.has_hr
        )
        with _errors_name(archive, originals, archives / name):
            write_images(unpacked, name, scale, folder, threads)
        rmtree(originals)
        copyfile(receipt, folder / SOURCE)
        if scale in source.released_lr:
            _compare_with_released(archive, source, scale, folder)


def _check_images_md5(archive: Path, source: Source, files: list[Path]) -> None:
    if source.images_md5 is None:
        return
    found = md5("".join(checksum(file, "md5") for file in sorted(files)).encode()).hexdigest()
    if found != source.images_md5:
        raise UserError(
            f"{archive}: its {len(files)} images have the md5 {found}, expected {source.images_md5}; they are not "
            f"the dataset's: move the archive away and run again"
        )


@contextmanager
def _errors_name(archive: Path, originals: Path, by_hand: Path) -> Iterator[None]:
    """Let errors name the archive, which the user knows, and not the temporary folder that it was unpacked to."""
    try:
        yield
    except UserError as error:
        told = str(error).replace(str(originals), str(archive)).rpartition("; ")[0]
        raise UserError(
            f"{told}; correct the dataset's images, names and sources, or put its images into the folder {by_hand}"
        ) from None


def _compare_with_released(archive: Path, source: Source, scale: int, folder: Path) -> None:
    """Write the largest difference between LR made here and released LR, for each image, in 8-bit levels."""
    released = folder / "released"
    released.mkdir()
    differences: dict[str, int | None] = {}
    try:
        files = unpack(archive, source.released_lr[scale], released)
        by_name = {file.stem.removesuffix(f"x{scale}"): file for file in files}
        for name, file in list_pngs(lr_images(folder)).items():
            if name in by_name:
                ours, theirs = read_prepared(file).astype(int), read_rgb(by_name[name]).astype(int)
                differences[name] = int(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else None
    except UserError as error:  # the comparison is only for information, so that its failure stops nothing
        told = str(error).replace(str(released), str(archive))
        logger.info("released_lr[%d]: cannot be compared with: %s", scale, told)
    rmtree(released)
    equal = sum(difference == 0 for difference in differences.values())
    logger.info("%s: LR made here equals the released LR in %d of %d images", archive.name, equal, len(differences))
    (folder / RELEASED_LR).write_text(json.dumps({"largest_difference": differences}, indent=1), encoding="utf-8")
