"""Random training patches, the same for the same seed, and resumable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gansr.data.patch_store import PatchPosition, PatchStore
from gansr.errors import UserError


@dataclass(frozen=True)
class PatchBatch:
    """LR and HR patches, N x H x W x 3 uint8, not yet augmented.

    `augment`, N x 3 boolean, says whether each is to be flipped horizontally, flipped vertically, and transposed.
    """

    lr: np.ndarray
    hr: np.ndarray
    augment: np.ndarray


class PatchSampler:
    """Draws batches of patches.

    An image is drawn with a probability proportional to its number of pixels (as if images were cut into sub-images of
    one size), and the position in it uniformly. Each patch is flipped horizontally, flipped vertically and transposed,
    in this order, each with a probability of one half.
    """

    def __init__(self, store: PatchStore, patch_size: int, batch_size: int, seed: int) -> None:
        if patch_size % store.scale:
            raise UserError(f"patch_size {patch_size} is not a multiple of the scale {store.scale}")
        self.store = store
        self.lr_size = patch_size // store.scale
        self.batch_size = batch_size
        self.random = np.random.default_rng(seed)
        for name, (height, width) in zip(store.names, store.sizes * store.scale, strict=True):
            if min(height, width) < patch_size:
                raise UserError(
                    f"training image {name}: {height} x {width} is smaller than the patch ({patch_size}); "
                    f"remove the image or lower patch_size"
                )
        pixels = store.sizes.prod(axis=1)
        self.probability = pixels / pixels.sum()

    def batch(self, share: slice = slice(None)) -> PatchBatch:
        """The next batch, or a part of its patches.

        The positions of the whole batch are drawn in either case, so that processes with different parts stay in step.
        """
        images = self.random.choice(len(self.store), size=self.batch_size, p=self.probability)
        free = self.store.sizes[images] - self.lr_size + 1
        corners = self.random.integers(0, free)
        augment = self.random.integers(0, 2, size=(self.batch_size, 3)).astype(bool)
        pairs = [
            self.store.read(PatchPosition(int(image), int(top), int(left)), self.lr_size)
            for image, (top, left) in zip(images[share], corners[share], strict=True)
        ]
        return PatchBatch(np.stack([lr for lr, _ in pairs]), np.stack([hr for _, hr in pairs]), augment[share])

    def state(self) -> dict[str, Any]:
        """The state of the random generator, as plain numbers and strings."""
        return dict(self.random.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        """Continue the sequence of batches from a `state()`."""
        self.random.bit_generator.state = state
