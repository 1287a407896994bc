"""SR of images by a generator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gansr.data.mad_patches import PatchWithContext
from gansr.networks.build import build_generator, device
from gansr.networks.weight_files import load_weights


def generator_upscale(network_options: dict[str, Any], scale: int, weights: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A function that upscales H x W x 3 uint8 by a generator; SR is clipped and rounded to uint8.

    An image is upscaled as a whole, not in tiles.
    """
    place = device()
    generator = build_generator(network_options, scale)
    load_weights(generator, weights)
    generator.to(place).eval()

    def upscale(lr: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            sr = generator(_to_batch(lr, place))[0].clamp(0, 1).mul(255).round().byte()
        pixels: np.ndarray = sr.permute(1, 2, 0).cpu().numpy()
        return pixels

    return upscale


def upscale_patch(generator: nn.Module, patch: PatchWithContext) -> Tensor:
    """SR of a patch, 3 x H x W float32 on the CPU, not clipped; the context around it is cut off again."""
    place = next(generator.parameters()).device
    with torch.no_grad():
        sr: Tensor = generator(_to_batch(patch.lr, place))[0]
    return sr[:, patch.rows, patch.columns].float().cpu()


def _to_batch(lr: np.ndarray, place: torch.device) -> Tensor:
    """H x W x 3 uint8 to 1 x 3 x H x W in [0, 1]."""
    return torch.from_numpy(lr.copy()).to(place).permute(2, 0, 1)[None].float() / 255
