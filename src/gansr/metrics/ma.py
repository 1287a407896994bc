"""The Ma score (Ma, Yang, Yang, Yang, CVIU 2017), also called NRQM: how good SR looks, without HR.

There are three kinds of features, for each of which the authors trained a random forest: local frequencies (DCT of
7 x 7 patches), global frequencies (a steerable pyramid with divisive normalisation), and structure (singular values of
5 x 5 patches). The score is a linear function of the three forests' outputs, about 0 to 10. It is computed as in pyiqa,
whose values are within 0.01 of the authors' MATLAB code on the five images of pyiqa's published calibration.
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
LEVELS = 3  # of the Gaussian pyramid for local frequencies and structure
LEVEL_SIGMA = 0.5
PATCH, STEP = 7, 3  # pixels, for local frequencies
BLOCK = 5  # pixels, for structure
SHAPES = np.arange(30, 10_001) / 1000  # shape parameters of generalised Gaussians, a table for fitting
RATIOS = np.exp(gammaln(1 / SHAPES) + gammaln(3 / SHAPES) - 2 * gammaln(2 / SHAPES))  # decreasing with the shape
TINY = 1e-7
# The coefficients of a patch's 7 x 7 spectrum for the orientations flat (transposed for steep) and diagonal.
ORIENTATIONS = (
    ((0, 1), (1, 2), (2, 4), (3, 5)),  # (r, c): in row r the columns from c on
    ((1, 1, 2), (2, 2, 4), (3, 2, 5), (4, 3, 7), (5, 4, 7), (6, 4, 7)),  # (r, c, d): in row r the columns c to d - 1
)
SMALLEST = 96  # pixels: in smaller images the third level of the pyramid has too few blocks


@dataclass(frozen=True)
class Forest:
    """A random forest of regression trees: one column for each tree, one row for each node.

    `left` and `right` are the numbers of a node's children, `feature` that of the feature that it compares. They count
    from 1, as in MATLAB; 0 means none.
    """

    left: np.ndarray
    right: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    feature: np.ndarray

    def __call__(self, features: np.ndarray) -> float:
        """The mean of the trees' outputs."""
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
    """A forest from the fields that the authors' MATLAB package stores, identified by their position."""
    left, right, threshold, value, feature = (np.asarray(model[position]) for position in (0, 1, 4, 5, 6))
    return Forest(left.astype(int), right.astype(int), threshold, value, feature.astype(int))


def _gaussian_levels(image: np.ndarray) -> list[np.ndarray]:
    """The image at full, half and quarter size.

    Each is reduced by a 3 x 3 Gaussian with zeros outside, of which every second pixel is kept, from the second on.
    """
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
    """Six features of the DCT spectra of overlapping patches.

    For each of shape, variation and orientation: the mean over the extreme 10 % of the patches, and over all.
    """
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
    """N x 7 x 7: a patch around every third pixel in every third row, with zeros outside the image."""
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
    """The variance of `_variation` between flat, diagonal and steep frequencies, for each patch."""
    flat, diagonal = ORIENTATIONS
    groups = (
        np.concatenate([spectra[:, row, column:] for row, column in flat], axis=1),
        np.concatenate([spectra[:, row, first:end] for row, first, end in diagonal], axis=1),
        np.concatenate([spectra[:, column:, row] for row, column in flat], axis=1),
    )
    variance: np.ndarray = np.stack([_variation(group, 1e-8) for group in groups], axis=1).var(axis=1, ddof=1)
    return variance


def structure(image: np.ndarray) -> np.ndarray:
    """The 25 singular values of the matrix whose rows are the image's 5 x 5 blocks; zeros outside the image."""
    pads = [(0, -length % BLOCK) for length in image.shape]
    padded = np.pad(image, pads)
    rows, columns = (length // BLOCK for length in padded.shape)
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK**2)
    values: np.ndarray = np.linalg.svd(blocks, compute_uv=False)
    return values
