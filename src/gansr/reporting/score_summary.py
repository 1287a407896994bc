"""The scores of one folder as a table for a terminal."""

from __future__ import annotations

import math

import pandas as pd

from gansr.config import metrics
from gansr.metrics.score import BenchmarkScores
from gansr.reporting.markup import markdown
from gansr.reporting.metrics import METRICS
from gansr.reporting.statistics import mean_interval


def summary(scores: BenchmarkScores) -> str:
    """A Markdown table with mean, 95 % bootstrap interval over images and protocol of each metric.

    Below it the reasons why metrics could not be computed.
    """
    rows = []
    for metric, protocol in scores.protocols.items():
        values = scores.rows.loc[scores.rows["metric"] == metric, "value"].astype(float)
        cells = ["", ""] if metric in scores.unavailable else _cells(metric, values)
        rows.append([METRICS[metric].arrow, *cells, str(len(scores.names)), protocol.text])
    table = markdown(["metric", "mean", "95 % interval", "images", "protocol"], rows, text_columns=1)
    reasons = [f"{METRICS[metric].label}: {reason}" for metric, reason in scores.unavailable.items()]
    return "\n".join([table, *reasons])


def _cells(metric: str, values: pd.Series) -> list[str]:
    text = METRICS[metric].text
    if metrics.METRICS[metric].of_all_images:
        return [text(float(values.iloc[0])), ""]
    low, high = mean_interval(values.to_numpy(dtype=float))
    return [text(float(values.mean())), "" if math.isnan(low) else f"{text(low)} to {text(high)}"]
