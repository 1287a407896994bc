"""Beside a best value stands a mark where nothing shows that it is better than the next best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_data import cells, column, table1, table2, write_table

from gansr.reporting.metrics import METRICS, best
from gansr.reporting.scores import UNDECIDED, Scores, is_shown_better, marks

NAMES = [f"image{number}" for number in range(8)]
FIRST = [25.0, 30.0, 27.0, 33.0, 21.0, 29.0, 26.0, 31.0]
CLEAR = [-1.0, -0.8, -1.2, -0.9, -1.1, -1.0, -0.7, -1.3]  # differences to another model, all of one sign
UNCLEAR = [-1.0, 0.8, -1.2, 0.9, -1.1, 1.0, -0.7, 0.9]


def of(values: Sequence[float] | None, metric: str = "psnr_y", names: Sequence[str] = NAMES) -> Scores:
    if values is None:
        return Scores(pd.DataFrame({metric: [np.nan]}), {}, {metric: "no weights"})
    return Scores(pd.DataFrame({metric: values}, index=list(names)[: len(values)]), {}, {})


def of_all(value: float) -> Scores:
    return Scores(pd.DataFrame(index=NAMES), {}, {}, {"fid": value})


def plus(differences: Sequence[float]) -> list[float]:
    return [value + difference for value, difference in zip(FIRST, differences, strict=False)]


def marked(metric: str, *contenders: Scores) -> list[str]:
    means = [scores.mean(metric) for scores in contenders]
    return marks(metric, list(contenders), best(means, METRICS[metric]))


def test_a_value_that_is_significantly_better_has_no_mark() -> None:
    assert marked("psnr_y", of(FIRST), of(plus(CLEAR))) == ["", ""]
    assert marked("psnr_y", of(plus(CLEAR)), of(FIRST)) == ["", ""]


def test_a_value_whose_difference_may_be_zero_has_a_mark() -> None:
    assert marked("psnr_y", of(FIRST), of(plus(UNCLEAR))) == [UNDECIDED, ""]
    assert marked("psnr_y", of(plus(UNCLEAR)), of(FIRST)) == ["", UNDECIDED]


def test_for_a_distance_the_lowest_is_the_best() -> None:
    assert marked("lpips_alex", of(FIRST, "lpips_alex"), of(plus(CLEAR), "lpips_alex")) == ["", ""]
    assert marked("lpips_alex", of(FIRST, "lpips_alex"), of(plus(UNCLEAR), "lpips_alex")) == ["", UNDECIDED]


@pytest.mark.parametrize(("images", "mark"), [(1, UNDECIDED), (2, UNDECIDED), (5, UNDECIDED), (6, ""), (8, "")])
def test_fewer_than_six_images_show_nothing(images: int, mark: str) -> None:
    assert marked("psnr_y", of(FIRST[:images]), of(plus(CLEAR)[:images])) == [mark, ""]


def test_the_next_best_decides_and_no_other() -> None:
    near, far = of(plus(UNCLEAR)), of([value - 9 for value in FIRST])
    assert marked("psnr_y", of(FIRST), near, far) == [UNDECIDED, "", ""]
    assert marked("psnr_y", far, of(FIRST), near) == ["", UNDECIDED, ""]
    clear = of(plus(CLEAR))
    assert marked("psnr_y", far, of(FIRST), clear) == ["", "", ""]


def test_images_are_compared_with_themselves_whatever_their_order() -> None:
    assert marked("psnr_y", of(FIRST), of(plus(CLEAR)[::-1], names=NAMES[::-1])) == ["", ""]


def test_a_score_of_all_images_together_has_no_interval_and_no_mark() -> None:
    assert marked("fid", of_all(10.0), of_all(10.5)) == ["", ""]
    assert is_shown_better("fid", of_all(10.0), [of_all(10.5)]) is None


def test_equal_models_are_both_the_best_and_none_is_better() -> None:
    assert marked("psnr_y", of(FIRST), of(FIRST), of(plus(CLEAR))) == [UNDECIDED, UNDECIDED, ""]


def test_of_two_that_print_the_same_only_the_better_one_is_shown_better() -> None:
    higher, lower = of(FIRST), of([value - 1e-5 for value in FIRST])
    assert is_shown_better("psnr_y", higher, [lower]) is True
    assert is_shown_better("psnr_y", lower, [higher]) is False
    assert marked("psnr_y", lower, higher)[0] == UNDECIDED
    higher, lower = (of(scores.values["psnr_y"], "lpips_alex") for scores in (higher, lower))
    assert is_shown_better("lpips_alex", lower, [higher]) is True
    assert is_shown_better("lpips_alex", higher, [lower]) is False


def test_equal_images_have_an_infinite_psnr_and_no_mark() -> None:
    assert marked("psnr_y", of([*FIRST[:7], float("inf")]), of(FIRST)) == ["", ""]


def test_models_without_scores_do_not_count() -> None:
    assert marked("psnr_y", of(None), of(FIRST), of(plus(CLEAR))) == ["", "", ""]
    assert marked("psnr_y", of(FIRST), of(None)) == ["", ""]
    assert is_shown_better("psnr_y", of(FIRST), [of(None)]) is None
    assert is_shown_better("psnr_y", of(FIRST), []) is None


@settings(max_examples=15)
@given(st.lists(st.lists(st.floats(0, 40), min_size=8, max_size=8), min_size=1, max_size=4))
def test_a_mark_stands_only_beside_a_best_value(values: list[list[float]]) -> None:
    contenders = [of(model) for model in values]
    wins = best([scores.mean("psnr_y") for scores in contenders], METRICS["psnr_y"])
    for won, mark in zip(wins, marks("psnr_y", contenders, wins), strict=True):
        assert mark in ("", UNDECIDED)
        assert won or not mark


# ---- in the tables

METRIC_OF = {"ldl_table1": "lpips_alex", "beby_table2": "lpips_vgg", "ldl_table2": "lpips_alex"}


@pytest.fixture
def made(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Callable[..., dict[str, str]]:
    """The forms of a table of two models: one has the better PSNR for sure, LPIPS may be equal, FID is known."""

    def make(table: str, images: int = 8) -> dict[str, str]:
        names, lpips = NAMES[:images], METRIC_OF[table]
        models = {"Good": (FIRST, plus(UNCLEAR), 10.0), "Other": (plus(CLEAR), FIRST, 10.5)}
        for model, (psnr, distance, fid) in models.items():
            scores = {n: {"psnr_y": p, lpips: d / 100} for n, p, d in zip(names, psnr, distance, strict=False)}
            write_scores(model, "photos", scores | {"*": {"fid": fid}})
            write_spec(model, model)
        if table == "ldl_table2":
            rows = [("1'", "Other", "Other", "   ", False), ("5", "Good", "Good", "xxx", True)]
            data = table2(rows, {"photos": names}, [lpips, "fid", "psnr_y"])
        else:
            columns = [column(model, "rrdb") for model in models]
            data = table1(*columns, benchmarks={"photos": names}, metrics=[lpips, "fid", "psnr_y"])
        write_table(table, data, tmp_path, published_folder / f"{table}.csv")
        folder = tmp_path / "tables"
        return {form: (folder / f"{table}{form}").read_text(encoding="utf-8") for form in (".md", ".tex", "_notes.md")}

    return make


@pytest.mark.parametrize(("table", "label"), [("ldl_table1", "LPIPS ↓"), ("beby_table2", "LPIPS-VGG ↓")])
def test_a_comparison_has_the_mark_beside_its_best_value(
    made: Callable[..., dict[str, str]], table: str, label: str
) -> None:
    forms = made(table)
    assert cells(forms[".md"], "PSNR ↑", "photos") == ["**27.750**", "26.750"]
    assert cells(forms[".md"], label, "photos") == ["**0.2770**≈", "0.2775"]
    assert r"\textbf{27.750} & 26.750" in forms[".tex"]
    assert r"\textbf{0.2770$\approx$} & 0.2775" in forms[".tex"]


def test_fid_is_bold_without_a_mark(made: Callable[..., dict[str, str]]) -> None:
    forms = made("ldl_table1")
    assert cells(forms[".md"], "FID ↓", "photos") == ["**10.000**", "10.500"]
    assert r"\textbf{10.000} & 10.500" in forms[".tex"]


def test_the_ablation_has_the_mark_beside_its_best_value(made: Callable[..., dict[str, str]]) -> None:
    forms = made("ldl_table2")
    assert cells(forms[".md"], "5", "✓", "✓", "✓", "✓") == ["**0.2770**≈", "**10.000**", "**27.750**", "Good"]
    assert cells(forms[".md"], "1'", "", "", "", "") == ["0.2775", "10.500", "26.750", "Other"]
    assert r"\textbf{0.2770$\approx$} & \textbf{10.000} & \textbf{27.750}" in forms[".tex"]


@pytest.mark.parametrize("table", METRIC_OF)
def test_with_few_images_every_best_value_of_images_has_a_mark(made: Callable[..., dict[str, str]], table: str) -> None:
    forms = made(table, images=5)
    assert "**27.200**≈" in forms[".md"]
    bold = 2 if table == "beby_table2" else 3  # Beby-GAN's table has no FID
    assert forms[".md"].split("## ")[0].count("**≈") == 2
    assert forms[".tex"].count(r"\textbf{") == bold and forms[".tex"].count(r"$\approx$") == 2


@pytest.mark.parametrize("table", METRIC_OF)
def test_the_notes_say_what_the_mark_means(made: Callable[..., dict[str, str]], table: str) -> None:
    notes = made(table)["_notes.md"]
    (legend,) = [line for line in notes.splitlines() if line.startswith("**≈**")]
    for word in ("best value", "paired difference", "next best", "zero", "fewer than 6 images"):
        assert word in legend
    assert "FID has no interval" in legend or table == "beby_table2"  # which has no FID
    assert legend in made(table)[".md"]
