"""MATLAB-compatible bicubic resizing.

Cubic convolution with a = -0.5, widened by the scale when shrinking (antialiasing), symmetric border.
MATLAB resizes an 8-bit image in two passes and rounds to 8 bit after each, which reproduces the released LR
images of Set5 and Set14 bit for bit; a floating-point image is not rounded in between, which is what scripts
that convert to double first do. Other bicubics (OpenCV, Pillow, torch) differ in one or more of these points.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
import scipy.sparse

CUBIC_WIDTH = 4


def cubic(x: np.ndarray) -> np.ndarray:
    """The cubic convolution kernel of Keys (1981) with a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@functools.lru_cache(maxsize=256)
def resize_operator(length: int, scale: Fraction) -> scipy.sparse.csr_array:
    """The linear map that resizes one dimension: ceil(length * scale) x length, rows summing to 1."""
    out_length = math.ceil(length * scale)
    shrink = min(float(scale), 1.0)
    width = CUBIC_WIDTH / shrink
    # pixel centres: output pixel i (from 0) lies at this input coordinate (from 0)
    centre = (np.arange(out_length) + 0.5) / float(scale) - 0.5
    taps = math.ceil(width) + 2
    first = np.floor(centre - width / 2).astype(int)
    position = first[:, None] + np.arange(taps)
    weight = shrink * cubic(shrink * (centre[:, None] - position))
    weight /= weight.sum(axis=1, keepdims=True)
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    column = mirrored[position % (2 * length)]
    row = np.repeat(np.arange(out_length), taps)
    operator = scipy.sparse.coo_array((weight.ravel(), (row, column.ravel())), shape=(out_length, length))
    return operator.tocsr()


def imresize(image: np.ndarray, scale: Fraction | int) -> np.ndarray:
    """Resize an image as MATLAB's `imresize(image, scale, 'bicubic')` does.

    Args:
        image: H x W or H x W x C; uint8 in [0, 255], or floating point in any range.
        scale: the factor, exact: `Fraction(1, 4)` for x1/4.

    Returns:
        ceil(H * scale) x ceil(W * scale) [x C]; uint8 for uint8, else float64, not clipped.

    Raises:
        TypeError: the image is neither uint8 nor floating point.
    """
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise TypeError(f"imresize takes uint8 or floating point, not {image.dtype}")
    scale = Fraction(scale)
    for axis in (0, 1):
        image = _resize_axis(image, scale, axis)
    return image


def _resize_axis(image: np.ndarray, scale: Fraction, axis: int) -> np.ndarray:
    moved = np.moveaxis(image, axis, 0)
    flat = moved.reshape(moved.shape[0], -1).astype(np.float64)
    resized = resize_operator(moved.shape[0], scale) @ flat
    if image.dtype == np.uint8:
        # MATLAB rounds halves away from zero, NumPy to even
        resized = np.floor(np.clip(resized, 0, 255) + 0.5).astype(np.uint8)
    return np.moveaxis(resized.reshape(-1, *moved.shape[1:]), 0, axis)
