"""The patch store: training images as uint8 in memory-mapped files, cropped on read.

    hr.uint8, lr.uint8   the images' pixels one after the other, H x W x 3 each
    index.json           name, offset and size of every image, and a digest of all pixels

Whole images are stored, not overlapping sub-images. Reading a patch is one strided copy from the operating system's
page cache: nothing is decoded, and several processes share the memory.

A store is built in a hidden folder beside its final place, with one image in memory at a time. After each finished
image a line is added to a journal, so that a build that was stopped goes on after the last finished image.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gansr import code_versions
from gansr.atomic import resumable_folder, write_text
from gansr.data.images import list_pngs, read_prepared
from gansr.errors import UserError
from gansr.paths import hr_images, lr_images
from gansr.progress import Progress

INDEX = "index.json"
JOURNAL = "journal.jsonl"
HR, LR = "hr.uint8", "lr.uint8"


@dataclass(frozen=True)
class ImagePair:
    """The HR and the LR file of one image."""

    name: str
    hr: Path
    lr: Path

    def read(self, scale: int) -> tuple[np.ndarray, np.ndarray]:
        """HR and LR, H x W x 3 uint8; refused where HR is not exactly `scale` times LR."""
        hr, lr = read_prepared(self.hr), read_prepared(self.lr)
        if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
            raise UserError(f"{self.hr}: its LR image is not {scale} times smaller; remove {self.hr.parents[1]}")
        return hr, lr

    def state(self) -> list[Any]:
        """Size and time of change of the files, by which a resumed build notices that they have changed."""
        return [[file.stat().st_size, file.stat().st_mtime_ns] for file in (self.hr, self.lr)]


def build_patch_store(images: Sequence[Path], scale: int, output: Path) -> None:
    """Fill a patch store from folders with HR and LR, the images of all of them one after the other.

    Memory: one decoded HR and LR image, 8.5 MB for 2040 x 1356 pixels, for any number of images. A build that was
    stopped, also by SIGKILL, goes on after its finished images, as far as their files have not changed since.

    Raises:
        UserError: HR and LR do not hold the same images, an image is in two folders, or the sizes of a pair
            differ by another factor than `scale`.
    """
    pairs = _pairs(images)
    with resumable_folder(output) as folder:
        entries = _unchanged(folder / JOURNAL, pairs, scale)
        write_text(folder / JOURNAL, "".join(map(_line, entries)))
        with (
            _open_at(folder / HR, sum(_pixels(entry) * scale**2 for entry in entries)) as hr_stream,
            _open_at(folder / LR, sum(_pixels(entry) for entry in entries)) as lr_stream,
            (folder / JOURNAL).open("a", encoding="utf-8") as journal,
        ):
            counter = Progress("patch store", len(pairs), start=len(entries), unit="image")
            for pair in pairs[len(entries) :]:
                entries.append(_append(pair, scale, hr_stream, lr_stream))
                journal.write(_line(entries[-1]))
                journal.flush()
                counter.advance()
            counter.close()
            for stream in (hr_stream, lr_stream):
                os.fsync(stream.fileno())
        _write_index(folder, entries, scale)


def _append(pair: ImagePair, scale: int, hr_stream: BinaryIO, lr_stream: BinaryIO) -> dict[str, Any]:
    """Write the pixels of a pair, and return its line of the journal."""
    state = _state(pair, scale)
    hr, lr = pair.read(scale)
    entry = {
        "name": pair.name,
        "hr_offset": hr_stream.tell(),
        "lr_offset": lr_stream.tell(),
        "height": lr.shape[0],
        "width": lr.shape[1],
        "sha256": hashlib.sha256(hr.tobytes() + lr.tobytes()).hexdigest(),
        "state": state,
    }
    for stream, pixels in ((hr_stream, hr), (lr_stream, lr)):
        stream.write(np.ascontiguousarray(pixels).data)
        stream.flush()
    return entry


def _pairs(images: Sequence[Path]) -> list[ImagePair]:
    pairs: dict[str, ImagePair] = {}
    for folder in images:
        hr_files, lr_files = list_pngs(hr_images(folder)), list_pngs(lr_images(folder))
        if not hr_files or hr_files.keys() != lr_files.keys():
            raise UserError(f"{folder}: HR and LR do not hold the same images; remove the folder and run again")
        for name, hr in hr_files.items():
            if name in pairs:
                raise UserError(f'{hr}: "{name}" is in {pairs[name].hr.parent} as well; rename one of the originals')
            pairs[name] = ImagePair(name, hr, lr_files[name])
    return list(pairs.values())


def _unchanged(journal: Path, pairs: list[ImagePair], scale: int) -> list[dict[str, Any]]:
    """The journal entries of an earlier build, up to the first image that has changed or is incomplete."""
    entries: list[dict[str, Any]] = []
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else []
    for line, pair in zip(lines, pairs, strict=False):
        try:
            entry = json.loads(line)
            same = entry["name"] == pair.name and entry["state"] == _state(pair, scale)
        except (ValueError, KeyError, TypeError):  # the last line of a build that was killed
            break
        if not same or not _is_complete(journal.parent, entry, scale):
            break
        entries.append(entry)
    return entries


def _is_complete(folder: Path, entry: dict[str, Any], scale: int) -> bool:
    """Whether an image's pixels are in the files: after a power failure the journal may be ahead of them."""
    digest = hashlib.sha256()
    for file, key, factor in ((HR, "hr_offset", scale**2), (LR, "lr_offset", 1)):
        try:
            with (folder / file).open("rb") as stream:
                stream.seek(entry[key])
                digest.update(stream.read(_pixels(entry) * factor))
        except FileNotFoundError:
            return False
    return digest.hexdigest() == entry["sha256"]


def _state(pair: ImagePair, scale: int) -> list[Any]:
    return [code_versions.PATCH_STORE, scale, *pair.state()]


def _pixels(entry: dict[str, Any]) -> int:
    return int(entry["height"] * entry["width"] * 3)


def _open_at(file: Path, size: int) -> BinaryIO:
    """Open a file for appending after its first `size` bytes; whatever follows them is incomplete and cut off."""
    stream = file.open("r+b" if file.is_file() else "w+b")
    stream.truncate(size)
    stream.seek(size)
    return stream


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _write_index(folder: Path, entries: list[dict[str, Any]], scale: int) -> None:
    digest = hashlib.sha256("".join(entry.pop("sha256") for entry in entries).encode())
    for entry in entries:
        del entry["state"]
    index = {"scale": scale, "sha256": digest.hexdigest(), "images": entries}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    (folder / JOURNAL).unlink()


@dataclass(frozen=True)
class PatchPosition:
    """Where a pair of patches lies: the image's number, and the corner in pixels of LR."""

    image: int
    top: int
    left: int


class PatchStore:
    """Read access to a patch store; opening it loads no pixels."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            self.scale: int = index["scale"]
            self.sha256: str = index["sha256"]
            self.names: list[str] = [entry["name"] for entry in index["images"]]
            self.sizes = np.array([(entry["height"], entry["width"]) for entry in index["images"]])
            self._hr = self._map("hr", index["images"], self.scale)
            self._lr = self._map("lr", index["images"], 1)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}: not a patch store ({error}); remove it and run again") from None

    def _map(self, kind: str, entries: list[dict[str, Any]], factor: int) -> list[np.ndarray]:
        """Every image as a view of one memory-mapped file."""
        pixels = np.memmap(self.folder / f"{kind}.uint8", np.uint8, "r")
        images = []
        for entry in entries:
            height, width = entry["height"] * factor, entry["width"] * factor
            offset = entry[f"{kind}_offset"]
            images.append(pixels[offset : offset + height * width * 3].reshape(height, width, 3))
        return images

    def __len__(self) -> int:
        return len(self.names)

    def read(self, position: PatchPosition, lr_size: int) -> tuple[np.ndarray, np.ndarray]:
        """The LR and the HR patch at a position, H x W x 3 uint8, `lr_size` and `lr_size * scale` wide."""
        top, left, scale = position.top, position.left, self.scale
        lr = self._lr[position.image][top : top + lr_size, left : left + lr_size]
        hr = self._hr[position.image][top * scale : (top + lr_size) * scale, left * scale : (left + lr_size) * scale]
        return lr, hr
