"""RRDB, the generator of ESRGAN (Wang et al., ECCVW 2018): residual-in-residual dense blocks.

The definition is spandrel's. Its parameter names are those of ESRGAN's first public checkpoints, so that spandrel and
programs that build on it can open the weights. The growth of its dense blocks is fixed at 32.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn

from gansr.networks.initialization import small_residuals

VERSION = 1
REPEATED_BLOCKS = ("ResidualDenseBlock_5C",)
SPANDREL = True  # released weights are read by spandrel, which knows the layer names of every common repository
GROWTH = 32


def layers(options: dict[str, Any], scale: int) -> list[tuple[int, int, int, float]]:
    """For each layer input channels, output channels, side of the kernel, pixels per LR pixel (estimate/flops.py)."""
    features, folded = options["features"], (4 // scale) ** 2
    dense = [(features + step * GROWTH, GROWTH, 3, 1) for step in range(4)] + [(features + 4 * GROWTH, features, 3, 1)]
    upsampling = [
        (features, features, 3, 4),
        (features, features, 3, 16),
    ]  # one convolution after each enlargement by 2
    last = [(features, features, 3, 16), (features, 3, 3, 16)]
    body = [*dense * (3 * options["blocks"]), (features, features, 3, 1)]
    every = [(3 * folded, features, 3, 1), *body, *upsampling, *last]
    return [(inputs, outputs, side, pixels / folded) for inputs, outputs, side, pixels in every]


def lr_multiple(scale: int) -> int:
    """The sides of an LR image are padded to a multiple of this: of 2 at x2, for the pixel-unshuffle."""
    return 4 // scale


def build(
    scale: int, *, features: Annotated[int, Field(ge=1)] = 64, blocks: Annotated[int, Field(ge=1)] = 23
) -> nn.Module:
    """RRDB for scale 2 or 4; by default the papers' size (16,697,987 parameters at x4, 16,703,171 at x2).

    It maps N x 3 x H x W in [0, 1] to N x 3 x (H * scale) x (W * scale), not clipped. As in the public x2 checkpoints,
    the x2 network is the x4 network on LR reduced to half its sides by pixel-unshuffle (four times the channels).
    """
    fold = {"in_nc": 12, "shuffle_factor": 2} if scale == 2 else {}
    network: nn.Module = ESRGAN(num_filters=features, num_blocks=blocks, scale=4, **fold)
    small_residuals(block for name, block in network.named_modules() if name.endswith(("RDB1", "RDB2", "RDB3")))
    return network
