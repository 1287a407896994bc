"""FID: the Fréchet distance between Gaussians that fit features of two sets of images (Heusel et al., NIPS 2017)."""

from __future__ import annotations

import numpy as np

from gansr.metrics.pair import MetricError

VERSION = 1


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)) of two sets of features, N x D and M x D.

    With C = X'X for centred features X / sqrt(N - 1), Tr (C1 C2)^(1/2) is the sum of the singular values of X1 X2'. So
    neither covariances nor the root of a matrix are computed. The root would become complex by rounding where there are
    fewer images than features, as in every benchmark.

    Raises:
        MetricError: a set has fewer than two rows.
    """
    if min(len(first), len(second)) < 2:
        raise MetricError("FID needs two images at least")
    first, second = first.astype(np.float64), second.astype(np.float64)
    apart = first.mean(axis=0) - second.mean(axis=0)
    one, other = (_centred(features) for features in (first, second))
    shared = np.linalg.svd(one @ other.T, compute_uv=False).sum()
    return float(apart @ apart + np.square(one).sum() + np.square(other).sum() - 2 * shared)


def _centred(features: np.ndarray) -> np.ndarray:
    """A matrix X with X'X the covariance of the features, with at most as many rows as there are features."""
    rows = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(rows) > rows.shape[1]:
        rows = np.linalg.qr(rows, mode="r")
    return rows
