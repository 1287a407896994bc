"""What a view is given and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Shown:
    """What is shown of one batch: of HR, and of any SR of the same batch.

    The two need not be the same operation: where HR is shown sharpened, SR may be shown as it is.
    """

    hr: Tensor
    of_sr: Callable[[Tensor], Tensor]


class View(nn.Module, ABC):
    """What a loss term and its critic are shown of HR and SR in place of the images themselves.

    The keyword-only parameters of `__init__` are the view's options. A view draws no random numbers and learns
    nothing. A file whose view shows another number of channels than three has a function `channels(options)`, and
    one that cannot show every patch a function `check(options, method)`; both are read without importing it.
    """

    @abstractmethod
    def forward(self, lr: Tensor, hr: Tensor) -> Shown:
        """What is shown of a batch; LR and HR are N x 3 x H x W in [0, 1].

        The gradient flows through `of_sr`, and there is none through what is shown of HR.
        """
