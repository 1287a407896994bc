"""The variance of every sliding window of an image, by separable sums instead of unfolded windows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def window_variance(image: Tensor, window: int) -> Tensor:
    """The unbiased variance in a window around each pixel, with reflected border.

    Args:
        image: N x C x H x W, floating point; H and W larger than half the window.
        window: the side n of the window, odd. A window holds n * n * C values.

    Returns:
        N x 1 x H x W, not negative; the gradient flows to the image.

    Each sample's mean is subtracted first. This does not change the variances, and makes the difference of squares
    exact enough in float32.
    """
    centred = image - image.mean(dim=(1, 2, 3), keepdim=True).detach()
    padded = F.pad(centred, (window // 2,) * 4, mode="reflect")
    variance: Tensor = _WindowVariance.apply(padded, window)
    return variance


def box_sum(image: Tensor, window: int) -> Tensor:
    """The sum over every n x n window inside the image; N x C x H x W to N x C x (H - n + 1) x (W - n + 1)."""
    for dim in (2, 3):
        length = image.shape[dim] - window + 1
        total = image.narrow(dim, 0, length).clone()
        for offset in range(1, window):
            total += image.narrow(dim, offset, length)
        image = total
    return image


class _WindowVariance(torch.autograd.Function):
    """(sum of squares - sum^2 / n) / (n - 1) over each window; its gradient is two sums over windows again."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, window: int) -> Tensor:
        count = window * window * padded.shape[1]
        sums = box_sum(padded.sum(dim=1, keepdim=True), window)
        squares = box_sum(padded.square().sum(dim=1, keepdim=True), window)
        mean = sums / count
        ctx.save_for_backward(padded, mean)
        ctx.window, ctx.count = window, count
        return ((squares - sums * mean) / (count - 1)).clamp_min(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # d variance / d value = 2 (value - mean) / (count - 1), summed over the windows that hold the value
        padded, mean = ctx.saved_tensors
        around = (ctx.window - 1,) * 4
        of_value = box_sum(F.pad(gradient, around), ctx.window)
        of_mean = box_sum(F.pad(gradient * mean, around), ctx.window)
        return (padded * of_value - of_mean) * (2 / (ctx.count - 1)), None
