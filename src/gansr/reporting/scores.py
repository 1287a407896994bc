"""Read per-image scores of a run, check that they cover their benchmark, and compare models."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from gansr.checksum import checksum
from gansr.data.images import list_pngs
from gansr.errors import UserError
from gansr.metrics.score import sidecar
from gansr.metrics.scorer import ALL_IMAGES
from gansr.paths import RunPaths, hr_images
from gansr.reporting.metrics import METRICS
from gansr.reporting.statistics import FEWEST_FOR_A_VERDICT, mean_interval

UNDECIDED = "≈"  # beside a best value that is not shown to be better than the next best


@dataclass(frozen=True)
class Scores:
    """Scores of one model on one benchmark.

    `values` has one row per image and one column per metric; the column of a metric that could not be computed is all
    NaN. `whole` has the scores that are of all images together. `unavailable` says why a metric could not be computed,
    `protocols` how each was computed. For a model trained with several seeds the scores are means over the seeds, and
    `by_seed` has the scores for each seed.
    """

    values: pd.DataFrame
    protocols: dict[str, str]
    unavailable: dict[str, str]
    whole: dict[str, float] = field(default_factory=dict)
    by_seed: tuple[Scores, ...] = ()

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.values)

    def mean(self, metric: str) -> float | None:
        """The mean over all images of the benchmark, or the score of all together; None where there is none."""
        if metric in self.unavailable:
            return None
        return self.whole[metric] if metric in self.whole else float(self.values[metric].mean())

    def spread(self, metric: str) -> float | None:
        """The standard deviation over seeds (n - 1) of the mean over images; None with one seed or without scores."""
        if metric in self.unavailable or len(self.by_seed) < 2:
            return None
        means = np.array([scores.mean(metric) for scores in self.by_seed], dtype=float)
        return float(np.std(means, ddof=1)) if np.isfinite(means).all() else None  # equal images have an infinite PSNR

    def differences(self, metric: str, other: Scores) -> np.ndarray | None:
        """This minus the other, image by image; None if a score is missing or infinite, or there are none per image."""
        if metric in self.whole or self.mean(metric) is None or other.mean(metric) is None:
            return None
        found = (self.values[metric] - other.values[metric]).to_numpy(dtype=float)
        return found if np.isfinite(found).all() else None


def read_benchmarks(folders: list[Path]) -> dict[str, list[str]]:
    """The names of the images in benchmarks' prepared folders <benchmark>/x<scale>/images.

    Raises:
        UserError: a folder holds no images.
    """
    benchmarks = {folder.resolve().parents[1].name: list(list_pngs(hr_images(folder))) for folder in folders}
    for folder, images in zip(folders, benchmarks.values(), strict=True):
        if not images:
            raise UserError(f"{hr_images(folder)}: no images; remove the folder and run again")
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
    values = pd.concat([scores.values for scores in each]).groupby(level=0).mean()
    unavailable = {metric: reason for scores in each for metric, reason in scores.unavailable.items()}
    shared = [metric for metric in first.whole if metric not in unavailable]
    whole = {metric: float(np.mean([scores.whole[metric] for scores in each])) for metric in shared}
    return Scores(values, first.protocols, unavailable, whole, tuple(each))


def read_scores(run_folder: Path, scored: str, benchmark: str, images: list[str], metrics: list[str]) -> Scores:
    """The scores in results/<run>/metrics/<scored>/<benchmark>.csv.

    Raises:
        UserError: the file is missing, does not match the checksum in the notes beside it, or does not hold exactly
            the benchmark's images for every metric.
    """
    file = RunPaths(run_folder).scores(scored, benchmark)
    try:
        # "NA" and "1" in the column image are names, not a missing value or a number
        rows = pd.read_csv(file, dtype={"image": str, "metric": str}, keep_default_na=False, na_values={"value": [""]})
        notes = json.loads(sidecar(file).read_text(encoding="utf-8"))
        protocols = {metric: str(protocol["text"]) for metric, protocol in notes["protocols"].items()}
        unavailable: dict[str, str] = notes["unavailable"]
        sha256 = notes["scores_sha256"]
        of_all = rows["image"] == ALL_IMAGES
        values = rows[~of_all].astype({"value": float}).pivot(index="image", columns="metric", values="value")
        whole = rows[of_all].astype({"value": float}).set_index("metric")["value"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: cannot read the scores ({error}); make them again") from None
    if checksum(file) != sha256:
        raise UserError(f"{file}: {sidecar(file).name} beside it is of other scores; remove both and run again")
    absent = [metric for metric in metrics if metric not in values.columns and metric not in whole.index]
    if absent:
        raise UserError(f"{file}: no scores of {', '.join(absent)}; score again")
    untold = [metric for metric in metrics if metric not in protocols]
    if untold:
        raise UserError(f"{file}: the notes beside it do not say how {', '.join(untold)} was computed; score again")
    if values.columns.empty:  # all scores are of all images together
        values = pd.DataFrame(index=pd.Index(sorted(images), name="image"))
    if sorted(values.index) != sorted(images):
        missing = sorted(set(images) ^ set(values.index))
        raise UserError(f"{file}: scores and benchmark do not hold the same images: {', '.join(missing)}; score again")
    for metric in values.columns:
        if metric not in unavailable and values[metric].isna().any():
            without = values.index[values[metric].isna()]
            raise UserError(f"{file}: no {metric} for {', '.join(without)}; score again")
    for metric in whole.index[whole.isna()]:
        if metric not in unavailable:
            raise UserError(f"{file}: no {metric}; score again")
    return Scores(
        values, protocols, unavailable, {str(metric): float(value) for metric, value in whole.dropna().items()}
    )


def paired_difference(metric: str, names: tuple[str, str], first: Scores, second: Scores) -> str | None:
    """The mean difference of two models on the same images with its interval, in words.

    None where the metric could not be computed, is infinite (equal images), or is of all images together.
    """
    differences = second.differences(metric, first)
    if differences is None:
        return None
    low, high = mean_interval(differences)
    if len(differences) < FEWEST_FOR_A_VERDICT:
        verdict = f"{len(differences)} images: too few for a verdict"
    else:
        verdict = "the interval holds zero: no difference shown" if low <= 0 <= high else "the interval excludes zero"
    digits = METRICS[metric].digits
    difference = f"{differences.mean():+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{names[1]} minus {names[0]} {difference}, {verdict}"


def is_shown_better(metric: str, winner: Scores, rivals: list[Scores]) -> bool | None:
    """Whether the interval of the paired difference between the best and the next best shows that the best is better.

    False also with too few images for a verdict. None where there is no interval (for a score of all images together,
    for instance), or no other model.
    """
    means = [(rival.mean(metric), rival) for rival in rivals]
    known = [(mean, rival) for mean, rival in means if mean is not None]
    if not known:
        return None
    pick = max if METRICS[metric].higher_is_better else min
    _, next_best = pick(known, key=lambda entry: entry[0])
    differences = winner.differences(metric, next_best)
    if differences is None:
        return None
    low, high = mean_interval(differences)
    above = low > 0 if METRICS[metric].higher_is_better else high < 0
    return len(differences) >= FEWEST_FOR_A_VERDICT and above


def marks(metric: str, contenders: list[Scores], best: list[bool]) -> list[str]:
    """The mark beside each best value that is not shown to be better than the next best; empty for all others."""
    found = []
    for number, (scores, wins) in enumerate(zip(contenders, best, strict=True)):
        rivals = contenders[:number] + contenders[number + 1 :]
        found.append(UNDECIDED if wins and is_shown_better(metric, scores, rivals) is False else "")
    return found
