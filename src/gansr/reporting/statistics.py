"""Intervals by the bootstrap over images."""

from __future__ import annotations

import math

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
# With n images whose differences have one sign by chance, the bootstrap's interval excludes zero with a probability
# of 2 / 2^n: from 6 images on that is below 5 %.
FEWEST_FOR_A_VERDICT = 6


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """A 95 % interval of the mean of per-image values (percentile bootstrap, fixed seed).

    For the difference of two models on the same images, pass the per-image differences: the images are
    then resampled in pairs. With few images it is too narrow: with three it is the range of the three.
    NaN twice where a value is infinite, as the PSNR of equal images is.
    """
    if not np.isfinite(values).all():
        return math.nan, math.nan
    draws = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    means = values[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
