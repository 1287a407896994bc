"""Beby-GAN's tables from score files: every number as computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from table_data import RANDOM_VGG, cells, column, latex_header, read, table1, write_table

from gansr.reporting.published import PUBLISHED_IMAGES

METRICS = ["psnr_y", "lpips_vgg", "pi", "lpips_alex"]


@pytest.fixture(autouse=True, scope="module")
def one_image_per_published_benchmark() -> Iterator[None]:
    """The tables of these tests have one image of Set14 and of DIV2K100."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PUBLISHED_IMAGES, "set14", 1)
        patch.setitem(PUBLISHED_IMAGES, "div2k100", 1)
        yield


@pytest.fixture
def scored(write_scores: Callable[..., Path], write_spec: Callable[..., None]) -> Callable[..., None]:
    """Scores of models on set14 and div2k100: PSNR as given, the rest derived from it; PI was not computed."""

    def make(**psnr: float) -> None:
        for model, value in psnr.items():
            scores = {"psnr_y": value, "lpips_vgg": value / 100, "pi": None, "lpips_alex": 0.9}
            for benchmark in ("set14", "div2k100"):
                write_scores(model, benchmark, {"image": scores}, {"pi": "no Ma score"})
            write_spec(model, model, perceptual=RANDOM_VGG)

    return make


@pytest.fixture
def table_2(
    tmp_path: Path, published_folder: Path, scored: Callable[..., None], write_interpolated: Callable[..., None]
) -> Path:
    scored(Ref=31.0, ESRGAN=25.0, Between=28.0, Beby=27.0)
    write_interpolated("Between", "Between", ("Ref", "ESRGAN"), 0.8)
    data = table1(
        column("Ref", "rrdb", reference=True, published="RRDB"),
        column("ESRGAN", "rrdb", published="ESRGAN"),
        column("Between", "rrdb"),
        column("Beby", "other", published="Beby-GAN"),
        benchmarks={"set14": ["image"], "div2k100": ["image"]},
        metrics=METRICS,
    )
    write_table("beby_table2", data, tmp_path, published_folder / "beby_table2.csv")
    return tmp_path / "tables"


def test_table_2_has_the_papers_metrics_and_not_ldls_lpips(table_2: Path) -> None:
    header, *rows = read(table_2 / "beby_table2.csv")
    assert header == ["metric", "benchmark", "Ref", "ESRGAN", "Between", "Beby"]
    assert rows == [
        ["LPIPS-VGG", "set14", "0.31", "0.25", "0.28", "0.27"],
        ["LPIPS-VGG", "div2k100", "0.31", "0.25", "0.28", "0.27"],
        ["PI", "set14", "", "", "", ""],
        ["PI", "div2k100", "", "", "", ""],
        ["PSNR", "set14", "31", "25", "28", "27"],
        ["PSNR", "div2k100", "31", "25", "28", "27"],
    ]


def test_the_best_of_the_gan_based_methods_is_bold_whatever_its_generator(table_2: Path) -> None:
    markdown = (table_2 / "beby_table2.md").read_text(encoding="utf-8")
    assert cells(markdown, "PSNR ↑", "set14") == ["31.000", "25.000", "**28.000**≈", "27.000"]
    assert cells(markdown, "LPIPS-VGG ↓", "set14") == ["0.3100", "**0.2500**≈", "0.2800", "0.2700"]


def test_columns_without_groups_have_one_row_of_names_above_them_in_latex(table_2: Path) -> None:
    header = latex_header((table_2 / "beby_table2.tex").read_text(encoding="utf-8"))
    assert header == [["", "", "Ref", "ESRGAN", "Between", "Beby"]]


def test_the_papers_lpips_and_div2k_stand_beside_ours_of_the_same_kind(table_2: Path) -> None:
    header, *rows = read(table_2 / "beby_table2_vs_published.csv")
    found = {tuple(row[:3]): dict(zip(header, row, strict=True)) for row in rows}
    assert float(found["LPIPS-VGG", "set14", "Beby"]["published"]) == 0.2202
    assert float(found["LPIPS-VGG", "div2k100", "Beby"]["delta"]) == pytest.approx(0.27 - 0.1991)
    assert float(found["PSNR", "div2k100", "Ref"]["published"]) == 30.90
    assert float(found["PSNR", "set14", "ESRGAN"]["delta"]) == pytest.approx(25 - 26.28)
    assert found["PI", "set14", "Beby"]["published"] == "3.08" and found["PI", "set14", "Beby"]["measured"] == ""
    assert found["PSNR", "set14", "Between"]["published"] == ""
    assert found["PSNR", "UH4K", "Beby"]["measured"] == "" and found["PSNR", "UH4K", "Beby"]["published"]


def test_published_values_are_printed_with_the_papers_digits(table_2: Path) -> None:
    part = (table_2 / "beby_table2.md").read_text(encoding="utf-8").split("## Published")[1]
    assert cells(part, "PSNR", "set14") == ["28.95", "26.28", "26.96"]
    assert cells(part, "LPIPS-VGG", "set14") == ["0.2934", "0.2372", "0.2202"]


def test_the_notes_say_what_lies_between_what_and_why_a_cell_is_empty(table_2: Path) -> None:
    notes = (table_2 / "beby_table2_notes.md").read_text(encoding="utf-8")
    assert "- Between: ldl; srresnet (" in notes
    assert "0.2 x the weights that Ref is tested with + 0.8 x those of ESRGAN" in notes
    assert "- PI: no Ma score" in notes
    assert "- LPIPS-VGG: how lpips_vgg is measured" in notes
    assert "how pi is measured" not in notes and "lpips_alex" not in notes
    assert "Of the paper's columns: Ref beside its RRDB, ESRGAN beside its ESRGAN, Beby beside its Beby-GAN" in notes
    assert "neither alpha" in notes
    assert "500 iterations" in notes


def test_table_1_is_the_papers_ablation(tmp_path: Path, published_folder: Path, scored: Callable[..., None]) -> None:
    scored(Beby=27.0, Plain=26.0, Everywhere=28.0)
    columns = [
        column("Beby-GAN", "rrdb", published="Beby-GAN") | {"scored": ["Beby"], "folder": "Beby"},
        column("w/o BBL", "rrdb", published="w/o BBL") | {"scored": ["Plain"], "folder": "Plain"},
        column("w/o RA", "rrdb", published="w/o RA") | {"scored": ["Everywhere"], "folder": "Everywhere"},
        column("mine", "rrdb", published="mine") | {"scored": ["Plain"], "folder": "Plain"},
    ]
    data = table1(*columns, benchmarks={"set14": ["image"]}, metrics=METRICS)
    write_table("beby_table1", data, tmp_path, published_folder / "beby_table1.csv")
    header, *rows = read(tmp_path / "tables" / "beby_table1.csv")
    assert header == ["metric", "benchmark", "Beby-GAN", "w/o BBL", "w/o RA", "mine"]
    assert rows[0] == ["LPIPS-VGG", "set14", "0.27", "0.26", "0.28", "0.26"]
    header, *rows = read(tmp_path / "tables" / "beby_table1_vs_published.csv")
    found = {tuple(row[:3]): dict(zip(header, row, strict=True)) for row in rows}
    assert float(found["LPIPS-VGG", "set14", "w/o BBL"]["delta"]) == pytest.approx(0.26 - 0.2343)
    assert found["PI", "BSDS100", "w/o RA"]["published"] == "2.48"
    assert {key[2] for key, row in found.items() if row["published"]} == {"Beby-GAN", "w/o BBL", "w/o RA"}
    notes = (tmp_path / "tables" / "beby_table1_notes.md").read_text(encoding="utf-8")
    assert "pixel loss" in notes and "of the same weight" in notes
