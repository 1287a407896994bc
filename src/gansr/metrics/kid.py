"""KID of patches: an unbiased distance between two sets of images, meaningful for five images as well as for a hundred.

The kernel inception distance (Binkowski et al., ICLR 2018) is a squared maximum mean discrepancy. Here a sample is an
image with the features of its patches, and SR and HR of one image form a pair (Gretton et al., JMLR 2012, Eq. 4). Only
patches of different images are compared, so that similarity between patches of one image, or between SR and HR of one
image, does not bias the result. The expectation is 0 where SR has the distribution of HR; the value may be negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gansr.metrics.pair import MetricError

VERSION = 1
FEWEST = 3  # images: the jackknife leaves one out, and pairs of different images need two


def kid_by_image(sr: Sequence[np.ndarray], hr: Sequence[np.ndarray]) -> np.ndarray:
    """The jackknife pseudo-value of KID of each image; their mean is KID, and their spread shows its uncertainty.

    Args:
        sr: for each image the features of its SR patches, P x D.
        hr: the same of HR.

    Raises:
        MetricError: there are fewer than three images.
    """
    count = len(sr)
    if count < FEWEST:
        raise MetricError(f"KID needs {FEWEST} images at least")
    differences = _between_images(sr, hr)
    np.fill_diagonal(differences, 0)
    by_image = differences.sum(axis=1)
    whole = by_image.sum() / (count * (count - 1))
    without = (by_image.sum() - 2 * by_image) / ((count - 1) * (count - 2))
    pseudo_values: np.ndarray = count * whole - (count - 1) * without
    return pseudo_values


def _between_images(sr: Sequence[np.ndarray], hr: Sequence[np.ndarray]) -> np.ndarray:
    """h of Eq. 4 for every pair of images: the mean over patches of k(s, s') + k(h, h') - k(s, h') - k(h, s')."""
    counts = np.array([len(patches) for patches in hr])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    x, y = (np.concatenate(list(side)).astype(np.float64) for side in (sr, hr))
    crossed = _kernel(x, y)
    kernels = _kernel(x, x) + _kernel(y, y) - crossed - crossed.T
    sums = np.add.reduceat(np.add.reduceat(kernels, starts, axis=0), starts, axis=1)
    means: np.ndarray = sums / np.outer(counts, counts)
    return means


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The kernel (x . y / D + 1)^3 of every row of x with every row of y."""
    kernel: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return kernel
