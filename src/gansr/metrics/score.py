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
    metrics: list[str], sr_folder: Path, hr_folder: Path, weights: dict[str, Path], title: str, output: Path
) -> None:
    """Write `output` (image, metric, value) and beside it the protocols, as JSON.

    Args:
        metrics: their names; one that cannot be computed gets empty values, and its reason in the JSON.
        sr_folder: SR images as PNG.
        hr_folder: the benchmark's HR images; exactly those of `sr_folder` by name.
        weights: by metric, where its network's weights are or should be; the caller has verified them.
        title: what the progress is called.
        output: the CSV file.

    Raises:
        UserError: images are missing, surplus, broken or of different size.
    """
    sr_files, hr_files = list_pngs(sr_folder), list_pngs(hr_folder)
    _require_same_images(sr_folder, set(sr_files), hr_folder, set(hr_files))
    functions, unavailable = _load(metrics, weights)
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


NOT_COMPUTED = {
    "dists": "this version does not compute it",
    "fid": "this version does not compute it",
    "pi": "it needs NIQE and the Ma score, which this version does not compute",
}
LPIPS = "LPIPS v0.1, {} (torchvision's ImageNet weights), whole RGB images, no crop; mean over images"
PROTOCOLS = {
    "psnr_y": psnr_ssim.PROTOCOL,
    "ssim_y": psnr_ssim.PROTOCOL,
    "lpips_alex": LPIPS.format("AlexNet"),
    "lpips_vgg": LPIPS.format("VGG16"),
    "dists": "DISTS, VGG16, whole RGB images, no resize, no crop; mean over images",
    "fid": "FID of the Inception of 2015-12-05 on whole images resized to 299 x 299 (bilinear), HR against SR",
    "pi": "PI of the PIRM challenge 2018, (mean NIQE + 10 - mean Ma score) / 2, on luma with 4 pixels cropped",
}


def _load(metrics: list[str], weights: dict[str, Path]) -> tuple[dict[str, Metric], dict[str, str]]:
    functions: dict[str, Metric] = {"psnr_y": psnr_ssim.psnr_y, "ssim_y": psnr_ssim.ssim_y}
    unavailable = {}
    for metric in set(metrics) & set(weights):
        file = weights[metric]
        if file.is_file():
            # torch takes seconds to import: only where it is used
            from gansr.metrics.lpips_network import Lpips

            functions[metric] = Lpips("alex" if metric == "lpips_alex" else "vgg", file)
        else:
            unavailable[metric] = f"the weights {file} are not there (config/weights.yaml says where from)"
    unavailable |= NOT_COMPUTED
    return functions, {metric: unavailable[metric] for metric in metrics if metric in unavailable}


def _require_same_images(sr_folder: Path, sr: set[str], hr_folder: Path, hr: set[str]) -> None:
    if not hr:
        raise UserError(f"{hr_folder}: no images; remove the folder and run again")
    if hr - sr:
        raise UserError(f"{sr_folder}: no SR image for {', '.join(sorted(hr - sr))}; remove the folder and run again")
    if sr - hr:
        raise UserError(f"{sr_folder}: images without HR: {', '.join(sorted(sr - hr))}; remove them")
