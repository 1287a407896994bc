"""The convolutional layers ("trunks") of AlexNet and VGG16, stage by stage, with the weights of torchvision's files.

Memory is bounded for images of any size: large ones are processed in horizontal strips. Each strip has so many rows
around it that the outputs that are kept equal those of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansr.errors import UserError
from gansr.metrics.pair import MetricError
from gansr.networks.build import device
from gansr.networks.weight_files import read_torch_file

VERSION = 1
# ImageNet statistics of torchvision's models, for RGB in [0, 1]; LPIPS' shift and scale are the same numbers
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STRIP_PIXELS = 3 * 2**20  # images with at most so many pixels are processed as a whole
HALO = 112  # rows on each side of a strip: more than half the deepest layer's receptive field, and a multiple of GRID
GRID = 16  # pixels: the stride of the deepest stage, at multiples of which strips begin


@dataclass(frozen=True)
class Convolution:
    """One layer of a trunk; `index` is its position among torchvision's features."""

    index: int
    inputs: int
    outputs: int
    size: int = 3
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Architecture:
    """The stages of a trunk; metrics read the output of each stage, after its last ReLU."""

    name: str
    stages: tuple[tuple[Convolution, ...], ...]
    strides: tuple[int, ...]  # of each stage's output, in pixels of the image
    pool: int  # size of the max pooling, with stride 2
    pooled: tuple[bool, ...]  # for each stage, whether a max pooling comes before it
    smallest: int  # smallest side of an image, in pixels


ALEXNET = Architecture(
    "AlexNet",
    (
        (Convolution(0, 3, 64, 11, 4, 2),),
        (Convolution(3, 64, 192, 5, 1, 2),),
        (Convolution(6, 192, 384),),
        (Convolution(8, 384, 256),),
        (Convolution(10, 256, 256),),
    ),
    strides=(4, 8, 16, 16, 16),
    pool=3,
    pooled=(False, True, True, False, False),
    smallest=31,
)


def _vgg16() -> Architecture:
    stages, index, inputs = [], 0, 3
    for count, outputs in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        widths = [inputs, *[outputs] * count]
        stages.append(tuple(Convolution(index + 2 * n, *pair) for n, pair in enumerate(pairwise(widths))))
        index, inputs = index + 2 * count + 1, outputs
    return Architecture("VGG16", tuple(stages), (1, 2, 4, 8, 16), 2, (False, True, True, True, True), 16)


VGG16 = _vgg16()


class Trunk:
    """A trunk with the weights of a file, without the classifier.

    Raises:
        UserError: the file is not torchvision's of this network.
    """

    def __init__(self, architecture: Architecture, weights: Path) -> None:
        self.architecture = architecture
        state = read_torch_file(weights, f"download torchvision's {architecture.name} again")
        try:
            self.layers = [[_layer(convolution, state) for convolution in stage] for stage in architecture.stages]
        except (KeyError, RuntimeError, AttributeError):
            raise UserError(f"{weights}: not torchvision's {architecture.name}; download it again") from None

    def stage(self, number: int, x: Tensor) -> Tensor:
        """The convolutions of one stage, each with its ReLU."""
        for layer in self.layers[number]:
            x = F.relu_(layer(x))
        return x

    def pool(self, number: int, x: Tensor) -> Tensor:
        """The max pooling before a stage, where there is one."""
        return F.max_pool2d(x, self.architecture.pool, 2) if self.architecture.pooled[number] else x

    def require_size(self, image: Tensor) -> None:
        """Refuse an image that is so small that the deepest stage would have no output.

        Raises:
            MetricError: it is too small.
        """
        height, width = image.shape[-2:]
        if min(height, width) < self.architecture.smallest:
            raise MetricError(f"{height} x {width} is too small for {self.architecture.name}")


def _layer(convolution: Convolution, state: dict[str, Any]) -> nn.Conv2d:
    c = convolution
    with torch.device("meta"):  # saves the time to initialise weights, which are replaced
        layer = nn.Conv2d(c.inputs, c.outputs, c.size, c.stride, c.padding)
    own = {key: state[f"features.{c.index}.{key}"].float() for key in ("weight", "bias")}
    layer.load_state_dict(own, assign=True)
    return layer.to(device()).to(memory_format=torch.channels_last).requires_grad_(False)


def normalized(image: Tensor) -> Tensor:
    """1 x 3 x H x W in [0, 1] with ImageNet's mean and deviation, channels last."""
    mean, std = (torch.tensor(values, device=image.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return ((image - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Strip:
    """Rows `first` to `end` of an image; only the outputs for rows `own_first` to `own_end` are kept."""

    first: int
    end: int
    own_first: int
    own_end: int
    is_last: bool

    def cut(self, image: Tensor) -> Tensor:
        """The strip of an image, N x C x H x W."""
        return image[..., self.first : self.end, :]

    def own(self, output: Tensor, stride: int) -> Tensor:
        """The rows of a stage's output that this strip keeps; no other strip keeps them."""
        start = (self.own_first - self.first) // stride
        return output[..., start:, :] if self.is_last else output[..., start : start + self._rows(stride), :]

    def _rows(self, stride: int) -> int:
        return (self.own_end - self.own_first) // stride


def strips(height: int, width: int, most_pixels: int = STRIP_PIXELS) -> Iterator[Strip]:
    """The strips of an image: one, or if it has more than `most_pixels`, several with at most so many pixels each.

    Only in very wide images are strips larger: a strip has at least GRID rows of its own.
    """
    if height * width <= most_pixels:
        yield Strip(0, height, 0, height, is_last=True)
        return
    rows = max(most_pixels // width - 2 * HALO, GRID) // GRID * GRID
    starts = range(0, height, rows)
    for start in starts:
        end, is_last = start + rows, start + rows >= height
        yield Strip(max(start - HALO, 0), min(end + HALO, height), start, min(end, height), is_last)


def exact_convolutions() -> None:
    """Let convolutions compute in full float32: with TF32, torch's default on a GPU, the fourth digit changes."""
    torch.backends.cudnn.allow_tf32 = False
