"""What a loss term is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def full_precision(tensor: Tensor) -> Tensor:
    """A bfloat16 or float16 tensor as float32; any other tensor unchanged."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


@dataclass(frozen=True)
class LossContext:
    """What a loss term may need when it is built: the seed, and the weight files of judges by their names."""

    seed: int
    judges: Mapping[str, Path] = field(default_factory=dict)

    def judge(self, name: str) -> Path | None:
        """The weights of the judge of this name; None where the training was given none."""
        return self.judges.get(name)


@dataclass(frozen=True)
class Outputs:
    """One iteration's images and logits, on the training device.

    Images are N x 3 x H x W, RGB, float32; lr and hr in [0, 1], sr and ema_sr not clipped. The gradient flows through
    sr and extras, and through fake_logits to sr; hr, lr, ema_sr and real_logits have no gradient. For a term with a
    view, hr, sr and ema_sr are transformed by the view; the logits are those of the term's own critic. `autocast` is
    the context in which a term runs a network of its own, so that it has the training's precision. `extras` are the
    generator's outputs in addition to SR, by the names in its file's OUTPUTS.
    """

    lr: Tensor
    hr: Tensor
    sr: Tensor
    ema_sr: Tensor | None = None
    real_logits: Tensor | None = None
    fake_logits: Tensor | None = None
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
    extras: Mapping[str, Tensor] = field(default_factory=dict)


class LossTerm(nn.Module, ABC):
    """A term of the objective.

    The keyword-only parameters of `__init__` are the term's options in a method file. Set `needs_ema` for terms that
    read `ema_sr`: the EMA model then runs in every iteration. The term's file declares what else it needs, at the top,
    where it is read without importing the file: NEEDS_CRITIC, NEEDS_OUTPUTS, `judges`, `check` (docs/add-a-loss.md).
    """

    needs_ema = False

    def __init__(self, context: LossContext) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, outputs: Outputs) -> Tensor:
        """The term's value, a scalar, before its weight."""

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of the term's critic, from its logits of HR and of SR; defined by terms with NEEDS_CRITIC."""
        raise NotImplementedError(f"{type(self).__name__} has no critic")
