"""Cells over several seeds, columns of the paper alone, and Set14 without its gray images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from table_data import cells, column, read, table1, write_table

from gansr.reporting.published import PUBLISHED_IMAGES
from gansr.reporting.scores import read_scores_of_seeds

PSNR = {"LDL": (30.0, 34.0), "LDL_seed_1": (32.0, 35.0), "LDL_seed_2": (31.0, 39.0)}  # of the images a and b


@pytest.fixture
def make(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Callable[..., Path]:
    def table(benchmarks: tuple[str, ...] = ("set5",), **data: Any) -> Path:
        for name, values in PSNR.items():
            for benchmark in benchmarks:
                write_scores(name, benchmark, {i: {"psnr_y": v} for i, v in zip("ab", values, strict=True)})
        write_spec("LDL", "LDL")
        ldl = column("LDL", "rrdb", published="RRDB+LDL (DF2K)") | {"scored": list(PSNR)}
        whole = table1(ldl, benchmarks={name: ["a", "b"] for name in benchmarks}, metrics=["psnr_y"]) | data
        write_table("ldl_table1", whole, tmp_path, published_folder / "ldl_table1.csv")
        return tmp_path / "tables"

    return table


def test_a_cell_is_the_mean_over_images_and_seeds(make: Callable[..., Path]) -> None:
    _, row = read(make() / "ldl_table1.csv")
    assert float(row[2]) == pytest.approx((32 + 33.5 + 35) / 3, abs=1e-4)


def test_its_interval_is_over_images_of_the_means_over_seeds(make: Callable[..., Path]) -> None:
    beside = pd.read_csv(make() / "ldl_table1_vs_published.csv").iloc[0]
    assert beside["images"] == 2
    # with two images the bootstrap reaches from the mean of one to that of the other
    assert (beside["ci_low"], beside["ci_high"]) == (pytest.approx(31.0), pytest.approx(36.0))


def test_the_notes_tell_the_spread_over_seeds(make: Callable[..., Path]) -> None:
    notes = (make() / "ldl_table1_notes.md").read_text(encoding="utf-8")
    # of 32, 33.5 and 35
    assert "- LDL on set5, 3 seeds: PSNR 1.500" in notes and "Cells are means over seeds" in notes


def test_scores_of_one_seed_are_missed(make: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str]) -> None:
    make()
    (tmp_path / "metrics" / "LDL_seed_1" / "set5.csv").unlink()
    data = table1(column("LDL", "rrdb") | {"scored": list(PSNR)}, benchmarks={"set5": ["a", "b"]}, metrics=["psnr_y"])
    refusal(lambda: write_table("ldl_table1", data, tmp_path, tmp_path / "x.csv"), "LDL_seed_1/set5.csv", "make them")


@pytest.mark.parametrize("without", [0, 1])
def test_a_metric_that_one_seed_could_not_compute_has_no_mean_over_seeds(
    tmp_path: Path, write_scores: Callable[..., Path], without: int
) -> None:
    for seed, name in enumerate(("LDL", "LDL_seed_1")):
        lost = seed == without
        values = {"psnr_y": 30.0, "lpips_alex": None if lost else 0.1}
        write_scores(name, "set5", {"a": values, "b": values}, {"lpips_alex": "no weights"} if lost else None)
    scores = read_scores_of_seeds(tmp_path, ["LDL", "LDL_seed_1"], "set5", ["a", "b"], ["psnr_y", "lpips_alex"])
    assert scores.unavailable == {"lpips_alex": "no weights"}
    assert scores.mean("lpips_alex") is None and scores.spread("lpips_alex") is None
    assert scores.mean("psnr_y") == 30.0


def test_a_single_seed_has_no_spread(make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LDL_seed_1", "LDL_seed_2"):
        monkeypatch.delitem(PSNR, name)
    assert "seeds" not in (make() / "ldl_table1_notes.md").read_text(encoding="utf-8")


def test_a_column_of_the_paper_alone_has_published_values_and_its_reason(
    make: Callable[..., Path], published_folder: Path
) -> None:
    folder = make(published_only={"SPSR (DIV2K)": "no gradient branch"})
    assert read(folder / "ldl_table1.csv")[0] == ["metric", "benchmark", "LDL"]
    markdown = (folder / "ldl_table1.md").read_text(encoding="utf-8")
    published = markdown.split("## Published")[1]
    assert cells(published, "metric", "benchmark") == ["LDL", "SPSR (DIV2K)"]
    printed = pd.read_csv(published_folder / "ldl_table1.csv")
    (spsr,) = printed[(printed["metric"] == "PSNR") & (printed["benchmark"] == "Set5") & (printed["method"] == "SPSR")][
        "value"
    ]
    assert cells(published, "PSNR", "Set5")[-1] == f"{spsr:.3f}"
    assert "- SPSR (DIV2K): no gradient branch" in markdown
    beside = pd.read_csv(folder / "ldl_table1_vs_published.csv")
    alone = beside[beside["model"] == "SPSR (DIV2K)"]
    assert len(alone) == 30 and alone["measured"].isna().all() and alone["published"].notna().all()


def test_set14_without_gray_stands_beside_the_papers_set14(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for benchmark in ("set14", "set14_without_gray"):
        monkeypatch.setitem(PUBLISHED_IMAGES, benchmark, 2)
    folder = make(("set14", "set14_without_gray"))
    beside = pd.read_csv(folder / "ldl_table1_vs_published.csv")
    both = beside[(beside["metric"] == "PSNR") & beside["measured"].notna()]
    assert list(both["benchmark"]) == ["set14", "set14_without_gray"]
    assert both["published"].nunique() == 1 and both["delta"].notna().all()
    assert "the 12 that are not gray" in (folder / "ldl_table1_notes.md").read_text(encoding="utf-8")
