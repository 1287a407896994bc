"""Speed of the fast forms against plain formulations of the same, side by side in one process.

    python benchmarks/kernels.py [--threads N]

Each pair computes the same numbers (the tests compare them); what counts is the ratio, since machines differ.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.data.images import read_rgb, write_png
from gansr.data.patch_store import PatchPosition, PatchStore, build_patch_store
from gansr.losses.artifact import local_variance

REPEATS = 15


def plain_local_variance(residual: Tensor, window: int) -> Tensor:
    """Every window laid out by unfold, then its unbiased variance."""
    margin = window // 2
    windows = F.unfold(F.pad(residual, (margin,) * 4, mode="reflect"), window)
    return windows.var(dim=1, unbiased=True).view_as(residual)


def seconds(run: Callable[[], object]) -> float:
    """The best of several process times, after one run to warm up."""
    run()
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def variance_runs(form: Callable[[Tensor, int], Tensor], backward: bool) -> Callable[[], object]:
    """The artifact map's local variance on 4 x 1 x 128 x 128."""
    residual = torch.rand(4, 1, 128, 128, generator=torch.Generator().manual_seed(0), requires_grad=backward)

    def run() -> object:
        variance = form(residual, 7)
        return torch.autograd.grad(variance.sum(), residual) if backward else variance

    return run


def patch_runs(folder: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """A pair of patches of 128 px, from two PNG sub-images of 480 and 120 px, and from the patch store."""
    images = folder / "images"
    random = np.random.default_rng(0)
    for kind, size in (("HR", 480), ("LR", 120)):
        (images / kind).mkdir(parents=True)
        smooth = np.kron(random.integers(0, 256, (size // 8, size // 8, 3)), np.ones((8, 8, 1)))
        noisy = np.clip(smooth + random.integers(-8, 8, smooth.shape), 0, 255).astype(np.uint8)
        write_png(images / kind / "image.png", noisy)
    build_patch_store(images, 4, folder / "store")
    store = PatchStore(folder / "store")
    position = PatchPosition(0, 40, 40)

    def decode() -> object:
        lr, hr = read_rgb(images / "LR" / "image.png"), read_rgb(images / "HR" / "image.png")
        return lr[40:72, 40:72].copy(), hr[160:288, 160:288].copy()

    def read() -> object:
        lr, hr = store.read(position, 32)
        return np.array(lr), np.array(hr)

    return decode, read


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    with tempfile.TemporaryDirectory() as folder:
        decode, read = patch_runs(Path(folder))
        pairs = [("a pair of training patches", decode, read)]
        for name, backward in (("local variance, forward", False), ("local variance, both ways", True)):
            plain, fast = (variance_runs(form, backward) for form in (plain_local_variance, local_variance))
            pairs.append((name, plain, fast))
        print(f"{'':28} {'plain ms':>10} {'fast ms':>10} {'ratio':>8}")
        for name, plain, fast in pairs:
            slow, quick = seconds(plain), seconds(fast)
            print(f"{name:28} {slow * 1e3:10.3f} {quick * 1e3:10.3f} {slow / quick:7.1f}x")


if __name__ == "__main__":
    main()
