"""LDL's artifact loss: the residual of SR, weighted by how likely each pixel is an artifact.

Details or Artifacts (Liang, Zeng, Zhang, CVPR 2022), Eq. 2 to 7, as the authors' code computes them:
the residual is the sum over RGB of absolute differences, variances are unbiased, the window's border is
reflected, and the gradient flows through the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gansr.errors import UserError
from gansr.losses.base import LossContext, LossTerm, Outputs


@dataclass(frozen=True)
class ArtifactMap:
    """The maps of Fig. 5, N x 1 x H x W; sigma is N x 1 x 1 x 1, ones without patch weight.

    `improved` is where |R1| < |R2|: SR is closer to HR than the EMA model's SR. None without refinement.
    """

    residual: Tensor
    local_variance: Tensor
    sigma: Tensor
    improved: Tensor | None
    refined: Tensor


def residual_map(sr: Tensor, hr: Tensor) -> Tensor:
    """|R| of Eq. 2: sum over channels of |HR - SR|; N x 3 x H x W to N x 1 x H x W."""
    return (hr - sr).abs().sum(dim=1, keepdim=True)


def local_variance(residual: Tensor, window: int) -> Tensor:
    """M of Eq. 3: unbiased variance in a sliding window with reflected border; N x 1 x H x W to the same.

    Var = (mean(r^2) - mean(r)^2) * n / (n - 1), with means by separable box sums. The mean of each sample
    is taken off first, which changes no variance and keeps the difference of squares exact enough for
    float32.
    """
    margin = window // 2
    count = window * window
    centred = residual - residual.mean(dim=(1, 2, 3), keepdim=True).detach()
    padded = F.pad(centred, (margin,) * 4, mode="reflect")
    moments = torch.cat([padded, padded.square()], dim=1)
    moments = F.avg_pool2d(F.avg_pool2d(moments, (1, window), stride=1), (window, 1), stride=1)
    mean, mean_of_square = moments.split(1, dim=1)
    return (mean_of_square - mean.square()).clamp_min(0) * (count / (count - 1))


def patch_sigma(residual: Tensor, root: float) -> Tensor:
    """sigma of Eq. 4: Var(|R|)^(1/root) of each sample (unbiased); N x 1 x H x W to N x 1 x 1 x 1.

    Where a sample has no variance sigma is 0, and so is its gradient: the derivative of the root is
    infinite there, and times zero it would be NaN.
    """
    variance = residual.var(dim=(1, 2, 3), keepdim=True)
    positive = variance > 0
    root_of_safe = torch.where(positive, variance, 1.0).pow(1 / root)
    return torch.where(positive, root_of_safe, 0.0)


def artifact_map(
    sr: Tensor,
    hr: Tensor,
    ema_sr: Tensor | None,
    window: int = 7,
    patch_weight_root: float | None = 5,
) -> ArtifactMap:
    """M_refine of Eq. 6 and the maps on the way to it.

    Args:
        sr: N x 3 x H x W in [0, 1] (not clipped); the gradient flows through it.
        hr: the same shape.
        ema_sr: SR of the EMA model; None leaves the refinement out.
        window: n of Eq. 3, odd; its half must be smaller than H and W.
        patch_weight_root: a of Eq. 4; None leaves sigma out.

    Raises:
        UserError: the images are smaller than the window.
    """
    if min(sr.shape[-2:]) < window:
        raise UserError(f"artifact loss: the patch {tuple(sr.shape[-2:])} is smaller than the window {window}")
    residual = residual_map(sr, hr)
    variance = local_variance(residual, window)
    if patch_weight_root is None:
        sigma = residual.new_ones(len(residual), 1, 1, 1)
    else:
        sigma = patch_sigma(residual, patch_weight_root)
    refined = sigma * variance
    improved = None
    if ema_sr is not None:
        # strict: where both are equal, as in the first iteration, the pixel stays penalised
        improved = (residual < residual_map(ema_sr, hr)).detach()
        refined = refined.masked_fill(improved, 0.0)
    return ArtifactMap(residual, variance, sigma, improved, refined)


class ArtifactLoss(LossTerm):
    """mean |M_refine * (HR - SR)| over samples, channels and pixels (Eq. 7)."""

    def __init__(
        self,
        context: LossContext,
        *,
        window: Literal[3, 5, 7, 9, 11, 13, 15] = 7,
        patch_weight: bool = True,
        patch_weight_root: Annotated[float, Field(gt=0)] = 5,
        ema_refine: bool = True,
    ) -> None:
        super().__init__(context)
        self.window = window
        self.patch_weight_root = patch_weight_root if patch_weight else None
        self.needs_ema = ema_refine

    def forward(self, outputs: Outputs) -> Tensor:
        """The artifact loss of a batch, in float32 whatever the precision around it."""
        with torch.autocast(outputs.sr.device.type, enabled=False):
            sr, hr = outputs.sr.float(), outputs.hr.float()
            ema_sr = outputs.ema_sr.float() if self.needs_ema and outputs.ema_sr is not None else None
            if self.needs_ema and ema_sr is None:
                raise UserError("artifact loss: ema_refine needs the EMA model; set ema_decay")
            weight = artifact_map(sr, hr, ema_sr, self.window, self.patch_weight_root).refined
            return F.l1_loss(weight * sr, weight * hr)
