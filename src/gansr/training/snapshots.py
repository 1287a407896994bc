"""SR outputs of fixed patches, kept every p iterations, from which the MAD curves are computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from gansr.atomic import atomic_file
from gansr.data.images import read_prepared
from gansr.data.mad_patches import PatchWithContext, cut_with_context, read_mad_patches
from gansr.paths import lr_images
from gansr.upscaling import upscale_patch


@dataclass(frozen=True)
class MonitoredPatch:
    """A patch of the benchmark: its label, its type and its LR pixels with context."""

    label: str
    type: str
    pixels: PatchWithContext


def load_patches(file: Path, images: Path, scale: int) -> list[MonitoredPatch]:
    """The patches listed in `file`, cut from the LR images of the benchmark folder `images`."""
    return [_cut(patch, images, scale) for patch in read_mad_patches(file)]


def patch_label(patch: dict[str, Any]) -> str:
    """The name of a patch in files: image, top, left and size in HR pixels."""
    return f"{patch['image']}_{patch['top']}_{patch['left']}_{patch['size']}"


def _cut(patch: dict[str, Any], images: Path, scale: int) -> MonitoredPatch:
    lr = read_prepared(lr_images(images) / f"{patch['image']}.png")
    return MonitoredPatch(patch_label(patch), patch["type"], cut_with_context(lr, patch, scale))


class Snapshots:
    """Snapshots of a training, one file for each kept iteration; `collect` joins them into one file."""

    def __init__(self, folder: Path, patches: list[MonitoredPatch], interval: int) -> None:
        self.folder, self.patches, self.interval = folder, patches, interval

    def forget_after(self, iteration: int) -> None:
        """Remove snapshots of later iterations, when a training resumes after `iteration`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in self.folder.glob("*.npz"):
            if int(file.stem) > iteration:
                file.unlink()

    def take(self, generator: nn.Module, iteration: int) -> None:
        """Keep SR of every patch if the iteration is a multiple of the interval; the generator's mode is restored."""
        if iteration % self.interval:
            return
        training = generator.training
        generator.eval()
        sr = {patch.label: upscale_patch(generator, patch.pixels).numpy() for patch in self.patches}
        generator.train(training)
        with atomic_file(self.folder / f"{iteration:09d}.npz") as partial, partial.open("wb") as stream:
            np.savez(stream, **sr)  # type: ignore[arg-type]

    def collect(self, file: Path) -> None:
        """Write all snapshots to one file: `iterations`, and per patch K x 3 x H x W float32, not clipped."""
        files = sorted(self.folder.glob("*.npz"))
        kept = [np.load(path) for path in files]
        arrays = {patch.label: np.stack([snapshot[patch.label] for snapshot in kept]) for patch in self.patches}
        iterations = np.array([int(path.stem) for path in files], dtype=int)
        types = np.array([patch.type for patch in self.patches])
        labels = np.array([patch.label for patch in self.patches])
        with atomic_file(file) as partial, partial.open("wb") as stream:
            np.savez(stream, iterations=iterations, labels=labels, types=types, **arrays)  # type: ignore[arg-type]
