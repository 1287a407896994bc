"""The pixel loss: mean absolute difference between SR and HR."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gansr.losses.base import LossTerm, Outputs

VERSION = 1


class PixelLoss(LossTerm):
    """L1, averaged over samples, channels and pixels (L_recons in Eq. 1 of LDL)."""

    def forward(self, outputs: Outputs) -> Tensor:
        """mean |SR - HR|."""
        return F.l1_loss(outputs.sr, outputs.hr)
