"""LPIPS v0.1 with AlexNet, as LDL's script computes it: whole RGB images in [-1, 1], no crop."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from gansr.errors import UserError
from gansr.networks.build import device
from gansr.networks.weight_files import read_torch_file


class LpipsAlex:
    """LPIPS (alex) with the backbone's weights from a file; the heads come inside the lpips package."""

    def __init__(self, alexnet: Path) -> None:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # torchvision's note on how the untrained backbone is asked for
            self.network: nn.Module = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        state = read_torch_file(alexnet, "download torchvision's AlexNet again")
        _load_backbone(self.network.net, state, alexnet)
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


def _load_backbone(backbone: nn.Module, state: dict[str, Tensor], file: Path) -> None:
    """The lpips package keeps torchvision's layers in slices, under their index in `features`."""
    try:
        backbone.load_state_dict({key: state["features." + key.split(".", 1)[1]] for key in backbone.state_dict()})
    except (KeyError, RuntimeError, AttributeError):
        raise UserError(f"{file}: not torchvision's AlexNet; download it again") from None
