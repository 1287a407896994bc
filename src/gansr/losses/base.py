"""What a loss term is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def full_precision(tensor: Tensor) -> Tensor:
    """A tensor of half precision as float32; any other as it is."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


@dataclass(frozen=True)
class LossContext:
    """What a loss term may need once, when training starts."""

    seed: int
    vgg19: Path | None = None


@dataclass(frozen=True)
class Outputs:
    """One iteration's images and logits, on the training device.

    Images are N x 3 x H x W, RGB, float32; lr and hr in [0, 1], sr and ema_sr not clipped. The gradient flows
    through sr, and through fake_logits to it; hr, lr, ema_sr and real_logits carry none. `autocast` gives the
    precision of the training's networks, for terms that have a network of their own.
    """

    lr: Tensor
    hr: Tensor
    sr: Tensor
    ema_sr: Tensor | None = None
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext


class LossTerm(nn.Module, ABC):
    """A term of the objective.

    The keyword-only parameters of `__init__` are the term's options in a method file. Set `needs_ema`
    for terms that read `ema_sr`: the EMA model then runs in every iteration.
    """

    needs_ema = False

    def __init__(self, context: LossContext) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, outputs: Outputs) -> Tensor:
        """The term's value, a scalar, before its weight."""
