"""The papers' published values, and their comparison with measured ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gansr.config.tables import PUBLISHED_SCALE, PublishedValues
from gansr.errors import UserError
from gansr.reporting.cube import Cube
from gansr.reporting.metrics import METRICS
from gansr.reporting.scores import Scores
from gansr.reporting.statistics import mean_interval

PUBLISHED_IMAGES = {
    "set5": 5,
    "set14": 14,
    "set14_without_gray": 12,
    "bsds100": 100,
    "manga109": 109,
    "general100": 100,
    "urban100": 100,
    "div2k100": 100,
}
COLUMNS = ["metric", "benchmark", "model", "measured", "ci_low", "ci_high", "images", "published", "delta"]


def read_published(file: Path, values: PublishedValues) -> pd.DataFrame:
    """The published values of a table: metric, benchmark, label, value, in this project's names.

    Raises:
        UserError: the file cannot be read, or lacks a column.
    """
    try:
        names = dict.fromkeys([*values.label, "benchmark", "metric"], str)
        # "NA" is text, not a missing value: it may be a model's name
        table = pd.read_csv(file, dtype=names, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot read the published table ({error})") from None
    if values.benchmark is not None:
        table = table.assign(benchmark=values.benchmark)
    for column in (*values.label, "benchmark"):
        if column not in table.columns:
            raise UserError(f"{file}: the published table has no column {column}")
    labels = [values.label_of(row) for row in table[list(values.label)].fillna("").to_dict("records")]
    table = table.assign(label=labels)
    if "metric" not in table.columns or "value" not in table.columns:
        known = {*(metric.label for metric in METRICS.values()), *values.metrics}
        metrics = [column for column in table.columns if column in known]
        if not metrics:
            raise UserError(f"{file}: the published table has neither metric and value nor a column of a metric")
        table = table.melt(["benchmark", "label"], metrics, "metric", "value")
    table = table.replace({"metric": values.metrics, "benchmark": values.benchmarks})
    return table[["metric", "benchmark", "label", "value"]]


def published_values(cube: Cube, file: Path | None) -> pd.DataFrame:
    """The paper's values to be shown with a table: metric, benchmark, model, published.

    If models are columns: the values of models that are compared with one of the paper's columns, and those of
    `published_only`. If models are rows: all rows of the paper, for the metrics of the table.
    """
    columns = ["metric", "benchmark", "model", "published"]
    values = cube.job.table.published
    if values is None or file is None:
        return pd.DataFrame({name: pd.Series(dtype=float if name == "published" else str) for name in columns})
    table = read_published(file, values).rename(columns={"value": "published"})
    if cube.job.table.models_are_rows:
        shown = table[table["metric"].isin([METRICS[metric].label for metric in cube.metrics])]
        found = shown.assign(model="row " + shown["label"])
    else:
        labels = {entry.name: entry.published for entry in cube.entries if entry.published is not None}
        labels |= {name: name for name in cube.job.published_only}
        parts = [table[table["label"] == label].assign(model=model) for model, label in labels.items()]
        found = pd.concat([table.head(0).assign(model=""), *parts])
    for benchmark, other in values.also.items():
        if benchmark in cube.benchmarks:
            same = found[found["benchmark"].str.lower() == other.lower()]
            found = pd.concat([found, same.assign(benchmark=benchmark)])
    return found[columns]


def measured_values(cube: Cube) -> pd.DataFrame:
    """One row for each cell: its mean with its interval over images; empty where it could not be computed."""
    return pd.DataFrame(
        _measured(metric, benchmark, cube.label(entry), cube.scores[benchmark, entry.name])
        for metric, benchmark in cube.lines
        for entry in cube.entries
    )


def _measured(metric: str, benchmark: str, model: str, scores: Scores) -> dict[str, Any]:
    cell: dict[str, Any] = {"metric": METRICS[metric].label, "benchmark": benchmark, "model": model}
    cell |= {"measured": scores.mean(metric), "ci_low": None, "ci_high": None, "images": scores.images}
    if cell["measured"] is not None and metric not in scores.whole:
        cell["ci_low"], cell["ci_high"] = mean_interval(scores.values[metric].to_numpy(dtype=float))
    return cell


def beside_published(measured: pd.DataFrame, published: pd.DataFrame, scale: int = PUBLISHED_SCALE) -> pd.DataFrame:
    """Measured and published values side by side, with their difference.

    Args:
        measured: metric, benchmark, model, measured, ci_low, ci_high, images.
        published: metric, benchmark, model, published. A benchmark of the run is taken to be the paper's if it has
            the same name, ignoring case, and the same number of images.
        scale: the run's scale; the papers' tables are x4, and at another scale nothing is compared.

    Returns:
        the measured rows, with the published value where the paper has one for this benchmark, then the
        published values of the same models on benchmarks that the run did not test; at another scale the
        measured rows alone.
    """
    if scale != PUBLISHED_SCALE:
        published = published.head(0)
    key = ["metric", "key", "model"]
    same = measured["images"] == measured["benchmark"].str.lower().map(PUBLISHED_IMAGES)
    ours = measured.assign(key=measured["benchmark"].str.lower().where(same))
    theirs = published.assign(key=published["benchmark"].str.lower())
    beside = ours.merge(theirs[[*key, "published"]], on=key, how="left")
    tested = pd.MultiIndex.from_frame(ours[key])
    untested = theirs[~pd.MultiIndex.from_frame(theirs[key]).isin(tested)]
    beside = pd.concat([beside, untested]).astype({"measured": float, "published": float, "images": "Int64"})
    return beside.assign(delta=beside["measured"] - beside["published"])[COLUMNS]
