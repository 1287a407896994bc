"""Folders and bundled photographs as datasets."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from gansr.config.dataset import Dataset
from gansr.schema.loading import validate


def folder_of(path: Path, *names: str, size: tuple[int, int] = (8, 4)) -> Dataset:
    path.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", size).save(path / name)
    return Dataset(role="train", folder=path)


def bundled(*names: str) -> Dataset:
    return validate(Dataset, {"role": "train", "scikit_image": list(names)}, "test")
