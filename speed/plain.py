"""Plain implementations of the kernels: each formula as written, without optimisation."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.data.bicubic import cubic


def artifact_map(sr: Tensor, hr: Tensor, ema_sr: Tensor) -> Tensor:
    """LDL, Eq. 2 to 6: every 7 x 7 window unfolded, then its unbiased variance."""
    residual = (hr - sr).abs().sum(dim=1, keepdim=True)
    windows = F.unfold(F.pad(residual, (3, 3, 3, 3), mode="reflect"), 7)
    variance = windows.var(dim=1, unbiased=True).view_as(residual)
    sigma = residual.var(dim=(1, 2, 3), keepdim=True) ** (1 / 5)
    improved = residual < (hr - ema_sr).abs().sum(dim=1, keepdim=True)
    return torch.where(improved, 0.0, sigma * variance)


def best_buddy(sr: Tensor, hr: Tensor, alpha: float = 1, beta: float = 1) -> tuple[Tensor, Tensor]:
    """Beby-GAN, Eq. 1 to 3, with tables of both distances of every patch to every candidate.

    Returns the loss and the indices of the chosen candidates.
    """

    def patches(image: Tensor) -> Tensor:
        return F.unfold(image, 3, stride=3).transpose(1, 2)

    def squared_distances(one: Tensor, other: Tensor) -> Tensor:
        squares = one.square().sum(2)[:, :, None] + other.square().sum(2)[:, None, :]
        return (squares - 2 * one @ other.transpose(1, 2)).clamp_min(0)

    levels = [F.interpolate(hr, scale_factor=1 / r, mode="bicubic", align_corners=False) for r in (2, 4)]
    pool = torch.cat([patches(level) for level in (hr, *levels)], dim=1)
    score = alpha * squared_distances(patches(hr), pool) + beta * squared_distances(patches(sr), pool)
    index = score.argmin(dim=2)
    buddies = pool.gather(1, index[..., None].expand(-1, -1, pool.shape[2]))
    return (patches(sr) - buddies).abs().mean(), index


def region_mask(lr: Tensor, scale: int) -> Tensor:
    """Beby-GAN, Eq. 5, from LR: every 11 x 11 window unfolded, then its unbiased standard deviation."""
    enlarged = F.interpolate(lr, scale_factor=scale, mode="bicubic", align_corners=False)
    luma = (enlarged * lr.new_tensor([0.2989, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    windows = F.unfold(F.pad(luma, (5, 5, 5, 5), mode="reflect"), 11)
    return (windows.std(dim=1, unbiased=True) >= 0.025).view_as(luma)


def contributions(length: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """For each output pixel of MATLAB's bicubic the weights and the positions of its input pixels."""
    shrink = min(scale, 1.0)
    centre = (np.arange(math.ceil(length * scale)) + 0.5) / scale - 0.5
    taps = math.ceil(4 / shrink) + 2
    place = np.floor(centre - 2 / shrink).astype(int)[:, None] + np.arange(taps)
    weights = cubic(shrink * (centre[:, None] - place))
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return weights / weights.sum(axis=1, keepdims=True), mirrored[place % (2 * length)]


def reduce_bicubic(image: Tensor, factor: int) -> Tensor:
    """MATLAB bicubic of N x C x H x W: gather the input pixels of each output pixel, weigh and add them."""
    for dim in (2, 3):
        weights, places = contributions(image.shape[dim], 1 / factor)
        taps = image.movedim(dim, -1)[..., torch.from_numpy(places)]
        image = (taps * torch.from_numpy(weights).to(image)).sum(dim=-1).movedim(-1, dim)
    return image


def reduce_bicubic_by_convolution(image: Tensor, factor: int) -> Tensor:
    """The same for HR sizes that are multiples of the factor: symmetric border, 16 taps, a stride of the factor."""
    taps = torch.from_numpy(cubic((np.arange(4 * factor) - 2 * factor + 0.5) / factor) / factor).to(image)
    for dim in (2, 3):
        margin, length = 3 * factor // 2, image.shape[dim]
        before, after = image.narrow(dim, 0, margin).flip(dim), image.narrow(dim, length - margin, margin).flip(dim)
        padded = torch.cat([before, image, after], dim=dim)
        shape, stride = ((-1, 1), (factor, 1)) if dim == 2 else ((1, -1), (1, factor))
        kernel = taps.view(1, 1, *shape).expand(image.shape[1], 1, *(s if s > 0 else len(taps) for s in shape))
        image = F.conv2d(padded, kernel, stride=stride, groups=image.shape[1])
    return image


def imresize_by_rows(image: np.ndarray, scale: float) -> np.ndarray:
    """MATLAB bicubic of an 8-bit image, one output row after the other."""
    for axis in (0, 1):
        weights, places = contributions(image.shape[axis], scale)
        moved = np.moveaxis(image, axis, 0).astype(float)
        sums = np.stack([np.tensordot(w, moved[place], axes=1) for w, place in zip(weights, places, strict=True)])
        image = np.moveaxis(np.floor(np.clip(sums, 0, 255) + 0.5).astype(np.uint8), 0, axis)
    return image


def imresize(image: np.ndarray, scale: float) -> np.ndarray:
    """MATLAB bicubic of an 8-bit image, H x W x 3, rounded after each of the two passes."""
    for axis in (0, 1):
        weights, places = contributions(image.shape[axis], scale)
        taps = np.moveaxis(image, axis, 0).astype(float)[places]
        sums = (taps * weights[:, :, None, None]).sum(axis=1)
        image = np.moveaxis(np.floor(np.clip(sums, 0, 255) + 0.5).astype(np.uint8), 0, axis)
    return image
