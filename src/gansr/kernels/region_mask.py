"""Beby-GAN's region mask (Eq. 5): where an image has texture for a discriminator to judge."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.kernels.window_variance import window_variance

LUMA = (0.2989, 0.587, 0.114)


def region_mask(image: Tensor, scale: int = 1, window: int = 11, threshold: float = 0.025) -> Tensor:
    """True where the standard deviation of luma in a window is at least the threshold, False in flat regions.

    The deviation is unbiased, with reflected border, and computed in float64, so that rounding does not change the mask
    on any device. LR is first enlarged by torch's bicubic interpolation (a = -0.75, not clipped), as in the authors'
    code. Luma is computed before enlarging, which gives the same result because both are linear.

    Args:
        image: N x 3 x H x W, RGB in [0, 1]: HR (the paper), or LR (the authors' code).
        scale: how much to enlarge the image.
        window: k of the paper, odd; its half must be smaller than H and W times the scale.
        threshold: delta of the paper.

    Returns:
        N x 1 x (H * scale) x (W * scale), boolean, without gradient.
    """
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        luma = torch.einsum("nchw,c->nhw", image.double(), _luma_weights(image.device))[:, None]
        if scale > 1:
            luma = F.interpolate(luma, scale_factor=scale, mode="bicubic", align_corners=False)
        return window_variance(luma, window).sqrt() >= threshold


@functools.lru_cache(maxsize=8)
def _luma_weights(device: torch.device) -> Tensor:
    """The weights of luma, cached on the device: a CUDA graph cannot capture a copy from the CPU."""
    with torch.inference_mode(False):
        return torch.tensor(LUMA, dtype=torch.float64, device=device)
