"""The Inception network of FID, and its features of whole images and of patches.

Definition and weights are pytorch-fid's, converted from the original FID implementation. pytorch-fid's own loader is
not used, because it downloads the weights and verifies only eight digits of their checksum.
"""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansr.atomic import atomic_file
from gansr.errors import UserError
from gansr.metrics.pair import MetricError, to_tensor
from gansr.metrics.trunks import exact_convolutions
from gansr.networks.build import device
from gansr.networks.weight_files import read_torch_file

VERSION = 1
FEATURES = 2048
SIDE = 299  # pixels that whole images are resized to
PATCH = 96  # pixels of a patch
MOST = 5  # patches in each direction, at most
LAYERS = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "pool", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "pool"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
)


class Inception(nn.Module):
    """The layers of pytorch-fid's network up to its 2048 features.

    Raises:
        UserError: the file holds something else.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")  # torchvision's note on initial weights, which are not used
            network = _definition()
        state = read_torch_file(weights, "download FID's Inception again")
        try:
            network.load_state_dict(state, assign=True)
        except (RuntimeError, AttributeError):
            raise UserError(f"{weights}: not the Inception of FID; download it again") from None
        self.layers = nn.Sequential(
            *(nn.MaxPool2d(3, 2) if name == "pool" else network.get_submodule(name) for name in LAYERS)
        )
        exact_convolutions()
        self.to(device()).to(memory_format=torch.channels_last).eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """N x 3 x H x W in [0, 1], 75 pixels at least, to N x 2048."""
        features: Tensor = self.layers((2 * images - 1).contiguous(memory_format=torch.channels_last))
        return features.mean(dim=(2, 3))

    @torch.inference_mode()
    def of_whole(self, image: np.ndarray) -> np.ndarray:
        """2048 features of an H x W x 3 uint8 image, resized to 299 x 299 (bilinear, no antialiasing)."""
        resized = F.interpolate(to_tensor(image), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        features: np.ndarray = self(resized)[0].cpu().numpy()
        return features

    @torch.inference_mode()
    def of_patches(self, image: np.ndarray) -> np.ndarray:
        """P x 2048 features of the patches of an H x W x 3 uint8 image.

        Raises:
            MetricError: the image is smaller than a patch.
        """
        tensor = to_tensor(image)
        patches = [tensor[0, :, y : y + PATCH, x : x + PATCH] for y, x in patch_corners(*image.shape[:2])]
        features: np.ndarray = self(torch.stack(patches)).cpu().numpy()
        return features


def _definition() -> nn.Module:
    import torchvision
    from pytorch_fid.inception import FIDInceptionA, FIDInceptionC, FIDInceptionE_1, FIDInceptionE_2

    network: nn.Module = torchvision.models.inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False
    )
    for name, inputs, pooled in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        setattr(network, f"Mixed_{name}", FIDInceptionA(inputs, pool_features=pooled))
    for name, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        setattr(network, f"Mixed_{name}", FIDInceptionC(768, channels_7x7=width))
    network.Mixed_7b = FIDInceptionE_1(1280)
    network.Mixed_7c = FIDInceptionE_2(2048)
    return network


def patch_corners(height: int, width: int) -> list[tuple[int, int]]:
    """The upper left corners of an image's patches, 5 x 5 at most, evenly spread from border to border.

    Raises:
        MetricError: the image is smaller than a patch.
    """
    if min(height, width) < PATCH:
        raise MetricError(f"{height} x {width} is smaller than a patch of {PATCH} x {PATCH}")
    rows, columns = (_evenly(length) for length in (height, width))
    return [(row, column) for row in rows for column in columns]


def _evenly(length: int) -> list[int]:
    count = min(MOST, -(-length // PATCH))
    return [round(start) for start in np.linspace(0, length - PATCH, count)]


@dataclass
class BenchmarkFeatures:
    """Inception's features of a benchmark's images by name: of whole images and of patches; empty if not wanted."""

    whole: dict[str, np.ndarray]
    patches: dict[str, np.ndarray]

    def save(self, file: Path) -> None:
        """Write them as npz."""
        arrays = {f"whole/{name}": features for name, features in self.whole.items()}
        arrays |= {f"patches/{name}": features for name, features in self.patches.items()}
        with atomic_file(file) as partial, partial.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, file: Path) -> BenchmarkFeatures:
        """Read the file that `save` wrote.

        Raises:
            UserError: the file is something else.
        """
        found = cls({}, {})
        try:
            with np.load(file) as arrays:
                for key in arrays:
                    kind, name = key.split("/", 1)
                    (found.whole if kind == "whole" else found.patches)[name] = np.asarray(arrays[key], np.float32)
        except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise UserError(f"{file}: not the features of HR images ({error}); remove it and run again") from None
        return found
