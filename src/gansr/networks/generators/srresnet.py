"""SRResNet in the common modified form "MSRResNet": no batch normalisation, and bilinearly enlarged LR is added to SR.

After Ledig et al., CVPR 2017, with the modifications of ESRGAN's authors; parameter names are those of the public
MSRResNet checkpoints.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gansr.networks.initialization import small_residuals

VERSION = 1
SLOPE = 0.1
REPEATED_BLOCKS = ("ResidualBlock",)
# Names of layers in checkpoints of KAIR and RankSRGAN, and those here, which are BasicSR's.
RELEASED_NAMES = {"recon_trunk.": "body.", "HRconv.": "conv_hr."}


def layers(options: dict[str, Any], scale: int) -> list[tuple[int, int, int, float]]:
    """For each layer input channels, output channels, side of the kernel, pixels per LR pixel (estimate/flops.py)."""
    features, pixels = options["features"], scale**2
    upsampling = [(features, 4 * features, 3, 1)] + [(features, 4 * features, 3, 4)] * (scale == 4)
    last = [(features, features, 3, pixels), (features, 3, 3, pixels)]
    return [(3, features, 3, 1), *[(features, features, 3, 1)] * (2 * options["blocks"]), *upsampling, *last]


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """N x features x H x W to the same shape."""
        return x + self.conv2(F.relu(self.conv1(x)))


class SRResNet(nn.Module):
    """Residual blocks at LR size, sub-pixel convolutions up to HR size, plus the bilinearly enlarged input."""

    def __init__(self, scale: int, features: int, blocks: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv_first = nn.Conv2d(3, features, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(features) for _ in range(blocks)))
        self.upconv1 = nn.Conv2d(features, features * 4, 3, padding=1)
        if scale == 4:
            self.upconv2 = nn.Conv2d(features, features * 4, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)
        small_residuals([self])

    def forward(self, lr: Tensor) -> Tensor:
        """N x 3 x H x W in [0, 1] to N x 3 x (H * scale) x (W * scale), not clipped."""
        x = self.body(F.leaky_relu(self.conv_first(lr), SLOPE))
        x = F.leaky_relu(self.pixel_shuffle(self.upconv1(x)), SLOPE)
        if self.scale == 4:
            x = F.leaky_relu(self.pixel_shuffle(self.upconv2(x)), SLOPE)
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), SLOPE))
        base: Tensor = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return torch.add(x, base)


def build(
    scale: int, *, features: Annotated[int, Field(ge=1)] = 64, blocks: Annotated[int, Field(ge=1)] = 16
) -> SRResNet:
    """SRResNet for scale 2 or 4; by default the papers' size (1,517,571 parameters at x4)."""
    return SRResNet(scale, features, blocks)
