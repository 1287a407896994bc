"""Intervals, winners and digits: what stands in a cell is what was measured."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gansr.reporting.metrics import METRICS, best
from gansr.reporting.statistics import mean_interval

VALUES = st.lists(st.floats(0, 50), min_size=1, max_size=8)


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_the_interval_lies_within_the_values_and_holds_the_mean(values: list[float]) -> None:
    low, high = mean_interval(np.array(values))
    slack = 1e-9 + 1e-9 * max(values)
    assert min(values) - slack <= low <= high <= max(values) + slack
    assert low - slack <= np.mean(values) <= high + slack


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_the_interval_is_the_same_each_time(values: list[float]) -> None:
    assert mean_interval(np.array(values)) == mean_interval(np.array(values))


@given(st.floats(-1e6, 1e6))
@settings(max_examples=10, deadline=None)
def test_one_image_gives_a_point(value: float) -> None:
    assert mean_interval(np.array([value])) == (value, value)


@settings(max_examples=20, deadline=None)
@given(VALUES, st.floats(-100, 100))
def test_a_shift_of_all_values_shifts_the_interval(values: list[float], shift: float) -> None:
    low, high = mean_interval(np.array(values))
    assert mean_interval(np.array(values) + shift) == pytest.approx((low + shift, high + shift), abs=1e-6)


@pytest.mark.parametrize("values", [[1.0, 3.0], [0.2, 0.9, 0.4], [30.1, 28.4, 33.0, 25.2]])
def test_the_interval_is_the_quantiles_of_all_resamples(values: list[float]) -> None:
    # with so few images every resample can be listed
    means = [np.mean(resample) for resample in product(values, repeat=len(values))]
    low, high = mean_interval(np.array(values))
    assert np.mean(np.array(means) < low - 1e-9) <= 0.035 and np.mean(np.array(means) <= low + 1e-9) >= 0.015
    assert np.mean(np.array(means) > high + 1e-9) <= 0.035 and np.mean(np.array(means) >= high - 1e-9) >= 0.015


def test_two_images_give_the_two_values() -> None:
    # a quarter of all resamples draws one image twice
    assert mean_interval(np.array([3.0, 1.0])) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("psnr_y", [20.0, 30.0, 25.0], [False, True, False]),
        ("lpips_alex", [0.2, 0.3, 0.1], [False, False, True]),
        ("ssim_y", [0.9, 0.8], [True, False]),
        # equal as printed
        ("psnr_y", [30.0001, 30.0004, 29.0], [True, True, False]),
        ("lpips_alex", [0.12341, 0.12344], [True, True]),
        ("psnr_y", [30.0], [False]),
        ("psnr_y", [30.0, None], [False, False]),
        ("psnr_y", [30.0, None, 31.0], [False, False, True]),
        ("lpips_alex", [None, None], [False, False]),
        ("psnr_y", [], []),
    ],
)
def test_the_best_is_best_as_printed(metric: str, values: list[float | None], expected: list[bool]) -> None:
    assert best(values, METRICS[metric]) == expected


@given(st.lists(st.floats(0, 50), min_size=2, max_size=6), st.sampled_from(list(METRICS)))
def test_the_winner_prints_as_no_worse_than_any_other(values: list[float], metric: str) -> None:
    chosen = METRICS[metric]
    sign = 1 if chosen.higher_is_better else -1
    printed = [sign * float(chosen.text(value)) for value in values]
    assert [number == max(printed) for number in printed] == best(list(values), chosen)


def test_metrics_are_printed_with_the_papers_digits_and_arrows() -> None:
    digits = {"LPIPS": "0.1235", "LPIPS-VGG": "0.1235", "DISTS": "0.1235", "FID": "0.123"}
    digits |= {"KID": "0.1235", "PI": "0.12", "NIQE": "0.123", "Ma": "0.123", "PSNR": "0.123", "SSIM": "0.1235"}
    assert {metric.label: metric.text(0.12345678) for metric in METRICS.values()} == digits
    arrows = ["PSNR ↑", "SSIM ↑", "LPIPS ↓", "LPIPS-VGG ↓", "DISTS ↓", "FID ↓", "KID ↓", "NIQE ↓", "Ma ↑", "PI ↓"]
    assert [metric.arrow for metric in METRICS.values()] == arrows
    assert METRICS["psnr_y"].text(None) == ""
