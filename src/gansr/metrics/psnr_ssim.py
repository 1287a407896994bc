"""PSNR and SSIM on luma, as the papers' scripts compute them.

Protocol of LDL and Beby-GAN (BasicSR's): 8-bit RGB images, luma of BT.601 in [16, 235] as in MATLAB's
rgb2ycbcr but not rounded, a border of pixels left out on each side (4, also at x2), per-image scores.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import correlate1d

from gansr.errors import UserError

CROP = 4
PROTOCOL = "BT.601 luma of 8-bit RGB, not rounded; 4 px cropped from each side; mean over images"
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def luma(image: np.ndarray) -> np.ndarray:
    """Y of H x W x 3 uint8 RGB, in [16, 235], float64, not rounded."""
    weights = np.array([65.481, 128.553, 24.966])
    y: np.ndarray = image.astype(np.float64) / 255 @ weights + 16
    return y


def psnr_y(sr: np.ndarray, hr: np.ndarray, crop: int = CROP) -> float:
    """PSNR in dB on luma of two H x W x 3 uint8 RGB images; infinite for equal ones.

    Raises:
        UserError: the images differ in size or are too small for the crop.
    """
    sr_y, hr_y = _cropped_luma(sr, hr, crop, smallest=1)
    mean_square = float(np.mean((sr_y - hr_y) ** 2))
    return math.inf if mean_square == 0 else 20 * math.log10(255 / math.sqrt(mean_square))


def ssim_y(sr: np.ndarray, hr: np.ndarray, crop: int = CROP) -> float:
    """SSIM (Wang et al., 2004) on luma of two H x W x 3 uint8 RGB images.

    Gaussian window of 11 x 11, sigma 1.5, only where it lies inside the image; no downsampling.

    Raises:
        UserError: the images differ in size, or less than a window is left after the crop.
    """
    x, y = _cropped_luma(sr, hr, crop, smallest=SSIM_WINDOW)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    )
    return float(similarity.mean())


def _window_mean(image: np.ndarray) -> np.ndarray:
    half = SSIM_WINDOW // 2
    window = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * SSIM_SIGMA**2))
    window /= window.sum()
    blurred = correlate1d(correlate1d(image, window, axis=0), window, axis=1)
    return blurred[half:-half, half:-half]


def _cropped_luma(sr: np.ndarray, hr: np.ndarray, crop: int, smallest: int) -> tuple[np.ndarray, np.ndarray]:
    if sr.shape != hr.shape:
        raise UserError(f"SR is {sr.shape[0]} x {sr.shape[1]}, HR is {hr.shape[0]} x {hr.shape[1]}; they must agree")
    if min(hr.shape[:2]) < 2 * crop + smallest:
        raise UserError(f"{hr.shape[0]} x {hr.shape[1]} is too small to crop {crop} px from each side")
    inside = (slice(crop, hr.shape[0] - crop), slice(crop, hr.shape[1] - crop))
    return luma(sr)[inside], luma(hr)[inside]
