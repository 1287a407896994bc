"""The patch store: training images as uint8 in memory-mapped files, cropped on read.

    hr.uint8, lr.uint8   the images' pixels one after the other, H x W x 3 each
    index.json           name, offset and size of every image, and a digest of all pixels

Whole images are stored, not overlapping sub-images: a patch is one strided copy out of the page cache,
nothing is decoded, and several processes share the memory.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gansr.atomic import atomic_folder
from gansr.data.images import list_pngs, read_prepared
from gansr.errors import UserError
from gansr.progress import progress

INDEX = "index.json"


def build_patch_store(images: Path, scale: int, output: Path) -> None:
    """Fill a patch store from the folders `images`/HR and `images`/LR. One image is in memory at a time.

    Raises:
        UserError: HR and LR do not hold the same images, or their sizes differ by another factor than `scale`.
    """
    hr_files, lr_files = list_pngs(images / "HR"), list_pngs(images / "LR")
    if not hr_files or hr_files.keys() != lr_files.keys():
        raise UserError(f"{images}: HR and LR do not hold the same images; remove the folder and run again")
    entries: list[dict[str, Any]] = []
    digest = hashlib.sha256()
    hr_offset = lr_offset = 0
    with atomic_folder(output) as folder:
        with (folder / "hr.uint8").open("wb") as hr_stream, (folder / "lr.uint8").open("wb") as lr_stream:
            for name in progress(list(hr_files), "patch store"):
                hr, lr = read_prepared(hr_files[name]), read_prepared(lr_files[name])
                if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
                    raise UserError(f"{hr_files[name]}: its LR image is not {scale} times smaller; remove {images}")
                for stream, pixels in ((hr_stream, hr), (lr_stream, lr)):
                    stream.write(pixels.tobytes())
                    digest.update(pixels.tobytes())
                height, width = lr.shape[:2]
                entries.append(
                    {"name": name, "hr_offset": hr_offset, "lr_offset": lr_offset, "height": height, "width": width}
                )
                hr_offset += hr.size
                lr_offset += lr.size
        index = {"scale": scale, "sha256": digest.hexdigest(), "images": entries}
        (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


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
