"""The adversarial loss and the loss of its discriminator."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.losses.base import LossContext, LossTerm, Outputs


def binary_cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of logits against all-real or all-fake labels."""
    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target)


class AdversarialLoss(LossTerm):
    """The generator's part of the adversarial objective, and the discriminator's loss that goes with it.

    `relativistic_average` is ESRGAN's: is a patch more realistic than the other kind on average? `plain` is
    SRGAN's: is a patch real? Real and fake patches form separate batches, so that they have separate
    batch-normalisation statistics; averages are over the batch of one device.
    """

    def __init__(
        self, context: LossContext, *, objective: Literal["relativistic_average", "plain"] = "relativistic_average"
    ) -> None:
        super().__init__(context)
        self.relativistic = objective == "relativistic_average"

    def forward(self, outputs: Outputs) -> Tensor:
        """The generator's loss.

        Relativistic: half of fakes taken for real, half of reals taken for fake. Plain: fakes taken for real.
        """
        real, fake = outputs.real_logits, outputs.fake_logits
        assert real is not None and fake is not None
        if not self.relativistic:
            return binary_cross_entropy(fake, real=True)
        return (
            binary_cross_entropy(real.detach() - fake.mean(), real=False)
            + binary_cross_entropy(fake - real.detach().mean(), real=True)
        ) / 2

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss on logits of reals and (detached) fakes.

        Relativistic: the mean of both kinds; the average of the other kind is a constant in each, as in
        ESRGAN's code. Plain: the sum of both kinds, as in BasicSR's SRGAN.
        """
        if not self.relativistic:
            return binary_cross_entropy(real, real=True) + binary_cross_entropy(fake, real=False)
        return (
            binary_cross_entropy(real - fake.detach().mean(), real=True)
            + binary_cross_entropy(fake - real.detach().mean(), real=False)
        ) / 2
