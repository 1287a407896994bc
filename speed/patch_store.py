"""Speed of the patch store compared with decoding PNG sub-images, for random patches and several reader processes.

    python speed/patch_store.py [--images 24] [--samples 400] [--folder DIR]

Writes images of 2040 x 1356 pixels (the size of DIV2K's), their patch store and their sub-images of HR 480 and LR 120
pixels with a step of 240 and 60, as the papers' codes store them. Then it reads random pairs of patches of HR 128 from
both in turns, with 1, 2 and 4 reader processes; files are in the page cache. It prints the median of the rounds, and
the time and memory that building the store took.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from skimage import data

from gansr.data.bicubic import imresize
from gansr.data.images import read_rgb, write_png
from gansr.data.patch_store import PatchPosition, PatchStore

SCALE, HEIGHT, WIDTH = 4, 1356, 2040
PATCH, SUB, STEP = 128, 480, 240  # pixels of HR
READERS = (1, 2, 4)
ROUNDS = 5


def write_images(folder: Path, number: int) -> None:
    """Photographs, mirrored and shifted to the size of DIV2K's, with their LR."""
    photographs = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    for kind in ("HR", "LR"):
        (folder / kind).mkdir(parents=True)
    for n in range(number):
        photograph = np.roll(photographs[n % len(photographs)], 17 * n, axis=1)
        repeats = (-(-HEIGHT // photograph.shape[0]), -(-WIDTH // photograph.shape[1]), 1)
        hr = np.ascontiguousarray(np.tile(photograph, repeats)[:HEIGHT, :WIDTH])
        write_png(folder / "HR" / f"{n:04d}.png", hr)
        write_png(folder / "LR" / f"{n:04d}.png", imresize(hr, Fraction(1, SCALE)))


def write_sub_images(images: Path, folder: Path) -> int:
    """Write overlapping tiles of every image, HR and LR; returns their number."""
    for kind in ("HR", "LR"):
        (folder / kind).mkdir(parents=True)
    count = 0
    for file in sorted((images / "HR").iterdir()):
        hr, lr = read_rgb(file), read_rgb(images / "LR" / file.name)
        for top in range(0, HEIGHT - SUB + 1, STEP):
            for left in range(0, WIDTH - SUB + 1, STEP):
                tile = (slice(top, top + SUB), slice(left, left + SUB))
                small = tuple(slice(part.start // SCALE, part.stop // SCALE) for part in tile)
                write_png(folder / "HR" / f"{count:06d}.png", np.ascontiguousarray(hr[tile]))
                write_png(folder / "LR" / f"{count:06d}.png", np.ascontiguousarray(lr[small]))
                count += 1
    return count


def read_store(folder: Path, samples: int, seed: int) -> float:
    """Seconds to read `samples` random pairs of patches from the store, copied as for a batch."""
    store, random = PatchStore(folder), np.random.default_rng(seed)
    size = PATCH // SCALE
    started = time.perf_counter()
    for _ in range(samples):
        image = int(random.integers(len(store)))
        top, left = (int(random.integers(side - size + 1)) for side in store.sizes[image])
        for patch in store.read(PatchPosition(image, top, left), size):
            patch.copy()
    return time.perf_counter() - started


def read_sub_images(folder: Path, count: int, samples: int, seed: int) -> float:
    """Seconds to read `samples` random pairs of patches, each from an HR and an LR PNG sub-image."""
    random, size = np.random.default_rng(seed), PATCH // SCALE
    started = time.perf_counter()
    for _ in range(samples):
        name = f"{int(random.integers(count)):06d}.png"
        hr, lr = read_rgb(folder / "HR" / name), read_rgb(folder / "LR" / name)
        top, left = (int(random.integers(SUB // SCALE - size + 1)) for _ in range(2))
        lr[top : top + size, left : left + size].copy()
        hr[top * SCALE : (top + size) * SCALE, left * SCALE : (left + size) * SCALE].copy()
    return time.perf_counter() - started


def per_second(read: Callable[..., float], readers: int, samples: int, *given: object) -> float:
    """Samples per second of all reader processes together; each measures its time while the others read as well."""
    with ProcessPoolExecutor(readers, mp_context=get_context("spawn")) as processes:
        # one sample each first, so that all processes have started before time is measured
        list(processes.map(read, *([value] * readers for value in given), [1] * readers, range(readers)))
        seconds = list(processes.map(read, *([v] * readers for v in given), [samples] * readers, range(readers)))
    return sum(samples / second for second in seconds)


def build(images: Path, store: Path) -> tuple[float, float]:
    """Build the store in a new process; returns seconds and the process's peak memory in MB."""
    code = (
        "import resource, sys, time; from pathlib import Path; from gansr.data.patch_store import build_patch_store\n"
        f"started = time.perf_counter(); build_patch_store([Path(sys.argv[1])], {SCALE}, Path(sys.argv[2]))\n"
        "print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)"
    )
    command = [sys.executable, "-c", code, str(images), str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--folder", type=Path, help="where the files go (a temporary folder by default)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        write_images(folder / "images", options.images)
        seconds, megabytes = build(folder / "images", folder / "store")
        count = write_sub_images(folder / "images", folder / "sub")
        memory = f"{megabytes:.0f} MB at its peak, the interpreter's included"
        print(f"built from {options.images} images in {seconds:.1f} s, {memory}")
        print("| readers | store, patches/s | sub-images, patches/s | ratio |\n| ---: | ---: | ---: | ---: |")
        for readers in READERS:
            fast, plain = [], []
            for _ in range(ROUNDS):
                fast.append(per_second(read_store, readers, 50 * options.samples, folder / "store"))
                plain.append(per_second(read_sub_images, readers, options.samples, folder / "sub", count))
            ratio = statistics.median(one / other for one, other in zip(fast, plain, strict=True))
            print(f"| {readers} | {statistics.median(fast):,.0f} | {statistics.median(plain):,.0f} | {ratio:.0f}x |")


if __name__ == "__main__":
    main()
