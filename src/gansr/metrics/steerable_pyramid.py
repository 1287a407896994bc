"""A steerable pyramid (Simoncelli and Freeman, 1995) and the features that the Ma score takes from it.

The pyramid is built in the frequency domain, as in the authors' matlabPyrTools: raised cosines in log-frequency from
level to level, and six orientations in each of two levels.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np

from gansr.data.bicubic import resize_operator
from gansr.metrics.ssim_window import window_mean

VERSION = 1
BANDS, LEVELS = 6, 2
LOOKUP = 1024  # entries for 180 degrees in the table of the angular window
NEIGHBOURHOOD = 3  # pixels
GUARD = 16  # pixels of the first level that are left out at each side
TINY = 1e-12
SINGULAR = 1e-12  # smallest allowed ratio of eigenvalues of the neighbours' covariance; in photographs it is above 1e-6
C2 = (0.03 * 255) ** 2  # the constant of SSIM

Shape = Callable[[np.ndarray], np.ndarray]


def steerable_bands(image: np.ndarray) -> tuple[np.ndarray, list[list[np.ndarray]]]:
    """The high-pass residual of an H x W image, and its oriented bands: six of full size, six of half the size."""
    spectrum = np.fft.fftshift(np.fft.fft2(image))
    log_radius, angle = _frequency_grid(*image.shape)
    position, high = _raised_cosine()
    low = np.sqrt(1 - high**2)
    residual = np.fft.ifft2(np.fft.ifftshift(spectrum * np.interp(log_radius, position, high))).real
    spectrum = spectrum * np.interp(log_radius, position, low)
    bands = []
    for _ in range(LEVELS):
        position = position - 1  # one octave lower
        passed = spectrum * np.interp(log_radius, position, high)
        bands.append([_band(passed, angle, number) for number in range(BANDS)])
        rows, columns = (_central_half(length) for length in spectrum.shape)
        log_radius, angle = log_radius[rows, columns], angle[rows, columns]
        spectrum = spectrum[rows, columns] * np.interp(log_radius, position, low)
    return residual, bands


def _frequency_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """log2 of the radius, and the angle, of each frequency; frequencies are from -1 to 1, with 0 in the middle."""
    y, x = ((np.arange(length) - length // 2) / (length / 2) for length in (height, width))
    radius = np.hypot(*np.meshgrid(x, y))
    radius[height // 2, width // 2] = radius[height // 2, width // 2 - 1]
    return np.log2(radius), np.arctan2(y[:, None], x[None, :])


def _raised_cosine() -> tuple[np.ndarray, np.ndarray]:
    """A table of the high-pass filter: it rises within one octave from 0 at half the highest frequency to 1 at it."""
    entries = 256
    x = np.pi * np.arange(-entries - 1, 2) / 2 / entries
    value = np.cos(x) ** 2
    value[0], value[-1] = value[1], value[-2]
    return -0.5 + 2 / np.pi * (x + np.pi / 4), np.sqrt(value)


def _band(spectrum: np.ndarray, angle: np.ndarray, number: int) -> np.ndarray:
    """The real part of one oriented band."""
    order = BANDS - 1
    turn = np.pi * np.arange(-(2 * LOOKUP + 1), LOOKUP + 2) / LOOKUP
    wrapped = (turn + np.pi) % (2 * np.pi) - np.pi
    constant = 2 ** (2 * order) * factorial(order) ** 2 / (BANDS * factorial(2 * order))
    window = 2 * np.sqrt(constant) * np.cos(turn) ** order * (np.abs(wrapped) < np.pi / 2)
    mask = np.interp(angle, turn + np.pi * number / BANDS, window)
    band: np.ndarray = np.fft.ifft2(np.fft.ifftshift(spectrum * mask * (-1j) ** order)).real
    return band


def _central_half(length: int) -> slice:
    """The lower half of the frequencies in one direction."""
    centre, kept = np.ceil((length + 0.5) / 2), np.ceil((length - 0.5) / 2)
    start = int(centre - np.ceil((kept + 0.5) / 2))
    return slice(start, start + int(kept))


def global_features(image: np.ndarray, shape: Shape) -> np.ndarray:
    """45 features of an H x W image of luma in 0 to 255.

    Args:
        image: at least 96 pixels in each direction.
        shape: a function that fits a generalised Gaussian to each row of values and returns the shape parameters.

    Returns:
        12 shapes of the normalised bands, 6 shapes across the two levels, 12 structure correlations of the bands with
        the high-pass residual, and 15 between the normalised bands of the first level.

    Raises:
        LinAlgError: the image is flat.
    """
    residual, bands = steerable_bands(image)
    normalized = [[_normalized(bands, level, number) for number in range(BANDS)] for level in range(LEVELS)]
    flat = [band for level in normalized for band in level]
    features = [shape(band.reshape(1, -1))[0] for band in flat]
    features += [
        shape(np.concatenate([first.ravel(), second.ravel()])[None])[0]
        for first, second in zip(*normalized, strict=True)
    ]
    high = _Windowed(residual)
    features += [high.structure(_Windowed(_resized(band, residual.shape))) for level in bands for band in level]
    first_level = [_Windowed(band) for band in normalized[0]]
    features += [one.structure(other) for one, other in combinations(first_level, 2)]
    return np.array(features)


class _Windowed:
    """An image with its local mean and variance under SSIM's window, computed once for all comparisons."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self.mean = window_mean(image)
        self.variance = window_mean(image * image) - self.mean**2

    def structure(self, other: _Windowed) -> float:
        """The mean of SSIM's contrast-structure term, with negative values set to 0."""
        covariance = window_mean(self.image * other.image) - self.mean * other.mean
        similarity = (2 * covariance + C2) / (self.variance + other.variance + C2)
        return float(np.maximum(similarity, 0).mean())


def _resized(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Resize by MATLAB bicubic to a size; the factor may differ between the directions."""
    rows, columns = (
        resize_operator(length, Fraction(wanted, length)) for length, wanted in zip(image.shape, size, strict=True)
    )
    resized: np.ndarray = (columns @ (rows @ image).T).T
    return resized


def _normalized(bands: list[list[np.ndarray]], level: int, number: int) -> np.ndarray:
    """Divisive normalisation: a band divided by the magnitude that its neighbours predict, cropped, minus its mean.

    Neighbours of a pixel are the 3 x 3 pixels of the band around it, the pixel at its place in the band of the next
    coarser level, and those at its place in the other bands of its level. Negative eigenvalues of their covariance are
    set to 0.
    """
    band, inner = bands[level][number], (slice(1, -1), slice(1, -1))
    height, width = band.shape
    columns = [
        band[row : height - 2 + row, column : width - 2 + column]
        for row in range(NEIGHBOURHOOD)
        for column in range(NEIGHBOURHOOD)
    ]
    if level + 1 < LEVELS:
        columns.append(_resized(bands[level + 1][number], band.shape)[inner])
    counted = len(columns)
    columns += [other[inner] for position, other in enumerate(bands[level]) if position != number]
    values = np.stack([column.ravel() for column in columns])
    predicted = np.sqrt(_mahalanobis(values) / counted)
    centre = band[inner].ravel()
    centre = centre - centre.mean()
    divided = np.divide(centre, predicted + TINY, out=np.zeros_like(centre), where=predicted != 0)
    guard = GUARD // 2**level
    cut = divided.reshape(height - 2, width - 2)[guard:-guard, guard:-guard]
    return cut - cut.mean()


def _mahalanobis(values: np.ndarray) -> np.ndarray:
    """v' C^-1 v for each column v of K x N values, where C is the matrix of their second moments.

    Raises:
        LinAlgError: C is singular, as for a flat or exactly periodic image.
    """
    moments = values @ values.T / values.shape[1]
    sizes, vectors = np.linalg.eigh(moments)
    if sizes[0] <= SINGULAR * sizes[-1]:
        raise np.linalg.LinAlgError("the neighbours of a pixel tell all of it")
    positive = np.where(sizes > 0, sizes, 0)
    sizes = positive * sizes.sum() / (positive.sum() or 1)
    covariance = vectors * sizes @ vectors.T
    distance: np.ndarray = (np.linalg.solve(covariance, values) * values).sum(axis=0)
    return distance
