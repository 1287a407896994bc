"""Beby-GAN's region mask (Eq. 5) as a view: flat regions are set to 0, so that only textured ones are judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from gansr.kernels.region_mask import region_mask
from gansr.losses.views.base import Shown, View

VERSION = 1


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that the window is not larger than the patch."""
    if options["window"] > method["patch_size"]:
        raise ValueError(f"window {options['window']} is larger than patch_size {method['patch_size']}")


class RegionMaskView(View):
    """HR and SR times one mask: 1 where the standard deviation of luma in a window is at least the threshold.

    The standard deviation is that of enlarged LR (`of: lr`, the authors' code) or of HR (`of: hr`, the paper). The mask
    is computed once for each batch.
    """

    def __init__(
        self,
        *,
        of: Literal["lr", "hr"] = "lr",
        window: Literal[3, 5, 7, 9, 11, 13, 15] = 11,
        threshold: Annotated[float, Field(ge=0)] = 0.025,
    ) -> None:
        super().__init__()
        self.of = of
        self.window, self.threshold = window, threshold

    def mask(self, lr: Tensor, hr: Tensor) -> Tensor:
        """N x 1 x H x W of HR, 1 where there is texture and 0 where there is none."""
        image, scale = (lr, hr.shape[-1] // lr.shape[-1]) if self.of == "lr" else (hr, 1)
        return region_mask(image, scale, self.window, self.threshold).to(hr.dtype)

    def forward(self, lr: Tensor, hr: Tensor) -> Shown:
        """HR and SR with their flat regions set to 0."""
        mask = self.mask(lr, hr)
        return Shown(hr * mask, lambda sr: sr * mask)
