"""The files of a dataset that is on this machine: their number, names and sizes, checked before any job uses them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from PIL import Image

from gansr.config.dataset import Dataset
from gansr.errors import UserError, nearest

FEW = 5  # names in a message, at most


def image_files(dataset: Dataset, name: str) -> list[Path]:
    """The dataset's image files, sorted by name.

    In a folder every file counts that is not hidden, so that a stray file is reported rather than skipped.

    Raises:
        UserError: the folder does not exist or is empty, two of its images would get one name, or their
            number or names are not those that the dataset has.
    """
    if dataset.folder is None:
        return [_scikit_image_file(image) for image in sorted(dataset.scikit_image or [])]
    files = _files_in(dataset.folder, f"dataset {name}")
    _check_names(files, dataset, f"dataset {name}: {dataset.folder}")
    return files


def lr_files(dataset: Dataset, name: str, scale: int) -> dict[str, Path]:
    """The LR files of a dataset with an `lr_folder`, by the name of the image they belong to.

    An LR file has the name of its HR image, or that name with x2 or x4 after it.

    Raises:
        UserError: HR and LR do not pair.
    """
    assert dataset.lr_folder is not None
    names = {file.stem for file in image_files(dataset, name)}
    paired: dict[str, Path] = {}
    for file in _files_in(dataset.lr_folder, f"dataset {name}"):
        image = file.stem if file.stem in names else file.stem.removesuffix(f"x{scale}")
        if image not in names:
            raise UserError(f"dataset {name}: {file} has no HR image in {dataset.folder}; add that or remove it")
        if image in paired:
            raise UserError(f"dataset {name}: {paired[image]} and {file.name} are both LR of {image}; remove one")
        paired[image] = file
    if len(paired) < len(names):
        raise UserError(
            f"dataset {name}: {dataset.lr_folder} has no LR image of {_some(sorted(names - paired.keys()))}; "
            f"add what is missing, or leave out lr_folder and LR is made from HR"
        )
    return paired


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


def _files_in(folder: Path, place: str) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        raise UserError(f"{place}: the folder {folder} does not exist; correct its path") from None
    except OSError as error:
        raise UserError(f"{place}: the folder {folder} cannot be read ({error.strerror}); correct that") from None
    files = [entry for entry in entries if entry.is_file()]
    if not files:
        inner = [entry.name for entry in entries if entry.is_dir()]
        if inner:
            raise UserError(
                f"{place}: {folder} holds only folders ({_some(inner)}); move the images themselves into {folder}"
            )
        raise UserError(f"{place}: the folder {folder} is empty; put HR images into it")
    by_stem: dict[str, Path] = {}
    for file in files:
        other = by_stem.setdefault(file.stem, file)
        if other is not file:
            raise UserError(
                f'{place}: {other.name} and {file.name} in {folder} would both be the image "{file.stem}"; rename one'
            )
    return files


def _check_names(files: list[Path], dataset: Dataset, place: str) -> None:
    if dataset.names is not None:
        foreign = [file.name for file in files if not re.fullmatch(dataset.names, file.stem)]
        if foreign:
            raise UserError(f"{place} holds files that are none of its images: {_some(foreign)}; move them away")
    if dataset.images is not None and len(files) != dataset.images:
        advice = "add the missing ones" if len(files) < dataset.images else "move away what does not belong to it"
        raise UserError(f"{place} holds {len(files)} files, the dataset has {dataset.images} images; {advice}")


def _some(names: list[str]) -> str:
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")


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
