"""The patches whose SR output is kept during fine-tuning, given or picked by image statistics.

The rule of `auto`: candidate windows lie on a grid over the benchmark's HR images, with a step of half their size. The
*aliasing* of a window is the median absolute difference between it and itself after bicubic reduction and enlargement:
it measures the detail that an SR model must invent. (With the median, detail all over the window counts and a single
strong edge does not.) The *coherence* of a window is that of its structure tensor, sqrt((Jxx - Jyy)^2 + 4 Jxy^2) /
(Jxx + Jyy): 1 where all gradients have one direction, 0 where no direction prevails.

    type A (smooth)                  the window with the least aliasing
    type B (texture)                 among the 10 % with the most aliasing, the window with the least coherence
    type C (regular fine structure)  among the same 10 %, the window with the most coherence
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gansr.atomic import write_text
from gansr.data.bicubic import imresize
from gansr.data.images import list_pngs, read_prepared
from gansr.errors import UserError, nearest
from gansr.paths import hr_images
from gansr.plan.jobs.mad_patches import MadPatchesJob

LUMA = np.array([0.299, 0.587, 0.114])
MOST_ALIASED_PERCENTILE = 90
CONTEXT = 16  # LR pixels around a patch that are upscaled with it, so that its SR has no effects of an image border


@dataclass(frozen=True)
class PatchWithContext:
    """LR pixels of a patch and its surroundings, H x W x 3 uint8; `rows` and `columns` of their SR are the patch."""

    lr: np.ndarray
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Window:
    """A candidate window and its statistics."""

    image: str
    top: int
    left: int
    aliasing: float
    coherence: float


def choose_mad_patches(images: Path, job: MadPatchesJob, output: Path) -> None:
    """Write the list of patches (image, top, left, size, type) as JSON.

    Args:
        images: a benchmark's folder with HR images.
        job: the scale (corners and sizes are multiples of it), the size of picked patches, and the patches or `auto`.
        output: the JSON file.

    Raises:
        UserError: `auto` finds too few windows of this size, or a given patch is not in an image.
    """
    if job.patches == "auto":
        patches = _pick(images, job.scale, job.size)
    else:
        patches = [patch.model_dump() for patch in job.patches]
        _require_inside(patches, images)
    write_text(output, json.dumps(patches, indent=1))


def read_mad_patches(file: Path) -> list[dict[str, Any]]:
    """The list that `choose_mad_patches` wrote."""
    patches: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return patches


def cut_with_context(lr: np.ndarray, patch: dict[str, Any], scale: int) -> PatchWithContext:
    """Cut a patch, given in HR pixels, from its whole LR image, with CONTEXT around it as far as the image goes."""
    top, left, size = (patch[key] // scale for key in ("top", "left", "size"))
    first_row, first_column = max(top - CONTEXT, 0), max(left - CONTEXT, 0)
    cut = lr[first_row : top + size + CONTEXT, first_column : left + size + CONTEXT]
    start = ((top - first_row) * scale, (left - first_column) * scale)
    rows, columns = (slice(begin, begin + size * scale) for begin in start)
    return PatchWithContext(cut, rows, columns)


def _require_inside(patches: list[dict[str, Any]], images: Path) -> None:
    files = list_pngs(hr_images(images))
    for number, patch in enumerate(patches):
        if patch["image"] not in files:
            raise UserError(f'mad.patches.{number}: unknown image "{patch["image"]}"; {nearest(patch["image"], files)}')
        height, width = read_prepared(files[patch["image"]]).shape[:2]
        bottom, right = patch["top"] + patch["size"], patch["left"] + patch["size"]
        if bottom > height or right > width:
            raise UserError(
                f"mad.patches.{number}: rows {patch['top']} to {bottom} and columns {patch['left']} to {right} are "
                f"outside {patch['image']} ({height} x {width}); move it inside"
            )


def _pick(images: Path, scale: int, size: int) -> list[dict[str, Any]]:
    windows = [
        window for name, file in list_pngs(hr_images(images)).items() for window in _windows(name, file, scale, size)
    ]
    if len(windows) < 3:
        raise UserError(f"{images}: fewer than three windows of {size} pixels; lower mad.size")
    ranked = sorted(windows, key=lambda window: window.aliasing)
    most = ranked[min(len(ranked) * MOST_ALIASED_PERCENTILE // 100, len(ranked) - 2) :]
    chosen = {
        "A": ranked[0],
        "B": min(most, key=lambda window: window.coherence),
        "C": max(most, key=lambda window: window.coherence),
    }
    return [
        {"image": window.image, "top": window.top, "left": window.left, "size": size, "type": kind}
        for kind, window in chosen.items()
    ]


def _windows(name: str, file: Path, scale: int, size: int) -> list[Window]:
    luma = read_prepared(file) @ LUMA
    aliasing = np.abs(luma - imresize(imresize(luma, Fraction(1, scale)), scale))
    dy, dx = np.gradient(luma)
    step = max(size // 2 // scale, 1) * scale
    found = []
    for top in range(0, luma.shape[0] - size + 1, step):
        for left in range(0, luma.shape[1] - size + 1, step):
            area = (slice(top, top + size), slice(left, left + size))
            xx, yy, xy = (dx[area] ** 2).sum(), (dy[area] ** 2).sum(), (dx[area] * dy[area]).sum()
            coherence = float(np.hypot(xx - yy, 2 * xy) / max(xx + yy, np.finfo(float).tiny))
            found.append(Window(name, top, left, float(np.median(aliasing[area])), coherence))
    return found
