"""Speed of the kernels compared with plain implementations of the same formulas (speed/plain.py), in one process.

    python speed/kernels.py [--threads N]

Prints for each kernel the best wall time of both forms, their ratio, and the largest deviation of the fast form's
result (and gradient) from the plain one's, relative to the largest value. Times depend on the machine; compare the
ratio.
"""

from __future__ import annotations

import argparse
import ctypes
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import plain
import skimage.data
import torch
import torch.nn.functional as F
from torch import Tensor

from gansr.data.bicubic import imresize
from gansr.data.images import read_rgb, write_png
from gansr.data.patch_store import PatchPosition, PatchStore, build_patch_store
from gansr.kernels.bicubic import reduce_bicubic
from gansr.kernels.region_mask import region_mask
from gansr.losses.artifact import artifact_map
from gansr.losses.best_buddy import best_buddies, candidates, cut_patches

REPEATS = 9
M_MMAP_THRESHOLD = -3  # parameter of mallopt: larger blocks get memory of their own from the system, freed at once
SCALE = 4


@dataclass
class Kernel:
    """Two forms of one computation; `deviation` says how far their results are apart."""

    name: str
    plain: Callable[[], Any]
    fast: Callable[[], Any]
    deviation: Callable[[Any, Any], str]
    memory: bool = False


def relative(one: Tensor, other: Tensor) -> str:
    """The largest difference, relative to the largest value."""
    return f"{((one - other).abs().max() / one.abs().max()).item():.1e}"


def differing(one: Any, other: Any) -> str:
    """How many values differ."""
    return f"{int((one != other).sum())} of {one.size if isinstance(one, np.ndarray) else one.numel():,} differ"


def photographs(count: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """HR patches of a photograph, N x 3 x size x size, their LR, and a stand-in for SR: enlarged LR with noise."""
    image = skimage.data.astronaut()
    random = np.random.default_rng(0)
    corners = random.integers(0, 512 - size, (count, 2))
    patches = [image[top : top + size, left : left + size] for top, left in corners]
    hr = torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2).float() / 255
    lr = reduce_bicubic(hr, SCALE)
    sr = F.interpolate(lr, scale_factor=SCALE, mode="bicubic")
    return hr, lr, sr + 0.02 * torch.from_numpy(random.standard_normal(sr.shape)).float()


def gradient_of(form: Callable[..., Tensor], image: Tensor, *others: Tensor) -> Callable[[], Tensor]:
    """A function that runs `form` forward and backward and returns the gradient to the image."""
    image = image.clone().requires_grad_()
    return lambda: torch.autograd.grad(form(image, *others), image)[0]


def artifact_kernels() -> list[Kernel]:
    """LDL's artifact map, 4 x 3 x 128 x 128."""
    hr, _, sr = photographs(4, 128)
    ema_sr = sr + 0.01 * torch.randn(sr.shape, generator=torch.Generator().manual_seed(1))

    def fast(sr: Tensor, hr: Tensor, ema_sr: Tensor) -> Tensor:
        return artifact_map(sr, hr, ema_sr).refined

    runs = (lambda: plain.artifact_map(sr, hr, ema_sr), lambda: fast(sr, hr, ema_sr))
    both_ways = (
        gradient_of(lambda *images: plain.artifact_map(*images).sum(), sr, hr, ema_sr),
        gradient_of(lambda *images: fast(*images).sum(), sr, hr, ema_sr),
    )
    return [
        Kernel("artifact map, forward", *runs, relative),
        Kernel("artifact map, forward and backward", *both_ways, relative),
    ]


def best_buddy_kernels() -> list[Kernel]:
    """Beby-GAN's best-buddy loss, 1 x 3 x 192 x 192, forward and backward."""
    hr, _, sr = photographs(1, 192)

    def fast(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
        patches, pool = cut_patches(sr), candidates(hr)
        index = best_buddies(patches, cut_patches(hr), pool, 1, 1)
        return F.l1_loss(patches, pool.gather(1, index[..., None].expand(-1, -1, pool.shape[2]))), index

    def run(form: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Callable[[], Any]:
        image = sr.clone().requires_grad_()

        def both_ways() -> Any:
            loss, index = form(image, hr)
            return loss.detach(), index, torch.autograd.grad(loss, image)[0]

        return both_ways

    def deviation(one: Any, other: Any) -> str:
        same = (one[1] == other[1]).all(dim=0)
        pool = candidates(hr.double())[0]
        targets = torch.stack([cut_patches(image.double())[0] for image in (hr, sr)])
        scores = [(pool[index[0]] - targets).square().sum(dim=(0, 2)) for _, index, _ in (one, other)]
        gap = (scores[0] - scores[1]).abs().max() / scores[0].mean()
        gradients = [cut_patches(gradient)[:, same] for _, _, gradient in (one, other)]
        return (
            f"loss {relative(one[0], other[0])}; index: {differing(one[1], other[1])}, with scores {gap:.0e} apart; "
            f"gradient elsewhere {relative(*gradients)}"
        )

    return [Kernel("best-buddy loss, forward and backward", run(plain.best_buddy), run(fast), deviation, memory=True)]


def bicubic_kernels() -> list[Kernel]:
    """Beby-GAN's region mask and back-projection, 8 x 3 x 192 x 192, and MATLAB bicubic of a 1024 x 1024 image."""
    _, lr, sr = photographs(8, 192)
    image = np.tile(skimage.data.astronaut(), (2, 2, 1))
    gathered, convolved, fast = (
        gradient_of(lambda sr, lr, form=form: F.l1_loss(form(sr, SCALE), lr), sr, lr)
        for form in (plain.reduce_bicubic, plain.reduce_bicubic_by_convolution, reduce_bicubic)
    )

    def resize() -> np.ndarray:
        return imresize(image, Fraction(1, 4))

    return [
        Kernel("region mask", lambda: plain.region_mask(lr, SCALE), lambda: region_mask(lr, SCALE), differing),
        Kernel("back-projection, forward and backward", gathered, fast, relative),
        Kernel("  against a strided convolution", convolved, fast, relative),
        Kernel("MATLAB bicubic x1/4, 8 bit", lambda: plain.imresize(image, 1 / 4), resize, differing),
        Kernel("  against a loop over rows", lambda: plain.imresize_by_rows(image, 1 / 4), resize, differing),
    ]


def patch_kernels(folder: Path) -> list[Kernel]:
    """A pair of patches of 128 px: from two PNG sub-images of 480 and 120 px, and from the patch store."""
    images = folder / "images"
    hr = skimage.data.astronaut()[:480, :480]
    for kind, pixels in (("HR", hr), ("LR", imresize(hr, Fraction(1, 4)))):
        (images / kind).mkdir(parents=True)
        write_png(images / kind / "image.png", np.ascontiguousarray(pixels))
    build_patch_store([images], SCALE, folder / "store")
    store = PatchStore(folder / "store")
    position = PatchPosition(0, 40, 40)

    def decode() -> Any:
        lr, hr = read_rgb(images / "LR" / "image.png"), read_rgb(images / "HR" / "image.png")
        return np.concatenate([lr[40:72, 40:72].ravel(), hr[160:288, 160:288].ravel()])

    def read() -> Any:
        lr, hr = store.read(position, 32)
        return np.concatenate([lr.ravel(), hr.ravel()])

    return [Kernel("a pair of training patches", decode, read, differing)]


def milliseconds(runs: list[Callable[[], Any]]) -> list[float]:
    """The best wall time of each function; they are called in turns, after one round to warm up."""
    times: list[list[float]] = [[] for _ in runs]
    for repeat in range(REPEATS + 1):
        for kept, run in zip(times, runs, strict=True):
            started = time.perf_counter()
            run()
            if repeat:
                kept.append(1000 * (time.perf_counter() - started))
    return [min(kept) for kept in times]


def peak_mebibytes(run: Callable[[], Any]) -> float:
    """How far the process grows beyond its present size during a run, as Linux counts it.

    From now on every larger block is returned to the system when it is freed. Otherwise a run would reuse memory that
    earlier runs had freed, and the peak would not show it. This makes allocation slow, so measure times first.
    """
    library = ctypes.CDLL(None)
    library.mallopt(M_MMAP_THRESHOLD, 2**15)
    run()
    library.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    with tempfile.TemporaryDirectory() as folder:
        kernels = [*artifact_kernels(), *best_buddy_kernels(), *bicubic_kernels(), *patch_kernels(Path(folder))]
        print(f"{'':40} {'plain ms':>9} {'fast ms':>9} {'ratio':>7}   deviation")
        for kernel in kernels:
            slow, quick = milliseconds([kernel.plain, kernel.fast])
            deviation = kernel.deviation(kernel.plain(), kernel.fast())
            print(f"{kernel.name:40} {slow:9.2f} {quick:9.2f} {slow / quick:6.1f}x   {deviation}")
        for kernel in kernels:
            if kernel.memory:
                slow, quick = peak_mebibytes(kernel.plain), peak_mebibytes(kernel.fast)
                print(f"\npeak memory in MiB, {kernel.name}: plain {slow:.1f}, fast {quick:.1f}, {slow / quick:.1f}x")


if __name__ == "__main__":
    main()
