"""The datasets of a run: fetched, put there by hand, unions and parts of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gansr import code_versions
from gansr.config.catalog import Catalog
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import by_hand, fetch_dataset_job, fetch_weights_job, images_job
from gansr.plan.table_jobs import table_job

DF2K = ["train_dataset", "df2k", "benchmarks", ["set5", "realworld38"], "mad", ..., "figures", {}]
MORE = ["benchmarks", ["more"]]
TABLE2 = ["tables/ldl_table2/benchmark", "set5"]


@pytest.fixture
def fetched(planned: Callable[..., Plan], tmp_path: Path) -> Callable[..., Plan]:
    """The small run on datasets that are not here."""
    return lambda *changes, **keywords: planned(
        *DF2K, *TABLE2, "datasets_dir", str(tmp_path / "datasets"), *changes, **keywords
    )


def put(folder: Path, *names: str, size: int = 128) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (size, size)).save(folder / name)


def test_a_run_on_datasets_that_are_not_here_is_planned_without_looking_for_them(fetched: Callable[..., Plan]) -> None:
    plan = fetched()
    assert plan.prepared_datasets() == ["div2k", "flickr2k", "realworld38", "set5"]
    assert plan.datasets.parts("df2k") == ("div2k", "flickr2k")


def test_a_benchmark_without_hr_is_upscaled_and_not_scored(fetched: Callable[..., Plan]) -> None:
    plan = fetched()
    assert {benchmark for _, _, benchmark in plan.tests()} == {"set5", "realworld38"}
    assert plan.scored_benchmarks == ["set5"]
    assert list(table_job(plan, "ldl_table1").benchmarks) == ["set5"]


def test_a_folder_put_there_by_hand_takes_the_place_of_the_archives(
    fetched: Callable[..., Plan], tmp_path: Path
) -> None:
    names = ("baby.png", "bird.PNG", "butterfly.png", "head.bmp", "woman.png")
    put(tmp_path / "datasets" / "set5", *names)
    plan = fetched()
    assert plan.datasets["set5"].folder == tmp_path / "datasets" / "set5"
    assert not plan.datasets["set5"].is_fetched and plan.datasets["div2k"].is_fetched


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("baby.png",), ["holds 1 files", "has 5 images"]),
        (("baby.png", "bird.png", "butterfly.png", "head.png", "lenna.png"), ["lenna.png", "none of its images"]),
    ],
)
def test_a_folder_put_there_by_hand_is_checked_before_any_job(
    fetched: Callable[..., Plan], refused: Callable[..., str], tmp_path: Path, names: tuple[str, ...], words: list[str]
) -> None:
    put(tmp_path / "datasets" / "set5", *names)
    changes = [*DF2K, *TABLE2, "datasets_dir", str(tmp_path / "datasets")]
    refused(changes, "run.yaml", "dataset set5", str(tmp_path / "datasets" / "set5"), *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["benchmarks", ["df2k"]], ["benchmarks", "df2k has the role train"]),
        (["train_dataset", "set5"], ["set5 has the role benchmark"]),
        (["benchmarks", ["st5"]], ['unknown dataset "st5"', 'did you mean "set5"']),
        (
            ["datasets/more", {"role": "train", "union": ["div2k", "nothing"]}, "train_dataset", "more"],
            ["dataset more", 'unknown dataset "nothing"'],
        ),
        (
            ["datasets/more", {"role": "train", "union": ["div2k", "df2k"]}, "train_dataset", "more"],
            ["dataset more", "df2k has no HR images of its own"],
        ),
        (
            [
                "datasets/more",
                {"role": "benchmark", "part_of": "set14_without_gray", "without_gray": True},
                "benchmarks",
                ["more"],
            ],
            ["dataset more", "set14_without_gray has no HR images of its own"],
        ),
        (
            ["datasets/more", {"role": "benchmark", "part_of": "realworld38", "without_gray": True}, *MORE],
            ["dataset more", "realworld38 has no HR images of its own"],
        ),
        (
            [
                "datasets/more",
                {"role": "train", "sources": [{"file": "a.zip", "images": "*"}]},
                "train_dataset",
                "more",
            ],
            ["dataset more", "a.zip has no addresses"],
        ),
        (["datasets/u", {"role": "train", "union": ["u", "div2k"]}, "train_dataset", "u"], ["dataset u: u has no HR"]),
        (
            ["datasets/p", {"role": "benchmark", "part_of": "p", "without_gray": True}, "benchmarks", ["p"]],
            ["dataset p: p has no HR"],
        ),
        *(
            ([f"datasets/{taken}", {"role": "train", "folder": "x"}], ["datasets", f'"{taken}" names a folder'])
            for taken in ("receipts", "requests", "locks")
        ),
    ],
)
def test_datasets_that_do_not_fit_are_refused(
    refused: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    quiet = ["mad", ..., "figures", {}, "tables", {}]
    refused([*quiet, *changes], "run.yaml", *words)


def test_patches_are_not_taken_where_there_is_no_hr(refused: Callable[..., str]) -> None:
    changes = ["benchmarks", ["photos", "realworld38"], "mad/benchmark", "realworld38"]
    refused(changes, "run.yaml", "mad.benchmark", "realworld38 has no HR")


@pytest.mark.parametrize("table", ["ldl_table1", "ldl_table2", "beby_table1"])
def test_tables_need_a_benchmark_with_hr(refused: Callable[..., str], run_data: Any, table: str) -> None:
    settings = run_data["tables"][table] | ({"benchmark": "realworld38"} if table == "ldl_table2" else {})
    changes = ["benchmarks", ["realworld38"], "mad", ..., "figures", {}, "tables", {table: settings}]
    refused(changes, "run.yaml", f"tables.{table}", "HR")


def test_training_on_a_part_of_what_is_tested_is_found_through_unions(refused: Callable[..., str]) -> None:
    same = {"file": "DIV2K_train_HR.zip", "addresses": ["https://a/b"], "images": "DIV2K_train_HR/*.png"}
    changes = ["datasets/copy", {"role": "benchmark", "sources": [same]}, "benchmarks", ["copy"]]
    refused([*DF2K[:2], "mad", ..., "figures", {}, "tables", {}, *changes], "run.yaml", "benchmark copy", "div2k")


# --- what the jobs get


def test_a_fetch_knows_addresses_and_checksums_and_what_to_do_by_hand(fetched: Callable[..., Plan]) -> None:
    plan = fetched()
    data = fetch_dataset_job(plan, "div2k")
    assert data.title == "dataset div2k" and data.download is True
    (source,) = data.sources
    assert source.file == "DIV2K_train_HR.zip" and len(source.sha256 or "") == 64 and len(source.addresses) == 2
    told = by_hand(plan, "realworld38")
    assert told.startswith("RealWorld38 is in") and f"put its 38 images into {plan.run.datasets_dir}" in told


def test_a_moved_address_makes_no_images_again(fetched: Callable[..., Plan], own_catalog: Catalog) -> None:
    before = images_job(fetched(catalog=own_catalog), "div2k").to_json()
    file = own_catalog.folder / "datasets.yaml"
    file.write_text(file.read_text().replace("https://data.vision.ee.ethz.ch", "https://elsewhere.example"))
    moved = fetched(catalog=Catalog(own_catalog.folder))
    assert "elsewhere.example" in str(fetch_dataset_job(moved, "div2k"))
    assert images_job(moved, "div2k").to_json() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DIV2K_train_HR/*.png", "other/*.png"),
        ("images: 800", "images: 799"),
        ("sha256: 9d0b9c46", "sha256: 00000000"),
        (" md5: bdc2d933", " md5: 00000000"),
        ("images_md5: f9de9c25", "images_md5: 00000000"),
    ],
)
def test_other_images_are_made_again(fetched: Callable[..., Plan], own_catalog: Catalog, old: str, new: str) -> None:
    before = images_job(fetched(catalog=own_catalog), "div2k").to_json()
    file = own_catalog.folder / "datasets.yaml"
    file.write_text(file.read_text().replace(old, new))
    assert images_job(fetched(catalog=Catalog(own_catalog.folder)), "div2k").to_json() != before


def test_images_are_made_again_by_another_version_of_the_code(
    fetched: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = images_job(fetched(), "div2k").to_json()
    monkeypatch.setattr(code_versions, "IMAGES", code_versions.IMAGES + 1)
    assert images_job(fetched(), "div2k").to_json() != before


def test_weights_are_fetched_into_the_runs_own_folder(fetched: Callable[..., Plan]) -> None:
    plan = fetched("weights_dir", "w")
    (source,) = fetch_weights_job(plan, "alexnet").sources
    assert plan.weight_file("alexnet") == Path("w") / source.file
