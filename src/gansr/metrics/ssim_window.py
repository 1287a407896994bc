"""Means under the Gaussian window of SSIM; the Ma score uses the same window."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

VERSION = 1
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5


def window_mean(image: np.ndarray) -> np.ndarray:
    """Means under SSIM's Gaussian window, where it lies inside the image: 10 rows and columns less than the image."""
    half = SSIM_WINDOW // 2
    window = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SSIM_SIGMA**2))
    window /= window.sum()
    blurred = correlate1d(correlate1d(image, window, axis=0)[half:-half], window, axis=1)
    return blurred[:, half:-half]
