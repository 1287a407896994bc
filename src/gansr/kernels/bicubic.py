"""MATLAB bicubic reduction of tensors, as two small matrix products with the operator of `data.bicubic`."""

from __future__ import annotations

import functools
from fractions import Fraction

import torch
from torch import Tensor

from gansr.data.bicubic import resize_operator


def reduce_bicubic(image: Tensor, factor: int) -> Tensor:
    """The image reduced by an integer factor; N x C x H x W to N x C x H/factor x W/factor, not clipped.

    Without rounding, as MATLAB resizes floating-point images; the gradient flows through it.
    """
    rows = _operator(image.shape[2], factor, image.dtype, image.device)
    columns = _operator(image.shape[3], factor, image.dtype, image.device)
    return rows @ image @ columns.T


@functools.lru_cache(maxsize=32)
def _operator(length: int, factor: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # the cached tensor may later be used in training, where no inference tensor may
        return torch.from_numpy(resize_operator(length, Fraction(1, factor)).toarray()).to(device, dtype)
