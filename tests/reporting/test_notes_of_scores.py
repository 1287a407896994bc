"""What the notes of a table say of its scores: by which protocols, why cells are empty; and the newer metrics' rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from table_data import cells, column, read, table1, table2, write_table

from gansr.config.metrics import chosen_protocols

pytestmark = pytest.mark.usefixtures("two_images_per_published_benchmark")

IMAGES = ["a", "b"]
MODELS = ["Bicubic", "Bicubic-Y", "GAN", "LDL"]
LUMA = {"psnr_y": "y_images_crop4: SR that holds luma", "ssim_y": "y_images_crop4: SR that holds luma"}
ALONE = "its SR images hold luma alone"


@pytest.fixture
def make(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Callable[..., Path]:
    """A table of bicubic in RGB and in luma and of two models; in `empty` the reasons by model, benchmark, metric."""

    def table(
        name: str,
        metrics: list[str],
        benchmarks: tuple[str, ...] = ("set5",),
        empty: dict[tuple[str, str, str], str] | None = None,
        protocols: dict[str, dict[str, str]] | None = None,
    ) -> Path:
        for number, model in enumerate(MODELS):
            for benchmark in benchmarks:
                reasons = {key[2]: why for key, why in (empty or {}).items() if key[:2] == (model, benchmark)}
                value = {metric: None if metric in reasons else 10.0 + number for metric in metrics}
                whole = {"fid": value.pop("fid")} if "fid" in value else {}
                scores = {"a": value, "b": value} | ({"*": whole} if whole else {})
                write_scores(model, benchmark, scores, reasons, (protocols or {}).get(model))
        for model in ("GAN", "LDL"):
            write_spec(model, model)
        columns = [
            column(model, "rrdb" if model in ("GAN", "LDL") else "", reference="Bic" in model) for model in MODELS
        ]
        columns[-1]["published"] = "RRDB+LDL (DF2K)" if name == "ldl_table1" else "Beby-GAN"
        data = table1(*columns, benchmarks=dict.fromkeys(benchmarks, IMAGES), metrics=metrics)
        write_table(name, data, tmp_path, published_folder / f"{name}.csv")
        return tmp_path / "tables"

    return table


def lines(notes: str, heading: str) -> list[str]:
    """The items under a heading of the notes."""
    if heading not in notes:
        return []
    return [line[2:] for line in notes.split(heading)[1].split("**", 1)[0].splitlines() if line.startswith("- ")]


def notes_of(folder: Path, name: str = "ldl_table1") -> str:
    return (folder / f"{name}_notes.md").read_text(encoding="utf-8")


# ---- protocols


def test_a_metric_of_one_protocol_names_no_columns(make: Callable[..., Path]) -> None:
    notes = notes_of(make("ldl_table1", ["psnr_y", "fid"]))
    assert lines(notes, "**Protocols.**") == ["FID: how fid is measured", "PSNR: how psnr_y is measured"]


def test_a_column_of_another_protocol_is_named(make: Callable[..., Path]) -> None:
    notes = notes_of(make("ldl_table1", ["psnr_y", "ssim_y", "fid"], protocols={"Bicubic-Y": LUMA}))
    assert lines(notes, "**Protocols.**") == [
        "FID: how fid is measured",
        "PSNR of Bicubic, GAN, LDL: how psnr_y is measured",
        f"PSNR of Bicubic-Y: {LUMA['psnr_y']}",
        "SSIM of Bicubic, GAN, LDL: how ssim_y is measured",
        f"SSIM of Bicubic-Y: {LUMA['ssim_y']}",
    ]


def test_a_protocol_by_which_nothing_was_computed_is_not_told(make: Callable[..., Path]) -> None:
    empty = {(model, "set5", "fid"): "no Inception" for model in MODELS}
    notes = notes_of(make("ldl_table1", ["psnr_y", "fid"], empty=empty))
    assert lines(notes, "**Protocols.**") == ["PSNR: how psnr_y is measured"]


def test_a_column_without_values_names_no_protocol(make: Callable[..., Path]) -> None:
    empty = {("Bicubic-Y", "set5", "fid"): ALONE}
    notes = notes_of(
        make("ldl_table1", ["psnr_y", "fid"], empty=empty, protocols={"Bicubic-Y": {"fid": "of something else"}})
    )
    assert "FID: how fid is measured" in lines(notes, "**Protocols.**")
    assert "of something else" not in notes


def test_a_column_is_named_once_however_many_benchmarks(make: Callable[..., Path]) -> None:
    notes = notes_of(make("ldl_table1", ["psnr_y"], ("set5", "photos"), protocols={"Bicubic-Y": LUMA}))
    assert f"PSNR of Bicubic-Y: {LUMA['psnr_y']}" in lines(notes, "**Protocols.**")


def test_the_protocols_of_the_project_are_told_in_full(make: Callable[..., Path]) -> None:
    texts = {metric: protocol.text for metric, protocol in chosen_protocols(["psnr_y", "kid"], {}).items()}
    notes = notes_of(make("ldl_table1", ["psnr_y", "kid"], protocols=dict.fromkeys(MODELS, texts)))
    assert lines(notes, "**Protocols.**") == [f"KID: {texts['kid']}", f"PSNR: {texts['psnr_y']}"]
    assert "y_unrounded_crop4" in notes and "4 px cropped from each side" in notes


# ---- empty cells


def test_a_reason_of_all_cells_names_none(make: Callable[..., Path]) -> None:
    both = ("set5", "photos")
    empty = {(model, benchmark, "fid"): "no Inception" for model in MODELS for benchmark in both}
    notes = notes_of(make("ldl_table1", ["psnr_y", "fid"], both, empty))
    assert lines(notes, "**Empty cells.**") == ["FID: no Inception"]


def test_a_reason_of_a_whole_column_names_the_column(make: Callable[..., Path]) -> None:
    both = ("set5", "photos")
    empty = {("Bicubic-Y", benchmark, "fid"): ALONE for benchmark in both}
    folder = make("ldl_table1", ["psnr_y", "fid"], both, empty)
    assert lines(notes_of(folder), "**Empty cells.**") == [f"FID: {ALONE} (Bicubic-Y)"]
    markdown = (folder / "ldl_table1.md").read_text(encoding="utf-8")
    assert cells(markdown, "FID ↓", "set5") == ["10.000", "", "**12.000**", "13.000"]


def test_a_reason_of_some_benchmarks_names_them(make: Callable[..., Path]) -> None:
    both = ("set5", "photos")
    small = "a: 20 x 24 is smaller than a patch of 96 x 96"
    empty = {(model, "photos", "kid"): small for model in MODELS} | {("Bicubic-Y", "set5", "kid"): ALONE}
    empty |= {("Bicubic-Y", "photos", "kid"): ALONE}
    notes = notes_of(make("ldl_table1", ["psnr_y", "kid"], both, empty))
    (line,) = lines(notes, "**Empty cells.**")
    assert set(line.removeprefix("KID: ").split("; ")) == {
        f"{small} (Bicubic on photos",
        "GAN on photos",
        "LDL on photos)",
        f"{ALONE} (Bicubic-Y)",
    }


def test_where_no_cell_is_empty_nothing_is_said_of_any(make: Callable[..., Path]) -> None:
    assert "Empty cells" not in notes_of(make("ldl_table1", ["psnr_y", "fid"]))


def test_the_ablation_names_its_rows(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> None:
    for model, lpips in (("GAN", None), ("LDL", 0.1)):
        scores = {image: {"psnr_y": 30.0, "lpips_alex": lpips} for image in IMAGES}
        texts = {"psnr_y": "another"} if model == "GAN" else None
        write_scores(model, "DIV2K100", scores, {} if lpips else {"lpips_alex": "too small"}, texts)
        write_spec(model, model)
    rows = [("1'", "GAN", "GAN", "   ", False), ("5", "LDL", "LDL", "xxx", True)]
    data = table2(rows, {"DIV2K100": IMAGES}, ["psnr_y", "lpips_alex"])
    write_table("ldl_table2", data, tmp_path, published_folder / "ldl_table2.csv")
    notes = notes_of(tmp_path / "tables", "ldl_table2")
    assert lines(notes, "**Empty cells.**") == ["LPIPS: too small (row 1')"]
    assert lines(notes, "**Protocols.**")[1:] == ["PSNR of row 1': another", "PSNR of row 5: how psnr_y is measured"]


# ---- rows, and beside the published


def test_kid_stands_beside_fid_and_niqe_and_ma_beside_pi(make: Callable[..., Path]) -> None:
    metrics = ["ma", "niqe", "pi", "kid", "fid", "dists", "psnr_y", "lpips_alex", "lpips_vgg", "ssim_y"]
    rows = read(make("ldl_table1", metrics) / "ldl_table1.csv")[1:]
    assert [row[0] for row in rows] == ["LPIPS", "DISTS", "FID", "KID", "PSNR", "SSIM"]
    rows = read(make("beby_table2", metrics) / "beby_table2.csv")[1:]
    assert [row[0] for row in rows] == ["LPIPS-VGG", "PI", "NIQE", "Ma", "PSNR", "SSIM"]


def test_a_run_without_the_newer_metrics_has_no_such_rows(make: Callable[..., Path]) -> None:
    assert [row[0] for row in read(make("ldl_table1", ["fid", "psnr_y"]) / "ldl_table1.csv")] == [
        "metric",
        "FID",
        "PSNR",
    ]


def test_of_the_ma_score_the_highest_is_the_best_and_of_niqe_the_lowest(make: Callable[..., Path]) -> None:
    markdown = (make("beby_table2", ["ma", "niqe"]) / "beby_table2.md").read_text(encoding="utf-8")
    assert cells(markdown, "Ma ↑", "set5") == ["10.000", "11.000", "12.000", "**13.000**≈"]
    assert cells(markdown, "NIQE ↓", "set5") == ["10.000", "11.000", "**12.000**≈", "13.000"]


def test_fid_stands_beside_the_papers_without_an_interval_and_kid_with_one(make: Callable[..., Path]) -> None:
    beside = pd.read_csv(make("ldl_table1", ["fid", "kid"]) / "ldl_table1_vs_published.csv")
    ours = beside[(beside["model"] == "LDL") & (beside["benchmark"] == "set5")].set_index("metric")
    assert (ours.loc["FID", "measured"], ours.loc["FID", "images"]) == (13.0, 2)
    assert ours.loc["FID", ["ci_low", "ci_high"]].isna().all()
    assert ours.loc["FID", "delta"] == pytest.approx(13.0 - ours.loc["FID", "published"])
    assert list(ours.loc["KID", ["measured", "ci_low", "ci_high"]]) == [13.0] * 3
    # the paper has none
    assert pd.isna(ours.loc["KID", "published"])


def test_the_interval_of_kid_is_that_of_its_values_image_by_image(
    tmp_path: Path, published_folder: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> None:
    write_scores("LDL", "set5", {"a": {"kid": -0.02}, "b": {"kid": 0.06}})
    write_spec("LDL", "LDL")
    data = table1(column("LDL", "rrdb"), benchmarks={"set5": IMAGES}, metrics=["kid"])
    write_table("ldl_table1", data, tmp_path, published_folder / "ldl_table1.csv")
    beside = pd.read_csv(tmp_path / "tables" / "ldl_table1_vs_published.csv").iloc[0]
    # with two images the bootstrap reaches from one to the other
    assert (beside["measured"], beside["ci_low"], beside["ci_high"]) == pytest.approx((0.02, -0.02, 0.06))
