"""The papers' printed numbers, and ours beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gansr.config.catalog import Catalog
from gansr.config.tables import PublishedValues
from gansr.reporting.published import COLUMNS, PUBLISHED_IMAGES, beside_published, read_published

ROOT = Path(__file__).parents[2]
OF_THE_PAPERS = dict(PUBLISHED_IMAGES)  # as it is before any test changes it
BENCHMARKS = ["Set5", "Set14", "Manga109", "General100", "Urban100", "DIV2K100"]


def test_ldl_table_1_is_complete(published_folder: Path) -> None:
    table = pd.read_csv(published_folder / "ldl_table1.csv")
    assert list(table.columns) == ["metric", "benchmark", "method", "train_set", "value"]
    assert set(table["metric"]) == {"LPIPS", "DISTS", "FID", "PSNR", "SSIM"}
    assert set(table["benchmark"]) == set(BENCHMARKS)
    assert len(table[["method", "train_set"]].drop_duplicates()) == 10
    assert len(table) == 5 * 6 * 10 and not table.duplicated(["metric", "benchmark", "method", "train_set"]).any()
    assert table["value"].notna().all()


@pytest.mark.parametrize(
    ("metric", "benchmark", "method", "train_set", "value"),
    [
        ("LPIPS", "DIV2K100", "RRDB+LDL", "DF2K", 0.0999),
        ("LPIPS", "Set5", "SRGAN", "DIV2K", 0.0753),
        ("LPIPS", "Set5", "SRResNet+LDL", "DIV2K", 0.0759),
        ("LPIPS", "Set5", "ESRGAN", "DF2K+OST", 0.0758),
        ("PSNR", "DIV2K100", "RRDB+LDL", "DF2K", 28.819),
    ],
)
def test_ldl_table_1_says_what_the_paper_prints(
    published_folder: Path, metric: str, benchmark: str, method: str, train_set: str, value: float
) -> None:
    table = pd.read_csv(published_folder / "ldl_table1.csv").set_index(["metric", "benchmark", "method", "train_set"])
    assert table.loc[(metric, benchmark, method, train_set), "value"] == value


def test_published_values_are_in_the_range_of_their_metric(published_folder: Path) -> None:
    ranges = {"LPIPS": (0, 0.5), "DISTS": (0, 0.5), "FID": (0, 200), "PSNR": (15, 40), "SSIM": (0.4, 1), "PI": (1, 10)}
    for file in ("ldl_table1.csv", "beby_table2.csv"):
        for metric, rows in pd.read_csv(published_folder / file).groupby("metric"):
            low, high = ranges[str(metric)]
            assert rows["value"].between(low, high).all(), (file, metric)


def test_ldl_table_2_has_five_rows_that_switch_on_one_part_each(published_folder: Path) -> None:
    table = pd.read_csv(published_folder / "ldl_table2.csv", dtype={"row": str})
    assert list(table.columns) == ["row", "M", "sigma_M", "M_refine", "Psi_EMA", "LPIPS", "PSNR"]
    assert list(table["row"]) == ["1", "2", "3", "4", "5"]
    assert [int((row == "x").sum()) for _, row in table[["M", "sigma_M", "M_refine", "Psi_EMA"]].iterrows()] == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert list(table["PSNR"]) == [28.175, 28.74, 28.678, 28.761, 28.819]
    assert list(table["LPIPS"]) == [0.1154, 0.102, 0.1006, 0.1001, 0.0999]


def test_the_last_row_of_ldl_table_2_is_the_column_of_table_1(published_folder: Path) -> None:
    two = pd.read_csv(published_folder / "ldl_table2.csv").set_index("row").loc[5]
    one = pd.read_csv(published_folder / "ldl_table1.csv")
    mine = one[(one["method"] == "RRDB+LDL") & (one["train_set"] == "DF2K") & (one["benchmark"] == "DIV2K100")]
    values = mine.set_index("metric")["value"]
    assert (two["LPIPS"], two["PSNR"]) == (values["LPIPS"], values["PSNR"])


def test_the_tables_of_beby_gan_are_complete(published_folder: Path) -> None:
    ablation = pd.read_csv(published_folder / "beby_table1.csv")
    assert list(ablation.columns) == ["benchmark", "variant", "LPIPS", "PI"] and len(ablation) == 2 * 3
    comparison = pd.read_csv(published_folder / "beby_table2.csv")
    assert list(comparison.columns) == ["metric", "benchmark", "method", "value"] and len(comparison) == 4 * 4 * 9
    assert not comparison.duplicated(["metric", "benchmark", "method"]).any()


def test_a_column_that_is_not_there_is_named(published_folder: Path, refusal: Callable[..., str]) -> None:
    file = published_folder / "ldl_table2.csv"
    values = PublishedValues(file=file.name, label=("row", "method"), benchmark="DIV2K100")
    refusal(lambda: read_published(file, values), str(file), "no column method")
    refusal(lambda: read_published(file, PublishedValues(file=file.name, label=("row",))), "no column benchmark")


def test_a_published_table_without_values_is_named(tmp_path: Path, refusal: Callable[..., str]) -> None:
    (tmp_path / "t.csv").write_text("method,benchmark,sharpness\nESRGAN,Set5,3\n")
    refusal(
        lambda: read_published(tmp_path / "t.csv", PublishedValues(file="t.csv", label=("method",))), "t.csv", "metric"
    )


@pytest.mark.parametrize(
    "text", ["metric,benchmark,method,value\nLPIPS,D,NA,0.5\n", "benchmark,method,LPIPS\nD,NA,0.5\n"]
)
def test_values_in_rows_or_in_columns_get_the_projects_names(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    names = {"metrics": {"LPIPS": "LPIPS-VGG"}, "benchmarks": {"D": "DIV2K100"}}
    values = PublishedValues.model_validate({"file": "t.csv", "label": ["method"], **names})
    (row,) = read_published(tmp_path / "t.csv", values).to_dict("records")
    assert row == {"metric": "LPIPS-VGG", "benchmark": "DIV2K100", "label": "NA", "value": 0.5}


@pytest.mark.parametrize("text", [None, "", "a,b\n1,2\n1,2,3,4\n"])
def test_a_published_table_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, refusal: Callable[..., str], text: str | None
) -> None:
    file = tmp_path / "table.csv"
    if text is not None:
        file.write_text(text)
    refusal(lambda: read_published(file, PublishedValues(file="table.csv", label=("a",))), str(file))


def measured(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    values = [(*row, row[-1] - 1, row[-1] + 1, 3) for row in rows]
    return pd.DataFrame(values, columns=["metric", "benchmark", "model", "measured", "ci_low", "ci_high", "images"])


def test_the_papers_benchmarks_have_the_numbers_of_images_of_the_catalog() -> None:
    datasets = Catalog(ROOT / "config").datasets
    assert {name: datasets[name].images for name in OF_THE_PAPERS} == OF_THE_PAPERS


@pytest.fixture(autouse=True)
def three_images_in_set5(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables of these tests have three images per benchmark."""
    monkeypatch.setitem(PUBLISHED_IMAGES, "set5", 3)


@pytest.mark.parametrize(("images", "scale", "compared"), [(3, 4, True), (2, 4, False), (3, 2, False)])
def test_a_benchmark_is_the_papers_by_its_images_and_scale(images: int, scale: int, compared: bool) -> None:
    ours = measured(("PSNR", "Set5", "Ours", 30.0)).assign(images=images)
    beside = beside_published(ours, published(("PSNR", "Set5", "Ours", 29.0)), scale)
    assert beside["delta"].notna().any() == compared
    # what another scale scores is not the paper's and stands beside nothing
    assert beside["published"].dropna().tolist() == ([29.0] if scale == 4 else [])


def published(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["metric", "benchmark", "model", "published"])


def test_benchmarks_are_matched_without_regard_to_case() -> None:
    beside = beside_published(
        measured(("PSNR", "set5", "Ours", 30.0), ("PSNR", "set5", "Other", 29.0)),
        published(("PSNR", "Set5", "Ours", 31.5), ("PSNR", "Set14", "Ours", 28.0)),
    )
    assert list(beside.columns) == COLUMNS
    rows = beside.set_index(["benchmark", "model"])
    assert rows.loc[("set5", "Ours"), "delta"] == -1.5
    assert pd.isna(rows.loc[("set5", "Other"), "published"]) and pd.isna(rows.loc[("set5", "Other"), "delta"])
    assert rows.loc[("Set14", "Ours"), "published"] == 28.0 and pd.isna(rows.loc[("Set14", "Ours"), "measured"])
    assert len(beside) == 3


def test_metrics_are_not_mixed_up() -> None:
    beside = beside_published(
        measured(("PSNR", "Set5", "Ours", 30.0)),
        published(("SSIM", "Set5", "Ours", 0.9), ("PSNR", "Set5", "Ours", 29.0)),
    ).set_index("metric")
    assert beside.loc["PSNR", "delta"] == 1.0
    assert pd.isna(beside.loc["SSIM", "measured"])


@pytest.mark.parametrize(
    ("ours", "theirs", "rows"),
    [
        (measured(("PSNR", "photos", "Ours", 30.0)), published(), 1),
        (measured(), published(("PSNR", "Set5", "Ours", 30.0)), 1),
        (measured(), published(), 0),
    ],
)
def test_either_side_may_be_empty(ours: pd.DataFrame, theirs: pd.DataFrame, rows: int) -> None:
    beside = beside_published(ours, theirs)
    assert list(beside.columns) == COLUMNS and len(beside) == rows
    assert beside["delta"].isna().all()


def test_measured_rows_come_first_in_our_order_then_the_papers_in_its() -> None:
    beside = beside_published(
        measured(("PSNR", "b1", "Z", 1.0), ("PSNR", "b1", "A", 2.0)),
        published(("PSNR", "Set5", "A", 3.0), ("PSNR", "Set5", "Z", 4.0)),
    )
    assert [(row.benchmark, row.model) for row in beside.itertuples()] == [
        ("b1", "Z"),
        ("b1", "A"),
        ("Set5", "A"),
        ("Set5", "Z"),
    ]
