"""Bootstrap intervals over images."""

from __future__ import annotations

import math

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
# If two models are equally good, all n differences have the same sign by chance with a probability of 2 / 2^n, and the
# interval then excludes zero. From 6 images on this probability is below 5 %.
FEWEST_FOR_A_VERDICT = 6


def mean_interval(values: np.ndarray) -> tuple[float, float]:
    """A 95 % interval of the mean of per-image values (percentile bootstrap, fixed seed).

    For the difference of two models on the same images, pass the per-image differences: SR of both models is then
    resampled together. With few images the interval is too narrow; with three it is the range of the three values. It
    is (NaN, NaN) where a value is infinite, as the PSNR of equal images is.
    """
    if not np.isfinite(values).all():
        return math.nan, math.nan
    draws = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    means = values[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
