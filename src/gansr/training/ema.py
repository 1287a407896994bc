"""The exponential moving average of a generator's weights (LDL, Eq. 5)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def ema_model(generator: nn.Module) -> nn.Module:
    """A copy of the generator to average into: in evaluation mode, without gradients."""
    return copy.deepcopy(generator).eval().requires_grad_(False)


@torch.no_grad()
def update_ema(average: nn.Module, generator: nn.Module, decay: float) -> None:
    """average = decay * average + (1 - decay) * weights, for all parameters in one operation.

    Buffers are copied.
    """
    averages: list[Tensor] = list(average.parameters())
    torch._foreach_lerp_(averages, list(generator.parameters()), 1 - decay)
    for kept, new in zip(average.buffers(), generator.buffers(), strict=True):
        kept.copy_(new)
