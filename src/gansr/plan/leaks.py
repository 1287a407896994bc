"""Leaks: images that are in a training dataset and in a benchmark."""

from __future__ import annotations

import filecmp
from pathlib import Path

from gansr.config.dataset import Dataset

# Different views of one scene count as the same image.
SAME_SCENE = ({"motorcycle_left", "motorcycle_right"},)


def shared_images(one: Dataset, other: Dataset) -> list[str]:
    """Images of `one` of which the other dataset holds the same file or another view of the scene."""
    if one.scikit_image and other.scikit_image:
        return _shared_photographs(set[str](one.scikit_image), set[str](other.scikit_image))
    if one.folder and other.folder:
        if one.folder.resolve() == other.folder.resolve():
            return [str(one.folder)]
        return _equal_files(one.folder, other.folder)
    others = {(source.file, source.images) for source in other.sources}
    return [f"{source.images} in {source.file}" for source in one.sources if (source.file, source.images) in others]


def _shared_photographs(mine: set[str], others: set[str]) -> list[str]:
    leaked = mine & others
    for scene in SAME_SCENE:
        if scene & mine and scene & others:
            leaked |= scene & mine
    return sorted(leaked)


def _equal_files(one: Path, other: Path) -> list[str]:
    """Files of one folder whose content is also in the other folder, under any name."""
    by_bytes: dict[int, list[Path]] = {}
    for file in other.iterdir() if other.is_dir() else ():
        if file.is_file():
            by_bytes.setdefault(file.stat().st_size, []).append(file)
    equal = []
    for file in sorted(one.iterdir()):
        candidates = by_bytes.get(file.stat().st_size, []) if file.is_file() else []
        if any(filecmp.cmp(file, candidate, shallow=False) for candidate in candidates):
            equal.append(file.name)
    return equal
