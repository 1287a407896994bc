"""A dataset: a named set of HR images with a source and a licence note."""

from __future__ import annotations

import filecmp
import importlib.util
from pathlib import Path
from typing import Annotated, Literal

from PIL import Image
from pydantic import Field, model_validator

from gansr.config.loading import read_yaml, validate
from gansr.config.section import Section
from gansr.errors import UserError, nearest

# Images that come inside the scikit-image package: no network needed.
ScikitImagePhotograph = Literal[
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "ihc",
    "motorcycle_left",
    "motorcycle_right",
    "retina",
    "rocket",
]
# Different views of one scene: in training and in a benchmark at once, they would leak.
SAME_SCENE = ({"motorcycle_left", "motorcycle_right"},)


class Dataset(Section):
    """Where HR images come from, and whether they train or test."""

    role: Literal["train", "benchmark"]
    scikit_image: Annotated[list[ScikitImagePhotograph], Field(min_length=1)] | None = None
    folder: Path | None = None
    licence: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Dataset:
        if (self.scikit_image is None) == (self.folder is None):
            raise ValueError("give exactly one source: folder or scikit_image")
        if self.scikit_image and len(set(self.scikit_image)) < len(self.scikit_image):
            raise ValueError("scikit_image names one image twice")
        return self


class DatasetFile(Section):
    """The content of config/datasets.yaml."""

    datasets: dict[str, Dataset]


def load_datasets(file: Path) -> dict[str, Dataset]:
    """The datasets that config/datasets.yaml defines, by name."""
    return validate(DatasetFile, read_yaml(file), str(file)).datasets


def image_files(dataset: Dataset, name: str) -> list[Path]:
    """The dataset's image files, sorted by name.

    In a folder every file counts that is not hidden, so that a stray file is reported rather than skipped.

    Raises:
        UserError: the folder does not exist or is empty, or two of its images would get one name.
    """
    if dataset.folder is None:
        return [_scikit_image_file(image) for image in sorted(dataset.scikit_image or [])]
    if not dataset.folder.is_dir():
        raise UserError(f"dataset {name}: the folder {dataset.folder} does not exist; correct its path")
    files = sorted(file for file in dataset.folder.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise UserError(f"dataset {name}: the folder {dataset.folder} is empty; put HR images into it")
    by_stem: dict[str, Path] = {}
    for file in files:
        other = by_stem.setdefault(file.stem, file)
        if other is not file:
            raise UserError(
                f"dataset {name}: {other.name} and {file.name} in {dataset.folder} would both be the image "
                f'"{file.stem}"; rename one'
            )
    return files


def image_names(dataset: Dataset, name: str) -> list[str]:
    """The names of the dataset's images, as they appear in file names and scores."""
    return [file.stem for file in image_files(dataset, name)]


def image_size(dataset: Dataset, name: str, image: str) -> tuple[int, int]:
    """Height and width in pixels of one image, from its header.

    Raises:
        UserError: the dataset has no such image, or the file is not one.
    """
    files = {file.stem: file for file in image_files(dataset, name)}
    if image not in files:
        raise UserError(f'dataset {name}: unknown image "{image}"; {nearest(image, files)}')
    return _size(files[image])


def image_sizes(dataset: Dataset, name: str) -> dict[str, tuple[int, int]]:
    """Height and width of every image, from the headers.

    Raises:
        UserError: a file is no image.
    """
    return {file.stem: _size(file) for file in image_files(dataset, name)}


def _size(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as opened:
            return opened.height, opened.width
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise UserError(f"{file}: not an image that can be read; replace or remove it") from None


def _scikit_image_file(image: str) -> Path:
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        raise UserError("the package scikit-image is not installed; run make setup")
    folder = Path(package.origin).parent / "data"
    for file in (folder / f"{image}.png", folder / f"{image}.jpg"):
        if file.is_file():
            return file
    raise UserError(f"{folder}: this version of scikit-image comes without {image}; install requirements.lock")


def shared_images(one: Dataset, other: Dataset) -> list[str]:
    """Images of `one` of which the other dataset holds the same file or another view of the scene."""
    if one.scikit_image and other.scikit_image:
        mine, others = set[str](one.scikit_image), set[str](other.scikit_image)
        leaked = mine & others
        for scene in SAME_SCENE:
            if scene & mine and scene & others:
                leaked |= scene & mine
        return sorted(leaked)
    if one.folder and other.folder:
        if one.folder.resolve() == other.folder.resolve():
            return [str(one.folder)]
        return _equal_files(one.folder, other.folder)
    return []


def _equal_files(one: Path, other: Path) -> list[str]:
    """Files of one folder that the other holds as well, under whatever name."""
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
