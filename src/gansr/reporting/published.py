"""The numbers that the papers print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gansr.config.run import PUBLISHED_SCALE
from gansr.errors import UserError
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


def read_published(file: Path, columns: list[str]) -> pd.DataFrame:
    """A published table; refused where one of `columns` is missing."""
    try:
        table = pd.read_csv(file, dtype={"row": str, "benchmark": str})
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot read the published table ({error})") from None
    for column in columns:
        if column not in table.columns:
            raise UserError(f"{file}: the published table has no column {column}")
    return table


def beby_names(table: pd.DataFrame) -> pd.DataFrame:
    """Beby-GAN's printed values under this project's names: its LPIPS is of VGG, its DIV2K the validation set."""
    names = {"metric": {"LPIPS": "LPIPS-VGG"}, "benchmark": {"DIV2K": "DIV2K100"}}
    return table.replace(names)


def measured_cell(metric: str, benchmark: str, model: str, scores: Scores) -> dict[str, Any]:
    """One measured mean with its interval over images, under the table's label of the metric."""
    cell: dict[str, Any] = {"metric": METRICS[metric].label, "benchmark": benchmark, "model": model}
    cell |= {"measured": scores.mean(metric), "ci_low": None, "ci_high": None, "images": scores.images}
    if cell["measured"] is not None and metric not in scores.whole:
        cell["ci_low"], cell["ci_high"] = mean_interval(scores.values[metric].to_numpy(dtype=float))
    return cell


def beside_published(measured: pd.DataFrame, published: pd.DataFrame, scale: int = PUBLISHED_SCALE) -> pd.DataFrame:
    """Measured and published values side by side, with their difference.

    Args:
        measured: metric, benchmark, model, measured, ci_low, ci_high, images.
        published: metric, benchmark, model, published. A benchmark is the paper's when it has its name,
            without regard to case, and its number of images.
        scale: of the run; the papers' tables are x4, and at another scale nothing is compared.

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
