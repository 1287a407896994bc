"""Scores of one model on one benchmark: every pair of images is read once, and all metrics are computed on it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.config.metrics import METRICS
from gansr.config.protocols import LUMA_ALONE, Protocol, hold_luma_alone
from gansr.data.images import list_images, read_prepared, read_rgb
from gansr.errors import UserError
from gansr.metrics.kept_values import KeptValues, content_of
from gansr.metrics.pair import ImageError, Pair
from gansr.metrics.scorer import ALL_IMAGES, Inputs, Scorers, Values, protocols_of_parts
from gansr.progress import progress

logger = logging.getLogger("gansr")


@dataclass(frozen=True)
class Task:
    """What is scored, and how.

    Args:
        sr_folder: SR images.
        hr_folder: HR images; None if no metric needs them.
        protocols: by metric.
        weights: verified weight files, by their names in weights.yaml.
        absent: for weights that are missing, the reason, by their names in weights.yaml.
        hr_features: the file that `hr-features` wrote; None if the features are to be computed here.
        multiple: HR is cropped to a multiple of this.
        suffix: removed from the names of SR images.
        title: the name shown with the progress.
        made: whether a run has made the folders; an error then advises to remove a folder, which is made again.
        kept: the folder of finished values (kept_values.py); None if none are kept.
        weights_sha256: checksums of files in `weights` that are already known.
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
    kept: Path | None = None
    weights_sha256: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchmarkScores:
    """The scores of all images: rows of image, metric, value; `unavailable` says why a metric has no values."""

    names: list[str]
    rows: pd.DataFrame
    protocols: dict[str, Protocol]
    unavailable: dict[str, str]

    def write(self, output: Path) -> None:
        """Write the rows as CSV, and beside it a JSON file with protocols, reasons, and the CSV's checksum."""
        table = self.rows.to_csv(index=False)
        notes = {
            "protocols": {
                metric: {"name": protocol.name, "text": protocol.text} for metric, protocol in self.protocols.items()
            },
            "unavailable": self.unavailable,
            "scores_sha256": hashlib.sha256(table.encode()).hexdigest(),
        }
        write_text(sidecar(output), json.dumps(notes, indent=1, ensure_ascii=False))
        write_text(output, table)


def sidecar(scores: Path) -> Path:
    """The file beside a score file that says how its scores were made, and why some are missing."""
    return scores.with_suffix(".json")


def score_benchmark(task: Task) -> BenchmarkScores:
    """All scores of a folder of SR images.

    A metric whose weights are missing, or that cannot be computed on one of the images, has no values at all, only a
    reason; so no mean is over fewer images. Values that are kept from earlier jobs are not computed again.

    Raises:
        UserError: images are missing, surplus, broken or of different size, too small for the crop, or the weights are
            another network's.
    """
    sr_files, hr_files = _paired(task)
    names = list(sr_files)
    found = {metric: Values({}, why) for metric in task.protocols if (why := _absent(metric, task))}
    wanted = {metric: protocol for metric, protocol in task.protocols.items() if metric not in found}
    kept = _kept_values(task, sr_files, hr_files)
    found |= _known(wanted, kept, names)
    missing = {metric: protocol for metric, protocol in wanted.items() if metric not in found}
    parts = protocols_of_parts(missing)
    found |= _known({part: parts[part] for part in parts if part not in found}, kept, names)
    missing |= {part: protocol for part, protocol in parts.items() if part not in found}
    for metric, values in _computed(missing, found, sr_files, hr_files, task).items():
        found[metric] = values
        if kept is not None:
            kept.write(metric, missing[metric], values)
    unavailable = {metric: why for metric in task.protocols if (why := found[metric].unavailable)}
    for metric, why in unavailable.items():
        logger.info("%s: no score: %s", metric, why)
    return BenchmarkScores(names, _rows(found, names, task.protocols), task.protocols, unavailable)


def _kept_values(task: Task, sr_files: dict[str, Path], hr_files: dict[str, Path]) -> KeptValues | None:
    if task.kept is None:
        return None
    weights = {name: task.weights_sha256.get(name) or checksum(file) for name, file in task.weights.items()}
    hr = content_of(hr_files) if hr_files else None
    return KeptValues(task.kept, content_of(sr_files), hr, task.multiple, weights)


def _known(protocols: dict[str, Protocol], kept: KeptValues | None, names: list[str]) -> dict[str, Values]:
    """The values that are kept from earlier jobs."""
    if kept is None:
        return {}
    read = {metric: kept.read(metric, protocol, names) for metric, protocol in protocols.items()}
    found = {metric: values for metric, values in read.items() if values is not None}
    if found:
        logger.info("kept from before: %s", ", ".join(found))
    return found


def _computed(
    protocols: dict[str, Protocol],
    known: dict[str, Values],
    sr_files: dict[str, Path],
    hr_files: dict[str, Path],
    task: Task,
) -> dict[str, Values]:
    """Compute the values of metrics; images are not read if all of these are made of other metrics' known values."""
    scorers = Scorers(protocols, Inputs(task.weights, task.hr_features))
    for name in progress(list(sr_files), task.title) if scorers.of_images else ():
        pair = _read(sr_files[name], hr_files.get(name), task)
        try:
            scorers.add(name, pair)
        except ImageError as error:
            raise UserError(f"{sr_files[name]}: {error}") from None
    return scorers.values(sr_files, known)


def _rows(found: dict[str, Values], names: list[str], protocols: dict[str, Protocol]) -> pd.DataFrame:
    """One row for each image and metric, empty if the metric has no values; then rows of scores of all images."""
    by_image = [metric for metric in protocols if not METRICS[metric].of_all_images]
    keys = [(name, metric) for name in names for metric in by_image]
    keys += [(ALL_IMAGES, metric) for metric in protocols if METRICS[metric].of_all_images]
    rows = [(image, metric, found[metric].by_image.get(image)) for image, metric in keys]
    return pd.DataFrame(rows, columns=["image", "metric", "value"])


def needs_weights(metric: str, protocols: dict[str, Protocol]) -> bool:
    """Whether a metric needs weights; for SR images that hold luma alone none does, since no network scores them."""
    return bool(METRICS[metric].weights) and not hold_luma_alone(protocols.values())


def _absent(metric: str, task: Task) -> str | None:
    """Why a metric cannot be computed on any image; None if it can."""
    if hold_luma_alone(task.protocols.values()) and task.protocols[metric].colour != LUMA_ALONE:
        return "its SR images hold luma alone"
    reasons = [task.absent[name] for name in METRICS[metric].weights if name in task.absent]
    return reasons[0] if reasons else None


def _paired(task: Task) -> tuple[dict[str, Path], dict[str, Path]]:
    """The SR and the HR files by image name, in the same order."""
    sr = {_without_suffix(name, task): file for name, file in list_images(task.sr_folder).items()}
    if task.hr_folder is None:
        with_reference = [metric for metric in task.protocols if METRICS[metric].needs_hr]
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
