"""The numbers that the papers print."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gansr.errors import UserError

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


def beside_published(measured: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Measured and published values side by side, with their difference.

    Args:
        measured: metric, benchmark, model, measured, ci_low, ci_high, images.
        published: metric, benchmark, model, published. Benchmarks are matched without regard to case.

    Returns:
        the measured rows, with the published value where the paper has one for this benchmark, then the
        published values of the same models on benchmarks that the run did not test.
    """
    left = measured.assign(key=measured["benchmark"].str.lower())
    right = published.assign(key=published["benchmark"].str.lower())
    joined = left.merge(right, on=["metric", "key", "model"], how="outer", suffixes=("", "_published"), sort=False)
    joined["benchmark"] = joined["benchmark"].fillna(joined["benchmark_published"])
    joined["images"] = joined["images"].astype("Int64")
    joined["delta"] = joined["measured"] - joined["published"]
    # a merge sorts by its keys: back to the order of the tables
    for key in ("metric", "model", "benchmark"):
        seen = pd.concat([measured[key], published[key]]).drop_duplicates().tolist()
        joined[f"{key}_order"] = joined[key].map(seen.index)
    joined["not_measured"] = joined["images"].isna()
    order = ["not_measured", "metric_order", "benchmark_order", "model_order"]
    return joined.sort_values(order, kind="stable")[COLUMNS]
