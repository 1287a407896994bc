"""MATLAB-compatible bicubic resizing.

Cubic convolution with a = -0.5, widened by the scale when shrinking (antialiasing), symmetric border.
MATLAB resizes an 8-bit image in two passes and rounds to 8 bit after each; this reproduces the released LR images of
Set5 and Set14 bit for bit. A floating-point image is not rounded, as in MATLAB scripts that convert images to double
first. Other bicubics (OpenCV, Pillow, torch) differ in one or more of these points.
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
    # centre[i] is the input coordinate of the centre of output pixel i; both count from 0
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
    flat = moved.reshape(moved.shape[0], -1)
    if image.dtype != np.uint8:
        resized = resize_operator(moved.shape[0], scale) @ flat.astype(np.float64)
    else:
        operator = _operator_for_uint8(moved.shape[0], scale)
        sums = operator @ flat.astype(operator.dtype)
        # MATLAB rounds halves up (for values >= 0), NumPy to even: so add 0.5 and truncate, after clipping at 0
        sums += 0.5
        resized = np.clip(sums, 0, 255.5, out=sums).astype(np.uint8)
    return np.moveaxis(resized.reshape(-1, *moved.shape[1:]), 0, axis)


@functools.lru_cache(maxsize=64)
def _operator_for_uint8(length: int, scale: Fraction) -> scipy.sparse.csr_array:
    """The operator in float32 where that is exact for 8-bit pixels, else in float64.

    For scales that are powers of two the weights are multiples of 1/4096. Sums of their products with 8-bit pixels then
    need fewer than the 24 bits of float32's mantissa, so that they are exact.
    """
    operator = resize_operator(length, scale)
    units = operator.data * 4096
    largest = 255 * 4096 * abs(operator).sum(axis=1).max()
    exact = np.array_equal(units, np.round(units)) and largest < 2**24
    return operator.astype(np.float32) if exact else operator
