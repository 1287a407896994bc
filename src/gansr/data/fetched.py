"""Datasets and weights that others publish: fetched, verified, and made into prepared images."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import md5
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from gansr.atomic import atomic_folder, write_text
from gansr.checksum import checksum
from gansr.config.dataset import Dataset, Source
from gansr.config.remote_file import RemoteFile
from gansr.data.download import obtain
from gansr.data.images import list_pngs, read_prepared, read_rgb
from gansr.data.prepare import write_images
from gansr.data.unpack import unpack
from gansr.errors import UserError

logger = logging.getLogger("gansr")

RELEASED_LR = "released_lr.json"


def fetch(title: str, sources: Sequence[RemoteFile], by_hand: str, folder: Path, download: bool, receipt: Path) -> None:
    """Have one of several files in `folder`, verified, and write down which, and where it came from.

    A file that is there already is preferred; then each source is tried in order.

    Args:
        title: what is fetched, for messages.
        sources: equivalent files, the preferred one first.
        by_hand: what a user can do instead.
        folder: where the files are kept.
        download: whether the network may be used.
        receipt: a JSON file, written when the file is there: its name, the address it came from, size, sha256,
            and what it was verified by.

    Raises:
        UserError: no file can be had, or one that is there is not the expected one.
    """
    there = [source for source in sources if (folder / source.file).exists()]
    failures = []
    for source in there or sources:
        try:
            got = obtain(source, folder, download)
        except UserError as error:
            failures.append(str(error))
            continue
        facts = asdict(got)
        record = {"address": facts.pop("source"), **facts}
        write_text(receipt, json.dumps(record, indent=1) + "\n")
        logger.info("%s: %s, %d bytes, sha256 %s", title, got.file, got.bytes, got.sha256)
        return
    if not sources:
        raise UserError(f"{title}: cannot be downloaded; {by_hand}")
    otherwise = f"; or {by_hand}" if by_hand and not there else ""
    raise UserError(f"{title}: {'; '.join(failures)}{otherwise}")


def prepare_fetched(
    dataset: Dataset, name: str, scale: int, receipt: Path, archives: Path, output: Path, threads: int = 1
) -> None:
    """Prepared images (see `prepare_images`) out of a fetched archive; LR released with it is compared with ours.

    Needs disk space for the unpacked images until it is done.

    Args:
        dataset: with the `sources` that were offered to `fetch`.
        name: the dataset's name.
        scale: HR is so many times larger than LR.
        receipt: what `fetch` wrote.
        archives: the folder in which `fetch` keeps the archives.
        output: the dataset's prepared folder.
        threads: processes side by side.

    Raises:
        UserError: the archive is gone or changed, or does not hold the images that the dataset has.
    """
    facts = _read_receipt(receipt)
    source = next((source for source in dataset.sources if source.file == facts["file"]), None)
    if source is None:
        raise UserError(f"{receipt}: {facts['file']} is no source of {name} any more; remove {receipt} and run again")
    archive = archives / source.file
    if not archive.is_file() or checksum(archive) != facts["sha256"]:
        raise UserError(f"{archive}: gone, or not the file that {receipt} is about; remove {receipt} and run again")
    with atomic_folder(output) as folder:
        originals = folder / "originals"
        originals.mkdir()
        _check_images_md5(archive, source, unpack(archive, source.images, originals))
        unpacked = Dataset(
            role=dataset.role, folder=originals, images=dataset.images, names=dataset.names, has_hr=dataset.has_hr
        )
        with _errors_name(archive, originals):
            write_images(unpacked, name, scale, folder, threads)
        rmtree(originals)
        if scale in source.released_lr:
            _compare_with_released(archive, source, scale, folder)


def _read_receipt(file: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {"file": facts["file"], "sha256": facts["sha256"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: not what fetch wrote ({error}); remove it and run again") from None


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
def _errors_name(archive: Path, originals: Path) -> Iterator[None]:
    """Errors name the archive, which the user has, and not the folder that it was unpacked to."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(str(originals), str(archive))) from None


def _compare_with_released(archive: Path, source: Source, scale: int, folder: Path) -> None:
    """Write down how far LR made here is from the released LR: the largest difference by image, of 255."""
    released = folder / "released"
    released.mkdir()
    by_name = {
        file.stem.removesuffix(f"x{scale}"): file for file in unpack(archive, source.released_lr[scale], released)
    }
    differences: dict[str, int | None] = {}
    for name, file in list_pngs(folder / "LR").items():
        if name in by_name:
            ours, theirs = read_prepared(file).astype(int), read_rgb(by_name[name]).astype(int)
            differences[name] = int(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else None
    rmtree(released)
    equal = sum(difference == 0 for difference in differences.values())
    logger.info("%s: LR made here equals the released LR in %d of %d images", archive.name, equal, len(differences))
    (folder / RELEASED_LR).write_text(json.dumps({"largest_difference": differences}, indent=1), encoding="utf-8")
