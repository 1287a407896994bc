"""SwinIR (Liang et al., ICCVW 2021): Swin transformer blocks at LR size, sub-pixel convolutions up to HR size.

The definition is spandrel's, whose parameter names are those of the public checkpoints. The images are
padded by reflection to whole attention windows of 8 and cut again inside. Only its attention masks are made once
for each image size, where spandrel makes them on the CPU, anew in every block and pass: a captured CUDA graph cannot
hold that, and torch.compile cannot compile it.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Annotated, Any

import torch
from pydantic import Field
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn

VERSION = 1
REPEATED_BLOCKS = ("SwinTransformerBlock",)
NOT_COMPILED = ("DropPath",)  # parts of them: stochastic depth has another probability in each block
SPANDREL = True  # it knows the names that each of the field's repositories gave the layers
TRAINING_ONLY = ("drop_path",)
SMALLEST_LR = 8  # pixels: one attention window
WINDOW = 8
MLP_RATIO = 2
UPSAMPLING = 64  # features behind the transformer
TRAINING_SIZE = 64  # LR size that the public "s64w8" weights keep attention masks for; other sizes make their own


def check(options: dict[str, Any]) -> None:
    """Refuse heads that cannot share the features.

    Raises:
        ValueError: features is no multiple of heads.
    """
    if options["features"] % options["heads"]:
        raise ValueError(f"features {options['features']} is not a multiple of heads {options['heads']}")


def layers(options: dict[str, Any], scale: int) -> list[tuple[int, int, int, float]]:
    """Each layer's inputs, outputs, side of its kernel, and pixels for each LR pixel; first the one on the image.

    Attention multiplies query by key and then by value, over a window: as a layer with that many outputs would.
    """
    features, pixels = options["features"], scale**2
    same = (features, features, 3, 1)
    linear = [(features, features, 1, 1)] * (3 + 1 + 2 * MLP_RATIO)  # query, key, value; projection; MLP
    group = [*[*linear, (features, 2 * WINDOW**2, 1, 1)] * options["blocks"], same]
    upsampling = [(UPSAMPLING, 4 * UPSAMPLING, 3, 1)] + [(UPSAMPLING, 4 * UPSAMPLING, 3, 4)] * (scale == 4)
    ends = [(features, UPSAMPLING, 3, 1), *upsampling, (UPSAMPLING, 3, 3, pixels)]
    return [(3, features, 3, 1), *group * options["groups"], same, *ends]


def lr_multiple(scale: int) -> int:
    """The sides of an LR image are padded to a multiple of this: to whole attention windows."""
    return WINDOW


def build(
    scale: int,
    *,
    features: Annotated[int, Field(ge=1)] = 180,
    groups: Annotated[int, Field(ge=1)] = 6,
    blocks: Annotated[int, Field(ge=1)] = 6,
    heads: Annotated[int, Field(ge=1)] = 6,
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """SwinIR for scale 2 or 4; by default SwinIR-M (11,900,199 parameters at x4, 11,752,487 at x2).

    It maps N x 3 x H x W in [0, 1] to N x 3 x (H * scale) x (W * scale), not clipped.

    Args:
        scale: 2 or 4.
        features: width of the transformer, a multiple of heads.
        groups: number of residual groups.
        blocks: transformer blocks in each group.
        heads: attention heads in each block.
        drop_path: probability of the last block to be skipped in training (stochastic depth, rising from 0
            at the first). The authors pretrain with 0.1. LDL compares the generator in training with its
            EMA model, which skips nothing, so that the comparison is only fair without: a method with
            ema_refine refuses any other value than 0.

    Raises:
        ValueError: features is no multiple of heads.
    """
    check({"features": features, "heads": heads})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.meshgrid")  # spandrel's call, whose result is the intended one
        network: nn.Module = SwinIR(
            upscale=scale,
            img_size=TRAINING_SIZE,
            window_size=WINDOW,
            embed_dim=features,
            depths=[blocks] * groups,
            num_heads=[heads] * groups,
            mlp_ratio=MLP_RATIO,
            upsampler="pixelshuffle",
            resi_connection="1conv",
            drop_path_rate=drop_path,
        )
    masks = WindowMasks()
    groups_of_blocks: Any = network.layers
    for group in groups_of_blocks:
        group.register_forward_pre_hook(masks.give)
        for block in group.residual_group.blocks:
            block.calculate_mask = partial(_given_mask, block)
    return network


def _given_mask(block: Any, _size: tuple[int, int]) -> Tensor:
    mask: Tensor = block.window_mask
    return mask


class WindowMasks:
    """The attention masks of the latest image size, by the shift of the windows: one for all blocks of a shift.

    Those of training stay while images of other sizes are tested: a captured CUDA graph reads them where they are.
    """

    def __init__(self) -> None:
        self.keys: dict[bool, tuple[Any, ...]] = {}
        self.masks: dict[bool, dict[int, Tensor]] = {}

    def give(self, group: Any, inputs: tuple[Tensor, tuple[int, int]]) -> None:
        """Before a residual group's pass: give its blocks the masks of their images. Compiled blocks only read them."""
        for block in group.residual_group.blocks:
            block.window_mask = self.of(block, inputs[1])

    def of(self, block: Any, size: tuple[int, int]) -> Tensor:
        """The mask of a block for images of a size, on the block's device."""
        key = (size, block.norm1.weight.device)
        if key != self.keys.get(block.training):
            self.keys[block.training], self.masks[block.training] = key, {}
        masks = self.masks[block.training]
        if block.shift_size not in masks:
            with torch.inference_mode(False):  # training may use it after a test did
                made: Tensor = type(block).calculate_mask(block, size)
                masks[block.shift_size] = made.to(block.norm1.weight.device)
        return masks[block.shift_size]
