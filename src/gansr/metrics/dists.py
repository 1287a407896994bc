"""DISTS (Ding et al., TPAMI 2020): texture and structure of the channels of VGG16 with L2 pooling, layer by layer."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.errors import UserError
from gansr.metrics.trunks import VGG16, Strip
from gansr.networks.weight_files import read_torch_file

VERSION = 1
CHANNELS = (3, *(stage[-1].outputs for stage in VGG16.stages))  # of the image itself, then of each stage
STRIDES = (1, *VGG16.strides)
C1 = C2 = 1e-6
TINY = 1e-12


class DistsWeights:
    """The weights alpha and beta of each channel; all of them together add up to 1.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, file: Path) -> None:
        state = read_torch_file(file, "download the weights of DISTS again")
        try:
            alpha, beta = (state[key].flatten().double() for key in ("alpha", "beta"))
            total = alpha.sum() + beta.sum()
            self.alpha, self.beta = (torch.split(given / total, list(CHANNELS)) for given in (alpha, beta))
        except (KeyError, AttributeError, RuntimeError):
            raise UserError(f"{file}: not the weights of DISTS; download them again") from None


def l2_pool(x: Tensor) -> Tensor:
    """L2 pooling to half the size: the root of the squares blurred by a 3 x 3 window (1 2 1 in each direction)."""
    line = torch.tensor([0.25, 0.5, 0.25], device=x.device)
    window = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(x.square(), window, stride=2, padding=1, groups=x.shape[1]).add_(TINY).sqrt_()


class Moments:
    """Means, variances and covariance of the channels of two images, accumulated over strips of them."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self.means = torch.zeros(2, channels, dtype=torch.float64)
        # sums of squared deviations from the mean of SR, of HR, and of the products of both deviations
        self.squares = torch.zeros(3, channels, dtype=torch.float64)

    def add(self, sr: Tensor, hr: Tensor) -> None:
        """Add features of a strip, 1 x C x H x W of both (the parallel algorithm of Chan, Golub and LeVeque)."""
        first, second = (features[0].flatten(1) for features in (sr, hr))
        count = first.shape[1]
        means = torch.stack([first.mean(dim=1), second.mean(dim=1)])
        one, other = first - means[0][:, None], second - means[1][:, None]
        squares = torch.stack([(one * one).sum(dim=1), (other * other).sum(dim=1), (one * other).sum(dim=1)])
        means, squares = means.double().cpu(), squares.double().cpu()
        apart, share = means - self.means, count / (self.count + count)
        between = torch.stack([apart[0] * apart[0], apart[1] * apart[1], apart[0] * apart[1]])
        self.squares += squares + between * self.count * share
        self.means += apart * share
        self.count += count


class DistsSum:
    """DISTS of one pair."""

    def __init__(self, weights: DistsWeights) -> None:
        self.weights = weights
        self.moments = [Moments(channels) for channels in CHANNELS]

    def add(self, layer: int, sr: Tensor, hr: Tensor, strip: Strip) -> None:
        """Add a strip of a layer, 1 x C x H x W: layer 0 is the image in [0, 1], from 1 on the trunk's stages."""
        self.moments[layer].add(strip.own(sr, STRIDES[layer]), strip.own(hr, STRIDES[layer]))

    def value(self) -> float:
        """The distance; 0 for equal images."""
        similarity = 0.0
        for layer, moments in enumerate(self.moments):
            (mean_x, mean_y), (x, y, xy) = moments.means, moments.squares / moments.count
            texture = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
            structure = (2 * xy + C2) / (x + y + C2)
            similarity += (self.weights.alpha[layer] * texture + self.weights.beta[layer] * structure).sum().item()
        return 1 - similarity
