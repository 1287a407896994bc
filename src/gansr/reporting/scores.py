"""Per-image scores of a run, refused where they do not cover their benchmark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gansr.data.images import list_pngs
from gansr.errors import UserError
from gansr.metrics.score import sidecar
from gansr.reporting.metrics import METRICS
from gansr.reporting.statistics import FEWEST_FOR_A_VERDICT, mean_interval


@dataclass(frozen=True)
class Scores:
    """Scores of one model on one benchmark.

    `values` has one row per image and one column per metric, NaN throughout for a metric that could not
    be computed; `unavailable` says why. Of a model trained with several seeds they are the means over the
    seeds, and `by_seed` has the values of each.
    """

    values: pd.DataFrame
    protocols: dict[str, str]
    unavailable: dict[str, str]
    by_seed: tuple[pd.DataFrame, ...] = ()

    def mean(self, metric: str) -> float | None:
        """The mean over all images of the benchmark; None where the metric could not be computed."""
        return None if metric in self.unavailable else float(self.values[metric].mean())

    def spread(self, metric: str) -> float | None:
        """The standard deviation over seeds (n - 1) of the mean over images; None with one seed or without scores."""
        if metric in self.unavailable or len(self.by_seed) < 2:
            return None
        means = [values[metric].mean() for values in self.by_seed]
        return float(np.std(means, ddof=1)) if np.isfinite(means).all() else None  # equal images have an infinite PSNR


def read_benchmarks(folders: list[Path]) -> dict[str, list[str]]:
    """The names of the images in benchmarks' prepared folders <benchmark>/x<scale>/images.

    Raises:
        UserError: a folder holds no images.
    """
    benchmarks = {folder.resolve().parents[1].name: list(list_pngs(folder / "HR")) for folder in folders}
    for folder, images in zip(folders, benchmarks.values(), strict=True):
        if not images:
            raise UserError(f"{folder}/HR: no images; remove the folder and run again")
    return benchmarks


def read_scores_of_seeds(
    run_folder: Path, scored: list[str], benchmark: str, images: list[str], metrics: list[str]
) -> Scores:
    """The scores of a model trained with several seeds: image by image the mean over them.

    Raises:
        UserError: see `read_scores`.
    """
    first, *others = each = [read_scores(run_folder, name, benchmark, images, metrics) for name in scored]
    if not others:
        return first
    by_seed = tuple(scores.values for scores in each)
    values = pd.concat(by_seed).groupby(level=0).mean()
    unavailable = {metric: reason for scores in each for metric, reason in scores.unavailable.items()}
    return Scores(values, first.protocols, unavailable, by_seed)


def read_scores(run_folder: Path, scored: str, benchmark: str, images: list[str], metrics: list[str]) -> Scores:
    """The scores in results/<run>/metrics/<scored>/<benchmark>.csv.

    Raises:
        UserError: the file is missing, or does not hold exactly the benchmark's images for every metric.
    """
    file = run_folder / "metrics" / scored / f"{benchmark}.csv"
    try:
        # a name such as "NA" or "1" is an image's name, not a missing value or a number
        rows = pd.read_csv(file, dtype={"image": str, "metric": str}, keep_default_na=False, na_values={"value": [""]})
        notes = json.loads(sidecar(file).read_text(encoding="utf-8"))
        values = rows.astype({"value": float}).pivot(index="image", columns="metric", values="value")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{file}: cannot read the scores ({error}); make them again") from None
    absent = [metric for metric in metrics if metric not in values.columns]
    if absent:
        raise UserError(f"{file}: no scores of {', '.join(absent)}; score again")
    if sorted(values.index) != sorted(images):
        missing = sorted(set(images) ^ set(values.index))
        raise UserError(f"{file}: scores and benchmark do not hold the same images: {', '.join(missing)}; score again")
    for metric in values.columns:
        if metric not in notes["unavailable"] and values[metric].isna().any():
            without = values.index[values[metric].isna()]
            raise UserError(f"{file}: no {metric} for {', '.join(without)}; score again")
    return Scores(values, notes["protocols"], notes["unavailable"])


def paired_difference(metric: str, names: tuple[str, str], first: Scores, second: Scores) -> str | None:
    """The mean difference of two models on the same images with its interval, in words.

    None where the metric could not be computed, or is infinite (equal images).
    """
    if first.mean(metric) is None or second.mean(metric) is None:
        return None
    differences = (second.values[metric] - first.values[metric]).to_numpy(dtype=float)
    if not np.isfinite(differences).all():
        return None
    low, high = mean_interval(differences)
    if len(differences) < FEWEST_FOR_A_VERDICT:
        verdict = f"{len(differences)} images: too few for a verdict"
    else:
        verdict = "the interval holds zero: no difference shown" if low <= 0 <= high else "the interval excludes zero"
    digits = METRICS[metric].digits
    difference = f"{differences.mean():+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{names[1]} minus {names[0]} {difference}, {verdict}"
