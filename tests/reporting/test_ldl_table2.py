"""LDL's Table 2 from score files: every number as computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from table_data import RANDOM_VGG, cells, read, table2, write_table

pytestmark = pytest.mark.usefixtures("two_images_per_published_benchmark")


@pytest.fixture
def ablation(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Path:
    psnr = {"GAN_raw": (20, 22), "M_raw": (23, 25), "LDL_raw": (25, 27), "LDL": (26, 30)}
    for scored, (first, second) in psnr.items():
        scores = {
            "a": {"psnr_y": first, "ssim_y": 0.5, "lpips_alex": 1 / first},
            "b": {"psnr_y": second, "ssim_y": first / 50, "lpips_alex": 1 / first},
        }
        write_scores(scored, "DIV2K100", scores)
    for name in ("GAN", "M", "LDL"):
        write_spec(name, name, perceptual=RANDOM_VGG)
    rows = [
        ("1'", "GAN", "GAN_raw", "   ", False),
        ("2", "M", "M_raw", "x  ", False),
        ("4", "LDL", "LDL_raw", "xxx", False),
        ("5", "LDL", "LDL", "xxx", True),
    ]
    data = table2(rows, {"DIV2K100": ["a", "b"]}, ["psnr_y", "ssim_y", "lpips_alex"])
    write_table("ldl_table2", data, tmp_path, published_folder / "ldl_table2.csv")
    return tmp_path / "tables"


def test_table_2_has_the_papers_columns_and_ssim(ablation: Path) -> None:
    header, *rows = read(ablation / "ldl_table2.csv")
    assert header == ["row", "M", "sigma_M", "M_refine", "Psi_EMA", "LPIPS", "PSNR", "SSIM"]
    assert [row[:5] for row in rows] == [
        ["1'", "", "", "", ""],
        ["2", "x", "", "", ""],
        ["4", "x", "x", "x", ""],
        ["5", "x", "x", "x", "x"],
    ]
    assert [[float(value) for value in row[5:]] for row in rows] == [
        pytest.approx([0.05, 21, 0.45]),
        pytest.approx([1 / 23, 24, 0.48], rel=1e-5),
        pytest.approx([0.04, 26, 0.5]),
        pytest.approx([1 / 26, 28, 0.51], rel=1e-5),
    ]


def test_the_rows_of_table_2_stand_beside_the_papers(ablation: Path) -> None:
    header, *rows = read(ablation / "ldl_table2_vs_published.csv")
    assert header == [
        "metric", "benchmark", "model", "measured", "ci_low", "ci_high", "images", "published", "delta"
    ]  # fmt: skip
    found = {(row[0], row[2]): dict(zip(header, row, strict=True)) for row in rows}
    assert len(found) == len(rows)
    assert float(found["PSNR", "row 5"]["published"]) == 28.819
    assert float(found["PSNR", "row 5"]["delta"]) == pytest.approx(28 - 28.819, abs=1e-6)
    assert float(found["LPIPS", "row 4"]["delta"]) == pytest.approx(0.04 - 0.1001, abs=1e-6)
    # the control is ours, and the paper's row 1 is no control
    assert found["PSNR", "row 1'"]["published"] == found["PSNR", "row 1'"]["delta"] == ""
    assert found["PSNR", "row 1"]["measured"] == "" and float(found["PSNR", "row 1"]["published"]) == 28.175
    assert found["SSIM", "row 5"]["published"] == ""


def test_the_best_of_all_rows_is_bold(ablation: Path) -> None:
    markdown = (ablation / "ldl_table2.md").read_text(encoding="utf-8")
    assert cells(markdown, "5", "✓", "✓", "✓", "✓") == ["**0.0385**≈", "**28.000**≈", "**0.5100**≈", "LDL"]
    assert cells(markdown, "1'", "", "", "", "") == ["0.0500", "21.000", "0.4500", "GAN"]
    tex = (ablation / "ldl_table2.tex").read_text(encoding="utf-8")
    assert tex.count(r"\textbf{") == 3 and r"\textbf{28.000$\approx$}" in tex
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    # a row for which LaTeX repeats no label is not merged with the one above
    assert tex.count(r"$\checkmark$") >= 4


def test_the_notes_of_table_2_say_what_row_1_is(ablation: Path) -> None:
    notes = (ablation / "ldl_table2_notes.md").read_text(encoding="utf-8")
    assert "Row 1'" in notes and "no control" in notes
