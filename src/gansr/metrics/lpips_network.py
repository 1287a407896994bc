"""LPIPS v0.1 on whole RGB images in [-1, 1], no crop: with AlexNet in LDL's script, with VGG16 in Beby-GAN's paper."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Literal

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from gansr.errors import UserError
from gansr.networks.build import device
from gansr.networks.weight_files import read_torch_file

BACKBONES = {"alex": "AlexNet", "vgg": "VGG16"}


class Lpips:
    """LPIPS with the backbone's weights from a file; the heads come inside the lpips package."""

    def __init__(self, backbone: Literal["alex", "vgg"], weights: Path) -> None:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # torchvision's note on how the untrained backbone is asked for
            self.network: nn.Module = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False)
        name = BACKBONES[backbone]
        state = read_torch_file(weights, f"download torchvision's {name} again")
        _load_backbone(self.network.net, state, weights, name)
        self.network.to(device()).eval().requires_grad_(False)

    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """The distance of two H x W x 3 uint8 RGB images; 0 for equal ones."""
        place = next(self.network.parameters()).device
        pair = [
            torch.from_numpy(image.copy()).to(place).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (sr, hr)
        ]
        with torch.inference_mode():
            distance: Tensor = self.network(*pair)
        return distance.item()


def _load_backbone(backbone: nn.Module, state: dict[str, Tensor], file: Path, name: str) -> None:
    """The lpips package keeps torchvision's layers in slices, under their index in `features`."""
    try:
        backbone.load_state_dict({key: state["features." + key.split(".", 1)[1]] for key in backbone.state_dict()})
    except (KeyError, RuntimeError, AttributeError):
        raise UserError(f"{file}: not torchvision's {name}; download it again") from None
