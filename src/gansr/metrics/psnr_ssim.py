"""PSNR and SSIM on luma, as the papers' scripts compute them.

The default is the protocol of LDL and Beby-GAN (BasicSR's): 8-bit RGB images, luma not rounded, 4 pixels cropped from
each side (at x2 too). The other protocols round luma as MATLAB does, or are for SR images that hold only luma.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from gansr.config.metrics import CROP
from gansr.config.protocols import Colour, Protocol
from gansr.metrics.pair import Pair, cropped
from gansr.metrics.scorer import Inputs, PerImage
from gansr.metrics.ssim_window import SSIM_WINDOW, window_mean

VERSION = 1
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2


def build(protocols: dict[str, Protocol], inputs: Inputs) -> PerImage:
    """A scorer of `psnr_y`, `ssim_y` or both, as `protocols` asks for."""
    functions = {"psnr_y": psnr_y, "ssim_y": ssim_y}
    return PerImage(
        {
            metric: partial(functions[metric], colour=protocol.colour, crop=protocol.crop)
            for metric, protocol in protocols.items()
        }
    )


def psnr_y(pair: Pair, colour: Colour = "y_unrounded", crop: int = CROP) -> float:
    """PSNR in dB on luma of a pair of images; infinite for equal ones.

    Raises:
        ImageError: the images are too small for the crop.
    """
    sr, hr = cropped(pair.sr_luma(colour), crop), cropped(pair.hr_luma(colour), crop)
    mean_square = float(np.mean((sr - hr) ** 2))
    return math.inf if mean_square == 0 else 20 * math.log10(255 / math.sqrt(mean_square))


def ssim_y(pair: Pair, colour: Colour = "y_unrounded", crop: int = CROP) -> float:
    """SSIM (Wang et al., 2004) on luma of a pair of images.

    Gaussian window of 11 x 11, sigma 1.5, only where it lies inside the image; no downsampling.

    Raises:
        ImageError: less than a window is left after the crop.
    """
    x, y = (cropped(image, crop, SSIM_WINDOW) for image in (pair.sr_luma(colour), pair.hr_luma(colour)))
    mean_x, mean_y = window_mean(x), window_mean(y)
    variance_x = window_mean(x * x) - mean_x**2
    variance_y = window_mean(y * y) - mean_y**2
    covariance = window_mean(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    )
    return float(similarity.mean())
