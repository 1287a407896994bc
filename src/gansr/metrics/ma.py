"""The Ma score (Ma, Yang, Yang, Yang, CVIU 2017), also called NRQM: how good SR looks, without HR.

Three kinds of features, each with a random forest of the authors: of local frequencies (DCT of 7 x 7 patches), of
global frequencies (a steerable pyramid, divisively normalised), and of structure (singular values of 5 x 5 patches).
The score is a linear function of the forests' means, about 0 to 10. The definition followed is pyiqa's, which is within
0.01 of the authors' MATLAB code on the five images that its own calibration publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn
from scipy.ndimage import correlate1d
from scipy.special import gammaln

from gansr.config.protocols import Protocol
from gansr.errors import UserError
from gansr.metrics.mat_file import BROKEN, read_mat
from gansr.metrics.pair import MetricError, cropped
from gansr.metrics.scorer import Inputs, PerImage
from gansr.metrics.steerable_pyramid import global_features

VERSION = 1
LEVELS = 3  # of the Gaussian pyramid that local features are taken from
LEVEL_SIGMA = 0.5
PATCH, STEP = 7, 3  # of local frequencies
BLOCK = 5  # of structure
SHAPES = np.arange(30, 10_001) / 1000  # of generalised Gaussians
RATIOS = np.exp(gammaln(1 / SHAPES) + gammaln(3 / SHAPES) - 2 * gammaln(2 / SHAPES))  # falling with the shape
TINY = 1e-7
# by row and column in a patch's spectrum: the orientations that are compared
ORIENTATIONS = (
    ((0, 1), (1, 2), (2, 4), (3, 5)),  # in row r the columns from c on
    ((1, 1, 2), (2, 2, 4), (3, 2, 5), (4, 3, 7), (5, 4, 7), (6, 4, 7)),  # in row r the columns from c to d
)
SMALLEST = 96  # pixels: below, the third level has too few blocks


@dataclass(frozen=True)
class Forest:
    """A random forest of regression trees, a column for each tree; children and features count from 1, 0 is none."""

    left: np.ndarray
    right: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    feature: np.ndarray

    def __call__(self, features: np.ndarray) -> float:
        """The mean of the trees' answers."""
        trees = np.arange(self.left.shape[1])
        node = np.zeros(len(trees), dtype=int)
        while True:
            inner = self.left[node, trees] > 0
            if not inner.any():
                return float(self.value[node, trees].mean())
            here, tree = node[inner], trees[inner]
            goes_left = features[self.feature[here, tree] - 1] <= self.threshold[here, tree]
            node[inner] = np.where(goes_left, self.left[here, tree], self.right[here, tree]) - 1


def build(protocols: dict[str, Protocol], inputs: Inputs) -> PerImage:
    """A scorer of `ma`, on the luma of SR that its protocol names."""
    ma, protocol = Ma(inputs.weights["nrqm"]), protocols["ma"]
    return PerImage({"ma": lambda pair: ma(cropped(pair.sr_luma(protocol.colour), protocol.crop))})


class Ma:
    """The Ma score with the authors' forests."""

    def __init__(self, model: Path) -> None:
        try:
            content = read_mat(model)["model"]
            self.linear = np.asarray(content["linear"][0, 0], dtype=float).reshape(4)
            self.forests = [_forest(content["rf"][0, 0].ravel()[kind][0, 0]) for kind in range(3)]
        except BROKEN as error:
            raise UserError(f"{model}: not the model of the Ma score ({error}); download it again") from None

    def __call__(self, y: np.ndarray) -> float:
        """The Ma score of an H x W image of luma in 0 to 255; higher is better.

        Raises:
            MetricError: the image is too small, or flat.
        """
        if min(y.shape) < SMALLEST:
            raise MetricError(f"{y.shape[0]} x {y.shape[1]} is too small for the Ma score, which needs {SMALLEST} px")
        levels = _gaussian_levels(y / 255)
        try:
            features = [
                np.concatenate([local_frequencies(level) for level in levels]),
                global_features(y, generalized_gaussian_shape),
                np.concatenate([structure(level) for level in levels]),
            ]
        except np.linalg.LinAlgError:
            raise MetricError("is flat") from None
        answers = [forest(found) for forest, found in zip(self.forests, features, strict=True)]
        return float(self.linear @ [1.0, *answers])


def _forest(model: Any) -> Forest:
    """A forest as the authors' MATLAB package stores it, by position."""
    left, right, threshold, value, feature = (np.asarray(model[position]) for position in (0, 1, 4, 5, 6))
    return Forest(left.astype(int), right.astype(int), threshold, value, feature.astype(int))


def _gaussian_levels(image: np.ndarray) -> list[np.ndarray]:
    """The image, and twice the half of it: 3 x 3 Gaussian, zeros outside, every second pixel from the second on."""
    line = np.exp(-np.array([1.0, 0.0, 1.0]) / (2 * LEVEL_SIGMA**2))
    line /= line.sum()
    levels = [image]
    for _ in range(LEVELS - 1):
        blurred = correlate1d(correlate1d(levels[-1], line, axis=0, mode="constant"), line, axis=1, mode="constant")
        levels.append(blurred[1::2, 1::2])
    return levels


def generalized_gaussian_shape(values: np.ndarray) -> np.ndarray:
    """The shape of the generalised Gaussian that fits N x K values, row by row, by moments."""
    centred = values - values.mean(axis=1, keepdims=True)
    ratio = values.var(axis=1, ddof=1) / (np.abs(centred).mean(axis=1) ** 2 + TINY)
    rising = RATIOS[::-1]
    above = np.clip(np.searchsorted(rising, ratio), 1, len(rising) - 1)
    nearest = np.where(rising[above] - ratio <= ratio - rising[above - 1], above, above - 1)
    shapes: np.ndarray = SHAPES[::-1][nearest]
    return shapes


def local_frequencies(image: np.ndarray) -> np.ndarray:
    """Six features of the spectra of overlapping patches: shape, variation and orientation, extreme tenth and mean."""
    spectra = dctn(_patches(image), axes=(1, 2), norm="ortho")
    coefficients = spectra.reshape(len(spectra), -1)[:, 1:]
    shape = np.sort(generalized_gaussian_shape(coefficients))
    variation = np.sort(_variation(coefficients, TINY))
    orientation = np.sort(_oriented_variation(spectra))
    tenth, last_tenth = int(np.ceil(0.1 * len(shape))) + 1, int(np.floor(0.9 * len(shape)))
    return np.array(
        [
            *(shape[:tenth].mean(), shape.mean()),
            *(variation[last_tenth:].mean(), variation.mean()),
            *(orientation[last_tenth:].mean(), orientation.mean()),
        ]
    )


def _patches(image: np.ndarray) -> np.ndarray:
    """N x 7 x 7: one patch for each third pixel of each third row, zeros outside."""
    pads = []
    for length in image.shape:
        missing = (int(np.ceil(length / STEP)) - 1) * STEP + PATCH - length
        pads.append((missing // 2, missing - missing // 2))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, pads), (PATCH, PATCH))[::STEP, ::STEP]
    return windows.reshape(-1, PATCH, PATCH)


def _variation(coefficients: np.ndarray, tiny: float) -> np.ndarray:
    """Standard deviation over mean of N x K absolute values, row by row."""
    size = np.abs(coefficients)
    variation: np.ndarray = size.std(axis=1, ddof=1) / (size.mean(axis=1) + tiny)
    return variation


def _oriented_variation(spectra: np.ndarray) -> np.ndarray:
    """How much the variation differs between flat, diagonal and steep frequencies."""
    flat, diagonal = ORIENTATIONS
    groups = (
        np.concatenate([spectra[:, row, column:] for row, column in flat], axis=1),
        np.concatenate([spectra[:, row, first:end] for row, first, end in diagonal], axis=1),
        np.concatenate([spectra[:, column:, row] for row, column in flat], axis=1),
    )
    variance: np.ndarray = np.stack([_variation(group, 1e-8) for group in groups], axis=1).var(axis=1, ddof=1)
    return variance


def structure(image: np.ndarray) -> np.ndarray:
    """25 singular values of the matrix whose rows are the image's 5 x 5 blocks, zeros outside."""
    pads = [(0, -length % BLOCK) for length in image.shape]
    padded = np.pad(image, pads)
    rows, columns = (length // BLOCK for length in padded.shape)
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK**2)
    values: np.ndarray = np.linalg.svd(blocks, compute_uv=False)
    return values
