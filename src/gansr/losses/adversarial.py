"""The adversarial loss and the loss of its critic, the discriminator."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.losses.base import LossContext, LossTerm, Outputs

VERSION = 1
NEEDS_CRITIC = True


def binary_cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of logits against all-real or all-fake labels."""
    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target)


class AdversarialLoss(LossTerm):
    """The generator's part of the adversarial objective, and the discriminator's loss that goes with it.

    `relativistic_average` is ESRGAN's objective: a patch's logit is compared with the average logit of the other kind
    (real or fake). The parts for reals and fakes are averaged, and in the discriminator's loss the average of the other
    kind has no gradient, as in the authors' codes. `relativistic_average_printed` is what Beby-GAN's Eq. 7 to 9 (and
    ESRGAN's paper) print: the two parts are added, and all averages have a gradient. `plain` is SRGAN's objective: the
    logit says whether a patch is real.

    Real and fake patches form separate batches, so that they have separate batch-normalisation statistics; averages are
    over the batch of one device.
    """

    def __init__(
        self,
        context: LossContext,
        *,
        objective: Literal["relativistic_average", "relativistic_average_printed", "plain"] = "relativistic_average",
    ) -> None:
        super().__init__(context)
        self.relativistic = objective != "plain"
        self.printed = objective == "relativistic_average_printed"
        self.share = 1.0 if self.printed else 0.5

    def forward(self, outputs: Outputs) -> Tensor:
        """The generator's loss.

        Relativistic: cross-entropy with the labels real for fakes and fake for reals. Plain: the label real for fakes.
        """
        real, fake = outputs.real_logits, outputs.fake_logits
        assert real is not None and fake is not None
        if not self.relativistic:
            return binary_cross_entropy(fake, real=True)
        return self.share * (
            binary_cross_entropy(real.detach() - fake.mean(), real=False)
            + binary_cross_entropy(fake - real.detach().mean(), real=True)
        )

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss on the logits of reals and of (detached) fakes; `plain` is the sum of both parts."""
        if not self.relativistic:
            return binary_cross_entropy(real, real=True) + binary_cross_entropy(fake, real=False)
        real_mean, fake_mean = real.mean(), fake.mean()
        if not self.printed:
            real_mean, fake_mean = real_mean.detach(), fake_mean.detach()
        return self.share * (
            binary_cross_entropy(real - fake_mean, real=True) + binary_cross_entropy(fake - real_mean, real=False)
        )
