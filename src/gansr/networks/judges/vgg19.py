"""VGG19's convolutional layers, read before their ReLU: the network of the perceptual loss."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from gansr.errors import UserError
from gansr.networks.weight_files import read_torch_file

# ImageNet statistics of torchvision's models, for RGB in [0, 1]
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
BASE_WIDTH = 64


def layer_indices() -> dict[str, int]:
    """The position of each convolution in torchvision's VGG19, by its name (conv1_1 to conv5_4)."""
    indices, index, block, number = {}, 0, 1, 1
    for entry in cfgs["E"]:
        if entry == "M":
            index, block, number = index + 1, block + 1, 1
        else:
            indices[f"conv{block}_{number}"] = index
            index, number = index + 2, number + 1
    return indices


class VGG19Features(nn.Module):
    """Pre-ReLU outputs of the named convolutions; nothing beyond the deepest is built or computed."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: list[str], width: int = BASE_WIDTH) -> None:
        super().__init__()
        indices = layer_indices()
        self.names = {indices[layer]: layer for layer in layers}
        plan = [entry if entry == "M" else int(entry) * width // BASE_WIDTH for entry in cfgs["E"]]
        self.features = make_layers(plan)[: max(self.names) + 1]
        for layer in self.features:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # in place it would overwrite the outputs that are kept
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
