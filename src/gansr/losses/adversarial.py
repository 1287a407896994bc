"""The adversarial loss and the loss of its discriminator."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gansr.kernels.region_mask import region_mask
from gansr.losses.base import LossContext, LossTerm, Outputs

VERSION = 1


def binary_cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of logits against all-real or all-fake labels."""
    target = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return F.binary_cross_entropy_with_logits(logits, target)


class AdversarialLoss(LossTerm):
    """The generator's part of the adversarial objective, and the discriminator's loss that goes with it.

    `relativistic_average` is ESRGAN's: is a patch more realistic than the other kind on average? Its two
    parts, reals and fakes, are averaged, and for the discriminator the average of the other kind is a
    constant, as in the authors' codes. `relativistic_average_printed` is what Beby-GAN's Eq. 7 to 9 (and
    ESRGAN's) print: the parts are added, and nothing is a constant. `plain` is SRGAN's: is a patch real?

    With a `region_mask` the discriminator sees HR and SR with their flat regions set to 0 (Beby-GAN,
    Eq. 5): flat where the standard deviation of luma in a window is below the threshold, in LR (`lr`, the
    authors' code) or in HR (`hr`, the paper).

    Real and fake patches form separate batches, so that they have separate batch-normalisation
    statistics; averages are over the batch of one device.
    """

    def __init__(
        self,
        context: LossContext,
        *,
        objective: Literal["relativistic_average", "relativistic_average_printed", "plain"] = "relativistic_average",
        region_mask: Literal["none", "lr", "hr"] = "none",
        region_window: Literal[3, 5, 7, 9, 11, 13, 15] = 11,
        region_threshold: Annotated[float, Field(ge=0)] = 0.025,
    ) -> None:
        super().__init__(context)
        self.relativistic = objective != "plain"
        self.printed = objective == "relativistic_average_printed"
        self.share = 1.0 if self.printed else 0.5
        self.region_mask = region_mask
        self.region_window, self.region_threshold = region_window, region_threshold

    def textured(self, lr: Tensor, hr: Tensor) -> Tensor | None:
        """The region mask of a batch, N x 1 x H x W of HR, 1 where there is texture; None where none is used."""
        if self.region_mask == "none":
            return None
        image, scale = (lr, hr.shape[-1] // lr.shape[-1]) if self.region_mask == "lr" else (hr, 1)
        return region_mask(image, scale, self.region_window, self.region_threshold).to(hr.dtype)

    def forward(self, outputs: Outputs) -> Tensor:
        """The generator's loss.

        Relativistic: fakes taken for real and reals taken for fake. Plain: fakes taken for real.
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
        """The discriminator's loss on logits of reals and (detached) fakes; plain: the sum of both kinds."""
        if not self.relativistic:
            return binary_cross_entropy(real, real=True) + binary_cross_entropy(fake, real=False)
        real_mean, fake_mean = real.mean(), fake.mean()
        if not self.printed:
            real_mean, fake_mean = real_mean.detach(), fake_mean.detach()
        return self.share * (
            binary_cross_entropy(real - fake_mean, real=True) + binary_cross_entropy(fake - real_mean, real=False)
        )
