"""Scores of one model on one benchmark: every image pair read once, all metrics computed on it."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gansr.atomic import atomic_file, write_text
from gansr.config.protocols import NO_REFERENCE, WHOLE_BENCHMARK, Protocol
from gansr.config.weights import METRIC_WEIGHTS
from gansr.data.images import list_images, read_prepared, read_rgb
from gansr.errors import UserError
from gansr.metrics.pair import MetricError, Pair
from gansr.metrics.per_image import per_image_metrics
from gansr.progress import progress

logger = logging.getLogger("gansr")

LUMA_ALONE = "y_images"
ALL_IMAGES = "*"  # in the place of an image's name: a score of the benchmark as a whole


@dataclass(frozen=True)
class Task:
    """What is scored, and how.

    `protocols` are by metric; `weights` are files by their names in weights.yaml, verified, those that are there;
    `absent` says of the others why. `hr_folder` may be None where no metric needs HR, `hr_features` where they are to
    be computed anew. HR is cropped to a multiple of `multiple`, and `suffix` taken off the names of SR. `made` says
    that a run has made the folders, so that one may be removed and made again.
    """

    sr_folder: Path
    hr_folder: Path | None
    protocols: dict[str, Protocol]
    weights: dict[str, Path] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    hr_features: Path | None = None
    multiple: int = 1
    suffix: str = ""
    title: str = "score"
    made: bool = False


@dataclass(frozen=True)
class BenchmarkScores:
    """Rows of image, metric, value; and why a metric has no values."""

    names: list[str]
    rows: pd.DataFrame
    protocols: dict[str, Protocol]
    unavailable: dict[str, str]

    def write(self, output: Path) -> None:
        """Write the rows as CSV, and beside it the protocols and the reasons as JSON."""
        notes = {
            "protocols": {
                metric: {"name": protocol.name, "text": protocol.text} for metric, protocol in self.protocols.items()
            },
            "unavailable": self.unavailable,
        }
        write_text(sidecar(output), json.dumps(notes, indent=1, ensure_ascii=False))
        with atomic_file(output) as partial:
            self.rows.to_csv(partial, index=False)


def sidecar(scores: Path) -> Path:
    """The file beside a score file that says how its scores were made, and why some are missing."""
    return scores.with_suffix(".json")


def score_benchmark(task: Task) -> BenchmarkScores:
    """All scores of a folder of SR images.

    A metric whose weights are absent, or that one image does not allow, has no values, and the reason is given: it is
    never averaged over the other images.

    Raises:
        UserError: images are missing, surplus, broken or of different size, too small for the crop, or the weights are
            another network's.
    """
    sr_files, hr_files = _paired(task)
    unavailable = {metric: why for metric in task.protocols if (why := _absent(metric, task))}
    wanted = {metric: protocol for metric, protocol in task.protocols.items() if metric not in unavailable}
    functions = per_image_metrics(wanted, task.weights)
    inception = None
    if {"fid", "kid"} & wanted.keys():
        # torch takes seconds to import: only where it is used
        from gansr.metrics.inception_scores import InceptionScores

        inception = InceptionScores(list(wanted), task.weights["inception"], task.hr_features)
    values: dict[tuple[str, str], float] = {}
    for name in progress(list(sr_files), task.title):
        pair = _read(sr_files[name], hr_files.get(name), task)
        for metric in [metric for metric in functions if metric not in unavailable]:
            try:
                values[name, metric] = _number(functions[metric](pair))
            except MetricError as reason:
                unavailable[metric] = f"{name}: {reason}"
            except UserError as error:
                raise UserError(f"{sr_files[name]}: {error}") from None
        if inception is not None:
            inception.add(name, pair)
    if inception is not None:
        values |= {(name, "kid"): value for name, value in inception.kid().items()}
        for distance in inception.fid():
            values[ALL_IMAGES, "fid"] = distance
        unavailable |= inception.failed
    for metric, why in unavailable.items():
        logger.info("%s: no score: %s", metric, why)
    names = list(sr_files)
    return BenchmarkScores(names, _rows(values, names, task.protocols, unavailable), task.protocols, unavailable)


def _rows(
    values: dict[tuple[str, str], float],
    names: list[str],
    protocols: dict[str, Protocol],
    unavailable: dict[str, str],
) -> pd.DataFrame:
    """One row for each image and metric, empty where a metric has no values; then the scores of all images."""
    by_image = [metric for metric in protocols if metric not in WHOLE_BENCHMARK]
    keys = [(name, metric) for name in names for metric in by_image]
    keys += [(ALL_IMAGES, metric) for metric in protocols if metric in WHOLE_BENCHMARK]
    rows = [(*key, None if key[1] in unavailable else values[key]) for key in keys]
    return pd.DataFrame(rows, columns=["image", "metric", "value"])


def _number(value: float) -> float:
    if math.isnan(value):
        raise MetricError("gives no number")
    return value


def needs_weights(metric: str, protocols: dict[str, Protocol]) -> bool:
    """Whether a metric is computed with weights: none is on SR images that hold luma alone."""
    return metric in METRIC_WEIGHTS and not _hold_luma_alone(protocols)


def _absent(metric: str, task: Task) -> str | None:
    """Why a metric cannot be computed on any image."""
    if _hold_luma_alone(task.protocols) and task.protocols[metric].colour != LUMA_ALONE:
        return "its SR images hold luma alone"
    reasons = [task.absent[name] for name in METRIC_WEIGHTS.get(metric, ()) if name in task.absent]
    return reasons[0] if reasons else None


def _hold_luma_alone(protocols: dict[str, Protocol]) -> bool:
    return any(protocol.colour == LUMA_ALONE for protocol in protocols.values())


def _paired(task: Task) -> tuple[dict[str, Path], dict[str, Path]]:
    """The image files by name, the same of SR and HR."""
    sr = {_without_suffix(name, task): file for name, file in list_images(task.sr_folder).items()}
    if task.hr_folder is None:
        with_reference = [metric for metric in task.protocols if metric not in NO_REFERENCE]
        if with_reference:
            raise UserError(f"{', '.join(with_reference)}: cannot be computed without HR; give the folder of HR images")
        if not sr:
            raise UserError(f"{task.sr_folder}: no images")
        return sr, {}
    hr = list_images(task.hr_folder)
    again = "remove the folder and run again" if task.made else "each image needs its SR and its HR"
    if not hr:
        raise UserError(f"{task.hr_folder}: no images; {again}")
    missing, surplus = sorted(hr.keys() - sr.keys()), sorted(sr.keys() - hr.keys())
    if missing:
        raise UserError(f"{task.sr_folder}: no SR image for {', '.join(missing)}; {again}")
    if surplus:
        raise UserError(f"{task.sr_folder}: images without HR: {', '.join(surplus)}; remove them")
    return {name: sr[name] for name in hr}, hr


def _without_suffix(name: str, task: Task) -> str:
    if not name.endswith(task.suffix):
        raise UserError(f"{task.sr_folder}: {name} does not end in {task.suffix}; correct the suffix")
    return name.removesuffix(task.suffix)


def _read(sr_file: Path, hr_file: Path | None, task: Task) -> Pair:
    read = read_prepared if task.made else read_rgb
    sr = read(sr_file)
    hr = None
    if hr_file is not None:
        hr = read(hr_file)
        height, width = hr.shape[:2]
        hr = hr[: height - height % task.multiple, : width - width % task.multiple]
    try:
        return Pair(sr, hr)
    except UserError as error:
        raise UserError(f"{sr_file}: {error}") from None
