"""LDL's artifact loss: the residual of SR, weighted by how likely each pixel is an artifact.

Details or Artifacts (Liang, Zeng, Zhang, CVPR 2022), Eq. 2 to 7. The defaults compute what the authors' code computes:
the residual is the sum over RGB of absolute differences, variances are unbiased, the window's border is reflected, and
the gradient flows through the map. The paper prints a signed residual of three channels (`residual: signed`) and does
not mention the other points. As it does not say whether the gradient flows through the map, `detach_map: true` is also
offered.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gansr.errors import UserError
from gansr.kernels.window_variance import window_variance
from gansr.losses.base import LossContext, LossTerm, Outputs

VERSION = 1
Residual = Literal["channel_abs_sum", "signed"]


def needs_ema(options: dict[str, Any]) -> bool:
    """Whether the term compares with the EMA model's SR."""
    return bool(options["ema_refine"])


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that there is an EMA model if `ema_refine` needs one, and that the window is not larger than the patch."""
    if options["ema_refine"] and method["ema_decay"] is None:
        raise ValueError("ema_refine compares with the EMA model; set ema_decay")
    if options["window"] > method["patch_size"]:
        raise ValueError(f"window {options['window']} is larger than patch_size {method['patch_size']}")


@dataclass(frozen=True)
class ArtifactMap:
    """The maps of Fig. 5, N x 1 x H x W; sigma is N x 1 x 1 x 1, ones without patch weight.

    `residual` is |R|, the sum over channels of |HR - SR|. `improved` is where |R1| < |R2|: SR is closer
    to HR than the EMA model's SR; None without refinement.
    """

    residual: Tensor
    local_variance: Tensor
    sigma: Tensor
    improved: Tensor | None
    refined: Tensor


def absolute_residual(sr: Tensor, hr: Tensor) -> Tensor:
    """|R| of Eq. 6: sum over channels of |HR - SR|; N x 3 x H x W to N x 1 x H x W."""
    return (hr - sr).abs().sum(dim=1, keepdim=True)


def patch_sigma(residual: Tensor, root: float) -> Tensor:
    """sigma of Eq. 4: var(R)^(1/root) of each sample (unbiased); N x C x H x W to N x 1 x 1 x 1.

    Where a sample has no variance, sigma and its gradient are set to 0: the derivative of the root is infinite there,
    and its product with 0 would be NaN.
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
    residual: Residual = "channel_abs_sum",
) -> ArtifactMap:
    """M_refine of Eq. 6 and the maps on the way to it.

    Args:
        sr: N x 3 x H x W in [0, 1] (not clipped); the gradient flows through it.
        hr: the same shape.
        ema_sr: SR of the EMA model; None leaves the refinement out.
        window: n of Eq. 3, odd; its half must be smaller than H and W.
        patch_weight_root: a of Eq. 4; None leaves sigma out.
        residual: of which residual the variances of Eq. 3 and 4 are computed. `channel_abs_sum` is |R|. `signed` is
            HR - SR with its three channels: the variance is over all 3 n^2 values in the window, which is the most
            literal way to get one number from three channels. So differences between channels (a colour cast, for
            instance) count as variance too.

    Raises:
        UserError: the images are smaller than the window.
    """
    if min(sr.shape[-2:]) < window:
        raise UserError(f"artifact loss: the patch {tuple(sr.shape[-2:])} is smaller than the window {window}")
    absolute = absolute_residual(sr, hr)
    varying = absolute if residual == "channel_abs_sum" else hr - sr
    variance = window_variance(varying, window)
    sigma = sr.new_ones(len(sr), 1, 1, 1) if patch_weight_root is None else patch_sigma(varying, patch_weight_root)
    refined = sigma * variance
    improved = None
    if ema_sr is not None:
        # strictly smaller: where both residuals are equal, as in the first iteration, the pixel is penalised
        improved = (absolute < absolute_residual(ema_sr, hr)).detach()
        refined = refined.masked_fill(improved, 0.0)
    return ArtifactMap(absolute, variance, sigma, improved, refined)


class ArtifactLoss(LossTerm):
    """mean |M_refine * (HR - SR)| over samples, channels and pixels (Eq. 7).

    With `detach_map` the map is treated as a constant in the gradient. Without it, the gradient also flows through the
    variances and sigma, which makes it two to five times as large.
    """

    def __init__(
        self,
        context: LossContext,
        *,
        residual: Literal["channel_abs_sum", "signed"] = "channel_abs_sum",
        window: Literal[3, 5, 7, 9, 11, 13, 15] = 7,
        patch_weight: bool = True,
        patch_weight_root: Annotated[float, Field(gt=0)] = 5,
        ema_refine: bool = True,
        detach_map: bool = False,
    ) -> None:
        super().__init__(context)
        self.residual: Residual = residual
        self.window = window
        self.patch_weight_root = patch_weight_root if patch_weight else None
        self.needs_ema = ema_refine
        self.detach_map = detach_map

    def forward(self, outputs: Outputs) -> Tensor:
        """The artifact loss of a batch, computed in float32 even under autocast."""
        with torch.autocast(outputs.sr.device.type, enabled=False):
            sr, hr = outputs.sr.float(), outputs.hr.float()
            ema_sr = outputs.ema_sr.float() if self.needs_ema and outputs.ema_sr is not None else None
            if self.needs_ema and ema_sr is None:
                raise UserError("artifact loss: ema_refine needs the EMA model; set ema_decay")
            with torch.no_grad() if self.detach_map else nullcontext():
                maps = artifact_map(sr, hr, ema_sr, self.window, self.patch_weight_root, self.residual)
            return F.l1_loss(maps.refined * sr, maps.refined * hr)
