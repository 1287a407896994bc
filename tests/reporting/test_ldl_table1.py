"""LDL's Table 1 from score files to CSV, Markdown, LaTeX and notes: every number as computed by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from table_data import FORMS, PRETRAINED_VGG, RANDOM_VGG, cells, column, latex_header, read, table1, table2, write_table

pytestmark = pytest.mark.usefixtures("two_images_per_published_benchmark")

ROOT = Path(__file__).parents[2]
OURS = "RRDB+LDL (DF2K)"


@pytest.fixture
def small_table(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Path:
    """Table 1 with two groups, a reference in each, one published column, and LPIPS that had no weights."""
    why = {"lpips_alex": "no weights"}
    psnr = {"Bicubic": (40, 42), "Ref": (35, 39), "GAN": (30, 32), "LDL": (31, 35), "Big": (20, 22)}
    for name, (first, second) in psnr.items():
        scores = {
            "a": {"psnr_y": first, "ssim_y": first / 100, "lpips_alex": None},
            "b": {"psnr_y": second, "ssim_y": 0.5, "lpips_alex": None},
        }
        write_scores(name, "set5", scores, why)
        write_scores(name, "photos", {"c": scores["a"]}, why)
    write_spec("Ref", "Ref", iterations=1200)
    write_spec("GAN", "GAN", perceptual=RANDOM_VGG)
    write_spec("LDL", "LDL", perceptual=RANDOM_VGG)
    write_spec("Big", "Big", perceptual=PRETRAINED_VGG)
    data = table1(
        column("Bicubic", "", reference=True),
        column("Ref", "small", reference=True),
        column("GAN", "small"),
        column("LDL", "small", published=OURS),
        column("Big", "large"),
        benchmarks={"set5": ["a", "b"], "photos": ["c"]},
        metrics=["psnr_y", "ssim_y", "lpips_alex"],
    )
    write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv")
    return tmp_path / "tables"


def test_table_1_has_a_column_per_model_and_the_means_over_images(small_table: Path) -> None:
    header, *rows = read(small_table / "ldl_table1.csv")
    assert header == ["metric", "benchmark", "Bicubic", "Ref", "GAN", "LDL", "Big"]
    by_line = {(row[0], row[1]): row[2:] for row in rows}
    assert list(by_line) == [(m, b) for m in ("LPIPS", "PSNR", "SSIM") for b in ("set5", "photos")]
    assert [float(value) for value in by_line["PSNR", "set5"]] == [41, 37, 31, 33, 21]
    assert [float(value) for value in by_line["PSNR", "photos"]] == [40, 35, 30, 31, 20]
    assert [float(value) for value in by_line["SSIM", "set5"]] == [0.45, 0.425, 0.4, 0.405, 0.35]


def test_a_metric_without_values_is_an_empty_cell_with_its_reason(small_table: Path) -> None:
    rows = read(small_table / "ldl_table1.csv")
    assert next(row for row in rows if row[0] == "LPIPS")[2:] == [""] * 5
    assert "LPIPS: no weights" in (small_table / "ldl_table1_notes.md").read_text(encoding="utf-8")
    markdown = (small_table / "ldl_table1.md").read_text(encoding="utf-8")
    assert cells(markdown, "LPIPS ↓", "set5") == [""] * 5
    assert "nan" not in (small_table / "ldl_table1.tex").read_text(encoding="utf-8").lower()


def test_bold_is_the_best_of_a_group_and_never_a_reference(small_table: Path) -> None:
    markdown = (small_table / "ldl_table1.md").read_text(encoding="utf-8")
    # Big is alone in its group, with nothing to beat
    assert cells(markdown, "PSNR ↑", "set5") == ["41.000", "37.000", "31.000", "**33.000**≈", "21.000"]
    tex = (small_table / "ldl_table1.tex").read_text(encoding="utf-8")
    assert re.search(r"41\.000 & 37\.000 & 31\.000 & \\textbf\{33\.000\$\\approx\$\} & 21\.000", tex)
    assert not re.search(r"textbf\{(41|37|21)\.000", tex)


def test_measured_stands_beside_published_where_the_paper_tested_on_it(small_table: Path) -> None:
    header, *rows = read(small_table / "ldl_table1_vs_published.csv")
    assert header == [
        "metric", "benchmark", "model", "measured", "ci_low", "ci_high", "images", "published", "delta"
    ]  # fmt: skip
    found = {(row[0], row[1], row[2]): dict(zip(header, row, strict=True)) for row in rows}
    assert len(found) == len(rows)
    paper = pd.read_csv(ROOT / "config" / "published" / "ldl_table1.csv")
    printed = paper[(paper["method"] == "RRDB+LDL") & (paper["train_set"] == "DF2K")].set_index(["metric", "benchmark"])
    ours = found["PSNR", "set5", "LDL"]
    value = printed.loc[("PSNR", "Set5"), "value"]
    assert (ours["measured"], ours["ci_low"], ours["ci_high"], ours["images"]) == ("33", "31", "35", "2")
    assert float(ours["published"]) == pytest.approx(value)
    assert float(ours["delta"]) == pytest.approx(33 - value, abs=1e-4)
    # one image is a point
    assert found["PSNR", "photos", "LDL"]["ci_low"] == found["PSNR", "photos", "LDL"]["ci_high"] == "31"
    # no published column, no published value
    assert found["PSNR", "set5", "GAN"]["published"] == found["PSNR", "set5", "GAN"]["delta"] == ""
    # what the paper tested and this run did not
    other = found["FID", "Urban100", "LDL"]
    assert (other["measured"], other["images"], other["delta"]) == ("", "", "") and other["published"]
    assert {key[2] for key, row in found.items() if row["published"]} == {"LDL"}


@pytest.mark.parametrize("form", [".md", ".tex", "_notes.md"])
def test_random_perceptual_weights_and_the_scale_are_told_in_every_form(small_table: Path, form: str) -> None:
    text = (small_table / f"ldl_table1{form}").read_text(encoding="utf-8")
    assert "VGG19's layers with random weights" in text and "not a pretrained VGG19" in text
    assert "500 to 1,200 iterations" in text and "3 training images" in text and "3 test images" in text
    assert "eproduction of the paper's setting" in text


def test_notes_name_every_trained_model_and_every_protocol(small_table: Path) -> None:
    notes = (small_table / "ldl_table1_notes.md").read_text(encoding="utf-8")
    for name in ("Ref", "GAN", "LDL", "Big"):
        assert f"- {name}: ldl; srresnet (" in notes
    assert "1.23 M parameters" in notes
    assert "- PSNR: how psnr_y is measured" in notes
    # paired differences, of contenders of one group only
    assert re.search(
        r"set5, PSNR: LDL minus GAN \+2\.000 \[\+1\.000, \+3\.000\], 2 images: too few for a verdict", notes
    )
    assert "minus Big" not in notes and "Big minus" not in notes and "Ref minus" not in notes


def test_latex_is_balanced_and_has_one_cell_per_column(small_table: Path) -> None:
    tex = (small_table / "ldl_table1.tex").read_text(encoding="utf-8")
    assert re.sub(r"\\[{}]", "", tex).count("{") == re.sub(r"\\[{}]", "", tex).count("}")
    (body,) = re.findall(r"\\midrule\n(.*?)\\bottomrule", tex, re.DOTALL)
    rows = [line for line in body.splitlines() if line.rstrip().endswith(r"\\")]
    assert len(rows) == 6
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}


def test_the_groups_stand_in_a_row_of_their_own_above_the_models(small_table: Path) -> None:
    groups, models = latex_header((small_table / "ldl_table1.tex").read_text(encoding="utf-8"))
    assert groups == ["", "", "", r"\multicolumn{3}{c}{small}", "large"]
    assert models == ["", "", "Bicubic", "Ref", "GAN", "LDL", "Big"]


def test_nothing_unfinished_is_left_behind(small_table: Path) -> None:
    assert {file.name for file in small_table.iterdir()} == {f"ldl_table1{form}" for form in FORMS}


def test_special_characters_in_the_name_of_a_model_survive(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> None:
    name = 'A_1 & "50%", #2 {x}'
    data = table1(column(name, "g_1"), benchmarks={"my_set": ["a"]}, metrics=["psnr_y"])
    data["entries"][0] |= {"scored": ["A"], "folder": "A"}
    data["models"] = {"A": "ldl"}
    write_scores("A", "my_set", {"a": {"psnr_y": 30.0}})
    write_spec(name, "A")
    write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv")
    assert read(tmp_path / "tables" / "ldl_table1.csv")[0] == ["metric", "benchmark", name]
    tex = (tmp_path / "tables" / "ldl_table1.tex").read_text(encoding="utf-8")
    assert r"A\_1 \& " in tex and r"50\%" in tex and r"\#2 \{x\}" in tex and r"my\_set" in tex and r"g\_1" in tex


def test_a_table_of_bicubic_alone_can_be_made(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path]
) -> None:
    write_scores("Bicubic", "photos", {"a": {"psnr_y": 30.0}})
    data = table1(column("Bicubic", "", reference=True), benchmarks={"photos": ["a"]}, metrics=["psnr_y"])
    write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv")
    assert read(tmp_path / "tables" / "ldl_table1.csv")[1] == ["PSNR", "photos", "30"]


def test_a_table_without_any_value_can_be_made(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> None:
    write_scores("A", "photos", {"a": {"lpips_alex": None}}, {"lpips_alex": "no weights"})
    write_spec("A", "A")
    data = table1(column("A", "g", published=OURS), benchmarks={"photos": ["a"]}, metrics=["lpips_alex"])
    write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv")
    assert read(tmp_path / "tables" / "ldl_table1.csv")[1] == ["LPIPS", "photos", ""]


@pytest.mark.parametrize("table", ["ldl_table1", "ldl_table2"])
def test_a_metric_that_was_not_scored_is_refused(
    tmp_path: Path,
    published_folder: Path,
    write_scores: Callable[..., Path],
    write_spec: Callable[..., None],
    refusal: Callable[..., str],
    table: str,
) -> None:
    file = write_scores("A", "photos", {"a": {"psnr_y": 30.0}})
    write_spec("A", "A")
    data = table1(column("A", "g"), benchmarks={"photos": ["a"]}, metrics=["psnr_y", "ssim_y"])
    data |= {} if table == "ldl_table1" else table2([("4", "A", "A", "xxx", False)], {"photos": ["a"]}, data["metrics"])
    refusal(lambda: write_table(table, data, tmp_path, published_folder / f"{table}.csv"), str(file), "ssim_y")


@pytest.mark.parametrize("spec", [None, "a: [1\n", "", "just words\n"])
def test_a_spec_that_cannot_be_read_is_refused(
    tmp_path: Path,
    published_folder: Path,
    write_scores: Callable[..., Path],
    refusal: Callable[..., str],
    spec: str | None,
) -> None:
    write_scores("A", "photos", {"a": {"psnr_y": 30.0}})
    file = tmp_path / "models" / "A" / "spec.yaml"
    if spec is not None:
        file.parent.mkdir(parents=True)
        file.write_text(spec)
    data = table1(column("A", "g"), benchmarks={"photos": ["a"]}, metrics=["psnr_y"])
    refusal(lambda: write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv"), str(file))
    assert not (tmp_path / "tables").exists()


def test_scores_that_lack_an_image_make_no_table(
    tmp_path: Path,
    published_folder: Path,
    write_scores: Callable[..., Path],
    write_spec: Callable[..., None],
    refusal: Callable[..., str],
) -> None:
    write_scores("A", "photos", {"a": {"psnr_y": 30.0}})
    write_spec("A", "A")
    data = table1(column("A", "g"), benchmarks={"photos": ["a", "b"]}, metrics=["psnr_y"])
    published = published_folder / "ldl_table1.csv"
    refusal(lambda: write_table("ldl_table1", data, tmp_path, published), "photos.csv", "b")
    assert not (tmp_path / "tables").exists()
