"""The scores of one folder as a terminal shows them."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from table_data import cells

from gansr.config.metrics import METRICS, chosen_protocols
from gansr.metrics.score import BenchmarkScores
from gansr.reporting.score_summary import summary
from gansr.reporting.statistics import mean_interval

VALUES = {"psnr_y": [30.0, 32.0, 28.0], "ssim_y": [0.9, 0.8, 0.85], "kid": [-0.01, 0.02, 0.05]}
IMAGES = ["a", "b", "c"]


def made(
    values: dict[str, list[float]], whole: dict[str, float] | None = None, unavailable: dict[str, str] | None = None
) -> BenchmarkScores:
    metrics = [*values, *(whole or {}), *(unavailable or {})]
    rows = [(image, metric, of[n]) for metric, of in values.items() for n, image in enumerate(IMAGES)]
    rows += [(image, metric, None) for metric in unavailable or {} for image in IMAGES]
    rows += [("*", metric, value) for metric, value in (whole or {}).items()]
    table = pd.DataFrame(rows, columns=["image", "metric", "value"])
    return BenchmarkScores(IMAGES, table, chosen_protocols(metrics, {}), unavailable or {})


@pytest.mark.parametrize(
    ("metric", "label", "digits"), [("psnr_y", "PSNR ↑", 3), ("ssim_y", "SSIM ↑", 4), ("kid", "KID ↓", 4)]
)
def test_a_metric_has_its_mean_its_interval_and_its_protocol(metric: str, label: str, digits: int) -> None:
    low, high = mean_interval(np.array(VALUES[metric]))
    assert cells(summary(made(VALUES)), label) == [
        f"{np.mean(VALUES[metric]):.{digits}f}",
        f"{low:.{digits}f} to {high:.{digits}f}",
        "3",
        METRICS[metric].protocols[0].text,
    ]


def test_metrics_stand_in_the_order_of_the_protocols() -> None:
    labels = [line.split("|")[1].strip() for line in summary(made(VALUES)).splitlines()]
    assert labels == ["metric", "---", "PSNR ↑", "SSIM ↑", "KID ↓"]
    assert cells(summary(made(VALUES)), "metric") == ["mean", "95 % interval", "images", "protocol"]


def test_a_score_of_all_images_together_has_no_interval() -> None:
    mean, interval, images, _ = cells(summary(made(VALUES, {"fid": 123.4567})), "FID ↓")
    assert mean == "123.457" and images == "3"
    assert not any(sign.isdigit() for sign in interval)


def test_a_metric_that_could_not_be_computed_is_an_empty_cell_with_its_reason() -> None:
    text = summary(made(VALUES, unavailable={"niqe": "b: is flat", "fid": "no Inception"}))
    for label in ("NIQE ↓", "FID ↓"):
        assert cells(text, label)[:2] == ["", ""]
    assert text.splitlines()[-2:] == ["NIQE: b: is flat", "FID: no Inception"]
    assert cells(text, "PSNR ↑")[0] == "30.000"


def test_equal_images_have_an_infinite_mean_and_no_interval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = summary(made({"psnr_y": [float("inf"), 30.0, float("inf")]}))
    mean, interval, *_ = cells(text, "PSNR ↑")
    assert mean == "inf"
    assert "nan" not in interval


def test_one_image_has_a_point_for_an_interval() -> None:
    one = made({"psnr_y": [30.0, 30.0, 30.0]})
    assert cells(summary(one), "PSNR ↑")[:2] == ["30.000", "30.000 to 30.000"]
