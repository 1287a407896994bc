"""The VGG-style discriminator of ESRGAN, LDL and Beby-GAN.

Stages of two convolutions, the second of which halves the size, then two linear layers; batch
normalisation after all convolutions but the first. Five stages at patch size 128 and 64 features are
the field's VGG-128 (14,499,401 parameters), six at 192 and 32 features Beby-GAN's VGG-192 (5,291,913).
Parameter names are those of the public checkpoints.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

VERSION = 1
SMALLEST_BATCH = 2  # patches: batch normalisation needs a variance over them
SLOPE = 0.2
WIDTHS = (1, 2, 4, 8, 8, 8)  # channels of the stages, in multiples of `features`
LINEAR = 100  # features between the two linear layers


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that the batch is large enough for batch normalisation, and that every stage can halve the patch."""
    if method["batch_size"] < SMALLEST_BATCH:
        raise ValueError(f"batch_size must be at least {SMALLEST_BATCH}: the discriminator normalises over the batch")
    stages = options["stages"]
    if method["patch_size"] % 2**stages:
        raise ValueError(
            f"patch_size {method['patch_size']} must be a multiple of {2**stages}: the discriminator halves it "
            f"{stages} times"
        )


def layers(options: dict[str, Any], patch_size: int, channels: int) -> list[tuple[int, int, int, float]]:
    """For each layer input channels, output channels, side of the kernel, pixels per patch (estimate/flops.py)."""
    convolutions, inputs, pixels = [], channels, patch_size**2
    for multiple in WIDTHS[: options["stages"]]:
        width = multiple * options["features"]
        convolutions += [(inputs, width, 3, pixels), (width, width, 4, pixels // 4)]
        inputs, pixels = width, pixels // 4
    return [*convolutions, (inputs * pixels, LINEAR, 1, 1), (LINEAR, 1, 1, 1)]


class VGGDiscriminator(nn.Module):
    """One logit per patch; the patch size is fixed, a multiple of 2 to the power of the stages."""

    def __init__(self, patch_size: int, channels: int, features: int, stages: int) -> None:
        super().__init__()
        self.stages = stages
        previous = channels
        for stage, multiple in enumerate(WIDTHS[:stages]):
            width = features * multiple
            self.add_module(f"conv{stage}_0", nn.Conv2d(previous, width, 3, 1, 1, bias=stage == 0))
            if stage > 0:
                self.add_module(f"bn{stage}_0", nn.BatchNorm2d(width))
            self.add_module(f"conv{stage}_1", nn.Conv2d(width, width, 4, 2, 1, bias=False))
            self.add_module(f"bn{stage}_1", nn.BatchNorm2d(width))
            previous = width
        self.linear1 = nn.Linear(previous * (patch_size // 2**stages) ** 2, LINEAR)
        self.linear2 = nn.Linear(LINEAR, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x patch x patch, images in [0, 1], to N x 1 logits."""
        for stage in range(self.stages):
            for half in (0, 1):
                x = self.get_submodule(f"conv{stage}_{half}")(x)
                if (stage, half) != (0, 0):
                    x = self.get_submodule(f"bn{stage}_{half}")(x)
                x = F.leaky_relu(x, SLOPE, inplace=True)
        x = F.leaky_relu(self.linear1(x.flatten(1)), SLOPE)
        logits: Tensor = self.linear2(x)
        return logits


def build(
    patch_size: int, channels: int, *, features: Annotated[int, Field(ge=1)] = 64, stages: Literal[5, 6] = 5
) -> VGGDiscriminator:
    """The discriminator for patches of this size with so many channels."""
    return VGGDiscriminator(patch_size, channels, features, stages)
