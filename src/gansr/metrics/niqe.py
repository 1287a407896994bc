"""NIQE (Mittal, Soundararajan, Bovik, 2013) as the PIRM challenge 2018 computes it, on rounded luma.

The pristine model is read from the authors' file. As in pyiqa, the Gaussian window is rounded to float32: in flat areas
the difference to the local mean is then a small number of constant sign. In double precision it would be rounding
noise, and the score would depend on the signs of this noise.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate
from scipy.special import gamma

from gansr.config.protocols import Protocol
from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.metrics.mat_file import BROKEN, read_mat
from gansr.metrics.pair import MetricError, cropped
from gansr.metrics.scorer import Inputs, PerImage

VERSION = 1
BLOCK = 96  # pixels
WINDOW, SIGMA = 7, 7 / 6
SHAPES = np.arange(200, 10_001) / 1000  # shape parameters of generalised Gaussians, a table for fitting
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))  # increasing with the shape
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows, columns
FEATURES = 36  # 18 at each of two scales


def build(protocols: dict[str, Protocol], inputs: Inputs) -> PerImage:
    """A scorer of `niqe`, on the luma of SR that its protocol names."""
    niqe, protocol = Niqe(inputs.weights["niqe"]), protocols["niqe"]
    return PerImage({"niqe": lambda pair: niqe(cropped(pair.sr_luma(protocol.colour), protocol.crop))})


class Niqe:
    """NIQE with the pristine model of a file."""

    def __init__(self, parameters: Path) -> None:
        try:
            content = read_mat(parameters)
            self.mean = np.asarray(content["mu_prisparam"], dtype=float).reshape(FEATURES)
            self.covariance = np.asarray(content["cov_prisparam"], dtype=float).reshape(FEATURES, FEATURES)
        except BROKEN as error:
            raise UserError(f"{parameters}: not NIQE's pristine model ({error}); download it again") from None

    def __call__(self, y: np.ndarray) -> float:
        """NIQE of an H x W image of luma in 0 to 255; lower is better.

        Raises:
            MetricError: the image is smaller than a block, or flat.
        """
        features = block_features(y)
        whole = features[~np.isnan(features).any(axis=1)]
        if not len(whole):
            raise MetricError("is flat")
        mean = np.nanmean(features, axis=0)
        covariance = np.cov(whole, rowvar=False) if len(whole) > 1 else np.zeros_like(self.covariance)
        difference = self.mean - mean
        return float(np.sqrt(difference @ np.linalg.pinv((self.covariance + covariance) / 2) @ difference))


def block_features(y: np.ndarray) -> np.ndarray:
    """36 features of every whole block of 96 x 96: 18 of the image, 18 of the same block at half size.

    NaN where a block is flat.

    Raises:
        MetricError: the image is smaller than a block.
    """
    rows, columns = y.shape[0] // BLOCK, y.shape[1] // BLOCK
    if not rows or not columns:
        raise MetricError(f"{y.shape[0]} x {y.shape[1]} is smaller than NIQE's block of {BLOCK} x {BLOCK}")
    image = y[: rows * BLOCK, : columns * BLOCK]
    found = []
    for block in (BLOCK, BLOCK // 2):
        blocks = _normalized(image).reshape(rows, block, columns, block).swapaxes(1, 2).reshape(-1, block, block)
        found.append(_features(blocks))
        image = imresize(image, Fraction(1, 2))
    return np.concatenate(found, axis=1)


def _window() -> np.ndarray:
    half = WINDOW // 2
    line = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SIGMA**2))
    window = np.outer(line, line)
    return (window / window.sum()).astype(np.float32).astype(np.float64)


def _normalized(image: np.ndarray) -> np.ndarray:
    """(image - local mean) / (local standard deviation + 1)."""
    window = _window()
    mean = correlate(image, window, mode="nearest")
    variance = np.abs(correlate(image * image, window, mode="nearest") - mean**2)
    return (image - mean) / (np.sqrt(variance) + 1)


def _features(blocks: np.ndarray) -> np.ndarray:
    """N x 18 features of N x B x B blocks: of the distribution of pixels, and of products with four neighbours."""
    shape, left, right = _asymmetric_gaussian(blocks)
    features = [shape, (left + right) / 2]
    for shift in NEIGHBOURS:
        shape, left, right = _asymmetric_gaussian(blocks * np.roll(blocks, shift, axis=(1, 2)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def _asymmetric_gaussian(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shape, left and right scale of the asymmetric generalised Gaussian that fits each block, by moments."""
    values = blocks.reshape(len(blocks), -1)
    squares = values**2
    negative, positive = values < 0, values > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt((squares * negative).sum(axis=1) / negative.sum(axis=1))
        right = np.sqrt((squares * positive).sum(axis=1) / positive.sum(axis=1))
        ratio = left / right
        flatness = np.abs(values).mean(axis=1) ** 2 / squares.mean(axis=1)
        wanted = flatness * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = np.where(np.isnan(wanted), np.nan, SHAPES[_nearest(RATIOS, np.nan_to_num(wanted))])
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def _nearest(rising: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The index of the nearest value in an increasing table; of two that are equally near, the lower."""
    above = np.clip(np.searchsorted(rising, wanted), 1, len(rising) - 1)
    return np.where(wanted - rising[above - 1] <= rising[above] - wanted, above - 1, above)
