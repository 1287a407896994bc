"""Beby-GAN's back-projection loss: reduced to LR size, SR must be the LR image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.kernels.bicubic import reduce_bicubic
from gansr.losses.base import LossTerm, Outputs

VERSION = 1


class BackProjectionLoss(LossTerm):
    """mean |S(SR, s) - LR| with S the MATLAB bicubic that made the LR images (Eq. 4); SR is not clipped."""

    def forward(self, outputs: Outputs) -> Tensor:
        """The back-projection loss of a batch, in float32 whatever the precision around it."""
        factor = outputs.sr.shape[-1] // outputs.lr.shape[-1]
        with torch.autocast(outputs.sr.device.type, enabled=False):
            return F.l1_loss(reduce_bicubic(outputs.sr.float(), factor), outputs.lr.float())
