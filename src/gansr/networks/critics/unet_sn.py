"""The U-Net discriminator with spectral normalisation of Real-ESRGAN (Wang et al., ICCVW 2021).

LDL's real-world models are trained with it. It gives a logit for every pixel: three stages halve the size, three double
it again, and the input of each halving stage is added to the output of the doubling stage of the same size.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

VERSION = 1
SLOPE = 0.2
HALVINGS = 3


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that the patch size can be halved three times, so that the output has the size of the patch."""
    if method["patch_size"] % 2**HALVINGS:
        raise ValueError(
            f"patch_size {method['patch_size']} must be a multiple of {2**HALVINGS}: the discriminator halves it "
            f"{HALVINGS} times"
        )


def layers(options: dict[str, Any], patch_size: int, channels: int) -> list[tuple[int, int, int, float]]:
    """For each layer input channels, output channels, side of the kernel, pixels per patch (estimate/flops.py)."""
    features, pixels = options["features"], patch_size**2
    down = [(features * wide, features * wide * 2, 4, pixels / (2 * wide) ** 2) for wide in (1, 2, 4)]
    up = [(features * wide, features * wide // 2, 3, pixels / (wide // 2) ** 2) for wide in (8, 4, 2)]
    last = [(features, features, 3, pixels)] * 2 + [(features, 1, 3, pixels)]
    return [(channels, features, 3, pixels), *down, *up, *last]


class UNetDiscriminator(nn.Module):
    """One logit per pixel; the size of the images is a multiple of 8."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, features, 3, 1, 1)
        self.down = nn.ModuleList(
            spectral_norm(nn.Conv2d(features * wide, features * wide * 2, 4, 2, 1, bias=False)) for wide in (1, 2, 4)
        )
        self.up = nn.ModuleList(
            spectral_norm(nn.Conv2d(features * wide, features * wide // 2, 3, 1, 1, bias=False)) for wide in (8, 4, 2)
        )
        self.last = nn.ModuleList(spectral_norm(nn.Conv2d(features, features, 3, 1, 1, bias=False)) for _ in range(2))
        self.conv9 = nn.Conv2d(features, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W, images in [0, 1], to N x 1 x H x W logits."""
        x = F.leaky_relu(self.conv0(x), SLOPE)
        skipped = []
        for layer in self.down:
            skipped.append(x)
            x = F.leaky_relu(layer(x), SLOPE)
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), SLOPE) + skipped.pop()
        for layer in self.last:
            x = F.leaky_relu(layer(x), SLOPE)
        logits: Tensor = self.conv9(x)
        return logits


def build(patch_size: int, channels: int, *, features: Annotated[int, Field(ge=1)] = 64) -> UNetDiscriminator:
    """The discriminator: 4,376,897 parameters with 64 features of 3 channels.

    The network is the same for every patch size, which must be a multiple of 8.
    """
    return UNetDiscriminator(channels, features)
