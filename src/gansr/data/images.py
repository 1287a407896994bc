"""Read and write 8-bit RGB images; errors name the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from gansr.errors import UserError

# Pillow's names of the modes that have one obvious conversion to 8-bit RGB
ACCEPTED = {"RGB", "L", "1", "P", "RGBA", "LA", "PA"}


def read_prepared(file: Path) -> np.ndarray:
    """Read an image that the workflow wrote; the error for a broken one says to remove its folder and run again."""
    return read_rgb(file, f"remove {file.parent} and run again")


def read_rgb(file: Path, remedy: str = "replace or remove it") -> np.ndarray:
    """Read an image file as H x W x 3 uint8 RGB.

    Gray images (also 1-bit) get three equal channels, palette images the colours of their palette. An
    alpha channel is dropped where it is opaque everywhere. Transparent images, more than 8 bits per
    channel and other colour spaces are refused, because their conversion is a choice that changes scores.

    Raises:
        UserError: the file is missing, truncated, no image or refused by the rule above.
    """
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _refuse_by_mode(file, image)
            image.load()
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                return _without_alpha(file, image)
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such image; {remedy}") from None
    except UnidentifiedImageError:
        raise UserError(f"{file}: not an image that can be read; {remedy}") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(f"{file}: broken or truncated image ({error}); {remedy}") from None


def _refuse_by_mode(file: Path, image: Image.Image) -> None:
    deep = image.mode.startswith(("I", "F")) or any(";16" in str(tile) for tile in getattr(image, "tile", ()))
    if deep:
        raise UserError(f"{file}: more than 8 bits per channel; convert it to 8-bit RGB")
    if image.mode not in ACCEPTED:
        raise UserError(f"{file}: colour space {image.mode}; convert it to 8-bit RGB")


def _without_alpha(file: Path, image: Image.Image) -> np.ndarray:
    rgba = np.asarray(image.convert("RGBA"))
    if (rgba[..., 3] < 255).any():
        raise UserError(f"{file}: has transparent pixels; flatten it to RGB")
    return np.ascontiguousarray(rgba[..., :3])


def write_png(file: Path, image: np.ndarray) -> None:
    """Write H x W x 3 uint8 RGB, or H x W gray, as PNG."""
    Image.fromarray(image).save(file, format="PNG", compress_level=3)


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """The image cropped at the bottom and right to a height and width that are multiples of `scale` ("modcrop")."""
    height, width = image.shape[:2]
    return image[: height - height % scale, : width - width % scale]


def list_pngs(folder: Path) -> dict[str, Path]:
    """The PNG files of a folder by image name, sorted."""
    return {file.stem: file for file in sorted(folder.glob("*.png"))}


def list_images(folder: Path) -> dict[str, Path]:
    """All files of a folder except hidden ones, of any format, by image name (without the ending), sorted.

    Raises:
        UserError: the folder cannot be read, or two files would be the same image.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror}); correct its path") from None
    images: dict[str, Path] = {}
    for file in files:
        other = images.setdefault(file.stem, file)
        if other is not file:
            raise UserError(f'{folder}: {other.name} and {file.name} would both be the image "{file.stem}"; remove one')
    return images
