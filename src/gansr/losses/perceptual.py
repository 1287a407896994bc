"""The perceptual loss: distance between VGG19 features of SR and HR."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from gansr.errors import UserError
from gansr.losses.base import LossContext, LossTerm, Outputs, full_precision
from gansr.networks.judges.vgg19 import VGG19Features

VERSION = 1
WHOLE_OPTIONS = ("layers",)  # a variant that gives layers replaces the whole list, it does not add to it
WITHOUT_JUDGES = {"weights": "random"}  # the options with which no file of weights is needed
BASE_WIDTH = 64  # of the pretrained network
BLOCKS = ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))  # of VGG19: width relative to the first block, convolutions


def judges(options: dict[str, Any]) -> list[str]:
    """The files of weights.yaml that the term reads."""
    return ["vgg19"] if options["weights"] == "pretrained" else []


def check(options: dict[str, Any], method: dict[str, Any]) -> None:
    """Check that the patch is large enough for the deepest layer, and that pretrained weights have their width."""
    for layer in options["layers"]:
        smallest = 2 ** (int(layer[4]) - 1)  # VGG19 halves the patch before each block but the first
        if method["patch_size"] < smallest:
            raise ValueError(f"{layer} needs a patch_size of at least {smallest}")
    if options["weights"] == "pretrained" and options["width"] != BASE_WIDTH:
        raise ValueError(f"the pretrained VGG19 has width {BASE_WIDTH}; set weights: random for another")


def flops(options: dict[str, Any], patch_size: int, scale: int) -> float:
    """FLOP of one HR patch: VGG19 up to the deepest layer on HR and on SR, and the gradient that goes to SR.

    Each block but the first halves the patch's side, rounded down.
    """
    deepest = max((int(name[4]), int(name[6])) for name in options["layers"])
    side, inputs, total = patch_size, 3, 0
    for block, (multiple, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            if (block, number) <= deepest:
                width = multiple * options["width"]
                total += 2 * 3**2 * inputs * width * side**2
                inputs = width
        side //= 2
    return 3 * total


class PerceptualLoss(LossTerm):
    """Weighted sum over layers of the mean absolute difference of pre-ReLU VGG19 features.

    With `weights: pretrained` the network is torchvision's VGG19 trained on ImageNet. With `random` it has the same
    layers, Kaiming-normal weights from the training seed, and any `width` (the number of channels of its first block,
    64 in VGG19).
    """

    def __init__(
        self,
        context: LossContext,
        *,
        layers: Annotated[
            dict[
                Literal[
                    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4",
                    "conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1", "conv5_2", "conv5_3", "conv5_4",
                ],
                Annotated[float, Field(gt=0)],
            ],
            Field(min_length=1),
        ],
        weights: Literal["pretrained", "random"] = "pretrained",
        width: Annotated[int, Field(ge=1)] = 64,
    ) -> None:  # fmt: skip
        super().__init__(context)
        self.layers = dict(layers)
        self.network = VGG19Features(list(self.layers), width)
        if weights == "random":
            self.network.initialize(context.seed)
            return
        file = context.judge("vgg19")
        if file is None:
            raise UserError("the perceptual loss needs the pretrained VGG19; give its file with --judge vgg19=FILE")
        self.network.load(file)

    def forward(self, outputs: Outputs) -> Tensor:
        """sum over layers l of weight_l * mean |phi_l(SR) - phi_l(HR)|."""
        with torch.inference_mode(), outputs.autocast():
            target = self.network(outputs.hr)
        with outputs.autocast():
            found = self.network(outputs.sr)
        terms = [
            weight * (full_precision(found[layer]) - full_precision(target[layer])).abs().mean()
            for layer, weight in self.layers.items()
        ]
        return torch.stack(terms).sum()
