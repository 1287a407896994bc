"""The base class of views, which transform the images that a loss term and its critic get."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Shown:
    """A view of one batch: the transformed HR, and a function that transforms SR of the same batch.

    The two may be different operations: a view may sharpen HR, for instance, and leave SR as it is.
    """

    hr: Tensor
    of_sr: Callable[[Tensor], Tensor]


class View(nn.Module, ABC):
    """A transformation of HR and SR, whose results a loss term and its critic get instead of the images themselves.

    The keyword-only parameters of `__init__` are the view's options. A view draws no random numbers and has no
    trainable weights. If the results do not have three channels, the file has a function `channels(options)`; if a view
    needs patches of certain sizes, the file has a function `check(options, method)`. Both are read without importing
    the file.
    """

    @abstractmethod
    def forward(self, lr: Tensor, hr: Tensor) -> Shown:
        """The view of a batch; LR and HR are N x 3 x H x W in [0, 1].

        The gradient flows through `of_sr`; the transformed HR has none.
        """
