"""LPIPS v0.1 (Zhang et al., CVPR 2018), layer by layer, with the heads from the lpips package."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor

from gansr.errors import UserError
from gansr.metrics.trunks import Architecture, Strip
from gansr.networks.build import device
from gansr.networks.weight_files import read_torch_file

VERSION = 1
TINY = 1e-10
ROWS = 64  # rows that are normalised at a time, to limit memory


def packaged_head(backbone: str) -> Path:
    """The file of LPIPS' head, `alex` or `vgg`, inside the lpips package; the package is not imported."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise UserError("the package lpips is not installed; run make setup")
    return Path(package.origin).parent / "weights" / "v0.1" / f"{backbone}.pth"


class LpipsHead:
    """One weight for each channel of each stage of a trunk.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, file: Path, architecture: Architecture) -> None:
        state = read_torch_file(file, "install lpips again")
        channels = [stage[-1].outputs for stage in architecture.stages]
        try:
            self.weights = [
                state[f"lin{stage}.model.1.weight"].view(count).to(device()) for stage, count in enumerate(channels)
            ]
        except (KeyError, AttributeError, RuntimeError):
            raise UserError(f"{file}: not LPIPS' head for {architecture.name}; install lpips again") from None


class LpipsSum:
    """LPIPS of one pair: the mean over pixels of each stage's distance, summed over stages."""

    def __init__(self, head: LpipsHead, strides: tuple[int, ...]) -> None:
        self.head, self.strides = head, strides
        self.totals = [0.0] * len(strides)
        self.pixels = [0] * len(strides)

    def add(self, stage: int, sr: Tensor, hr: Tensor, strip: Strip) -> None:
        """Add the outputs of a stage, 1 x C x H x W, for the rows that belong to a strip."""
        first, second = (strip.own(output, self.strides[stage]) for output in (sr, hr))
        weights = self.head.weights[stage].view(1, -1, 1, 1)
        for start in range(0, first.shape[2], ROWS):
            one, other = (_unit(output[:, :, start : start + ROWS]) for output in (first, second))
            self.totals[stage] += (weights * (one - other).square_()).sum(dtype=torch.float64).item()
        self.pixels[stage] += first.shape[2] * first.shape[3]

    def value(self) -> float:
        """The distance; 0 for equal images."""
        return sum(total / pixels for total, pixels in zip(self.totals, self.pixels, strict=True))


def _unit(features: Tensor) -> Tensor:
    """The features of each pixel, scaled to length 1."""
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + TINY)
