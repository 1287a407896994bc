"""SwinIR (Liang et al., ICCVW 2021): Swin transformer blocks at LR size, sub-pixel convolutions up to HR size.

The definition is spandrel's, whose parameter names are those of the public checkpoints. The network itself pads images
by reflection to whole attention windows of 8 and crops SR again. One thing differs from spandrel: attention masks are
made once for each image size. spandrel makes them on the CPU, in every block and pass, which can neither be captured in
a CUDA graph nor compiled by torch.compile.
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
NOT_COMPILED = ("DropPath",)  # part of these blocks; its probability differs in each, so that each would be compiled
SPANDREL = True  # released weights are read by spandrel, which knows the layer names of every common repository
TRAINING_ONLY = ("drop_path",)  # options that change neither the shapes of the weights nor results in evaluation mode
SMALLEST_LR = 8  # pixels: one attention window
WINDOW = 8
MLP_RATIO = 2
UPSAMPLING = 64  # features after the transformer
TRAINING_SIZE = 64  # LR size for which the public "s64w8" weights hold attention masks; for other sizes they are made


def check(options: dict[str, Any]) -> None:
    """Refuse heads that cannot share the features.

    Raises:
        ValueError: features is no multiple of heads.
    """
    if options["features"] % options["heads"]:
        raise ValueError(f"features {options['features']} is not a multiple of heads {options['heads']}")


def layers(options: dict[str, Any], scale: int) -> list[tuple[int, int, int, float]]:
    """For each layer input channels, output channels, side of the kernel, pixels per LR pixel (estimate/flops.py).

    The two products of attention (query with key, weights with value) are counted as one linear layer with twice the
    pixels of a window as outputs, which has the same FLOP.
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
        drop_path: the probability that the last block is skipped in training (stochastic depth); it rises from 0 at the
            first block. The authors pretrain with 0.1. LDL's ema_refine compares the generator in training mode with
            its EMA model, which skips no block; therefore a method with ema_refine refuses any value but 0.

    Raises:
        ValueError: features is no multiple of heads.
    """
    check({"features": features, "heads": heads})
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "torch.meshgrid"
        )  # spandrel calls it without `indexing`; the default is right
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
    """The attention masks for the latest image size; all blocks with the same shift of windows share one mask.

    Masks for training and for evaluation are kept separately, so that a test on other image sizes does not replace the
    masks of training: a captured CUDA graph reads them at their place in memory.
    """

    def __init__(self) -> None:
        self.keys: dict[bool, tuple[Any, ...]] = {}
        self.masks: dict[bool, dict[int, Tensor]] = {}

    def give(self, group: Any, inputs: tuple[Tensor, tuple[int, int]]) -> None:
        """Forward pre-hook of a residual group: set the masks of its blocks, which compiled blocks then only read."""
        for block in group.residual_group.blocks:
            block.window_mask = self.of(block, inputs[1])

    def of(self, block: Any, size: tuple[int, int]) -> Tensor:
        """The mask of a block for images of a size, on the block's device."""
        key = (size, block.norm1.weight.device)
        if key != self.keys.get(block.training):
            self.keys[block.training], self.masks[block.training] = key, {}
        masks = self.masks[block.training]
        if block.shift_size not in masks:
            # training may use the mask later, where an inference tensor would be an error
            with torch.inference_mode(False):
                made: Tensor = type(block).calculate_mask(block, size)
                masks[block.shift_size] = made.to(block.norm1.weight.device)
        return masks[block.shift_size]
