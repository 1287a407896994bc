"""VGG19's convolutional layers, read before their ReLU: the network of the perceptual loss."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gansr.errors import UserError
from gansr.networks.weight_files import read_torch_file

# ImageNet statistics of torchvision's models, for RGB in [0, 1]
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BASE_WIDTH = 64
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # width and number of convolutions; each ends with a pooling


def layer_indices() -> dict[str, int]:
    """The position of each convolution in torchvision's VGG19, by its name (conv1_1 to conv5_4)."""
    indices, index = {}, 0
    for block, (_, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            indices[f"conv{block}_{number}"] = index
            index += 2  # the convolution and its ReLU
        index += 1  # the pooling
    return indices


def _layers(width: int) -> nn.Sequential:
    """All of VGG19's layers, with `width` channels in the first block instead of 64.

    All are built, even if only some are used, so that random numbers drawn later do not depend on the choice of layers.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for channels, convolutions in BLOCKS:
        outputs = channels * width // BASE_WIDTH
        for _ in range(convolutions):
            # ReLU not in place: it would overwrite the convolutions' outputs, which are the features
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class VGG19Features(nn.Module):
    """Pre-ReLU outputs of the named convolutions; layers after the deepest of them are neither kept nor computed."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: list[str], width: int = BASE_WIDTH) -> None:
        super().__init__()
        indices = layer_indices()
        self.names = {indices[layer]: layer for layer in layers}
        self.features = _layers(width)[: max(self.names) + 1]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def initialize(self, seed: int) -> None:
        """Kaiming-normal weights from a seed, without touching the global random state."""
        random = torch.Generator().manual_seed(seed)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=random)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def load(self, file: Path) -> None:
        """Weights from torchvision's VGG19 file, opened without executing what is in it.

        Raises:
            UserError: the file does not hold these layers.
        """
        state = read_torch_file(file, "download torchvision's VGG19 again")
        wanted = self.state_dict()
        try:
            self.load_state_dict({key: state[key] for key in wanted})
        except (KeyError, RuntimeError, AttributeError):
            raise UserError(f"{file}: not torchvision's VGG19; download it again") from None

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """N x 3 x H x W RGB in [0, 1] (not clipped) to the features by layer name."""
        x = (x - self.mean) / self.std
        kept = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.names:
                kept[self.names[index]] = x
        return kept
