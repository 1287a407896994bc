"""Beby-GAN's back-projection loss: SR reduced to LR size should equal the LR image."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.kernels.bicubic import reduce_bicubic
from gansr.losses.base import LossTerm, Outputs

VERSION = 1


def flops(options: dict[str, Any], patch_size: int, scale: int) -> float:
    """FLOP of one HR patch: the two matrix products that reduce it, and their gradients."""
    small = patch_size // scale
    return 2 * (2 * 3 * small * patch_size * (patch_size + small))


class BackProjectionLoss(LossTerm):
    """mean |S(SR, s) - LR| with S the MATLAB bicubic that made the LR images (Eq. 4); SR is not clipped."""

    def forward(self, outputs: Outputs) -> Tensor:
        """The back-projection loss of a batch, computed in float32 even under autocast."""
        factor = outputs.sr.shape[-1] // outputs.lr.shape[-1]
        with torch.autocast(outputs.sr.device.type, enabled=False):
            return F.l1_loss(reduce_bicubic(outputs.sr.float(), factor), outputs.lr.float())
