"""Scores of one model on one benchmark: every image pair read once, all metrics computed on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gansr.atomic import atomic_file, write_text
from gansr.data.images import list_pngs, read_prepared
from gansr.errors import UserError
from gansr.metrics import psnr_ssim
from gansr.progress import progress

Metric = Callable[[np.ndarray, np.ndarray], float]


def score_benchmark(
    metrics: list[str], sr_folder: Path, hr_folder: Path, alexnet: Path, title: str, output: Path
) -> None:
    """Write `output` (image, metric, value) and beside it the protocols, as JSON.

    Args:
        metrics: their names; one that cannot be computed gets empty values, and its reason in the JSON.
        sr_folder: SR images as PNG.
        hr_folder: the benchmark's HR images; exactly those of `sr_folder` by name.
        alexnet: where the weights of AlexNet are, for lpips_alex; the caller has verified them.
        title: what the progress is called.
        output: the CSV file.

    Raises:
        UserError: images are missing, surplus, broken or of different size.
    """
    sr_files, hr_files = list_pngs(sr_folder), list_pngs(hr_folder)
    _require_same_images(sr_folder, set(sr_files), hr_folder, set(hr_files))
    functions, unavailable = _load(metrics, alexnet)
    rows = []
    for name in progress(list(hr_files), title):
        sr, hr = read_prepared(sr_files[name]), read_prepared(hr_files[name])
        for metric in metrics:
            try:
                value = functions[metric](sr, hr) if metric in functions else None
            except UserError as error:
                raise UserError(f"{sr_files[name]}: {error}") from None
            rows.append((name, metric, value))
    protocols = {metric: PROTOCOLS[metric] for metric in metrics}
    write_text(sidecar(output), json.dumps({"protocols": protocols, "unavailable": unavailable}, indent=1))
    with atomic_file(output) as partial:
        pd.DataFrame(rows, columns=["image", "metric", "value"]).to_csv(partial, index=False)


def sidecar(scores: Path) -> Path:
    """The file beside a score file that says how its scores were made, and why some are missing."""
    return scores.with_suffix(".json")


LPIPS_ALEX = "LPIPS v0.1, AlexNet (torchvision's ImageNet weights), whole RGB images, no crop; mean over images"
PROTOCOLS = {"psnr_y": psnr_ssim.PROTOCOL, "ssim_y": psnr_ssim.PROTOCOL, "lpips_alex": LPIPS_ALEX}


def _load(metrics: list[str], alexnet: Path) -> tuple[dict[str, Metric], dict[str, str]]:
    functions: dict[str, Metric] = {"psnr_y": psnr_ssim.psnr_y, "ssim_y": psnr_ssim.ssim_y}
    unavailable = {}
    if "lpips_alex" in metrics:
        if alexnet.is_file():
            # torch takes seconds to import: only where it is used
            from gansr.metrics.lpips_alex import LpipsAlex

            functions["lpips_alex"] = LpipsAlex(alexnet)
        else:
            unavailable["lpips_alex"] = f"the weights {alexnet} are not there (config/weights.yaml says where from)"
    return functions, unavailable


def _require_same_images(sr_folder: Path, sr: set[str], hr_folder: Path, hr: set[str]) -> None:
    if not hr:
        raise UserError(f"{hr_folder}: no images; remove the folder and run again")
    if hr - sr:
        raise UserError(f"{sr_folder}: no SR image for {', '.join(sorted(hr - sr))}; remove the folder and run again")
    if sr - hr:
        raise UserError(f"{sr_folder}: images without HR: {', '.join(sorted(sr - hr))}; remove them")
