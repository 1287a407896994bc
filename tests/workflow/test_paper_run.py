"""The papers' run, from fetching to the tables, at toy size: every layout of a dataset, and every kind of job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import yaml

from ..data.http_server import http_server
from .conftest import CONFIG, Project, empty_project, paper
from .toy_archives import NAMES, ToyCatalog

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

TINY = {
    "srresnet": {"network": "srresnet", "features": 4, "blocks": 1},
    "rrdb": {"network": "rrdb", "features": 4, "blocks": 1},
    "swinir": {"network": "swinir", "features": 4, "groups": 1, "blocks": 1, "heads": 2},
}
TINY["swinir_pretrain"] = TINY["swinir"] | {"drop_path": 0.1}
SHORT = {
    "pretrain": {"iterations": 4, "batch_size": 2, "patch_size": 32, "schedule": {"milestones": [3], "periods": 1}},
    "finetune": {
        "iterations": 4,
        "batch_size": 2,
        "patch_size": 32,
        "ema_decay": 0.9,
        "schedule": {"warmup": 1, "periods": 1},
        "discriminator": {"features": 2, "stages": 5},
    },
}


# One model for each generator, dataset, way of starting and kind of method; what the others add is in their plan.
KEPT_MODELS = [
    *("SRResNet", "RRDB", "SwinIR", "ESRGAN"),
    *("RRDB+GAN (DF2K)", "RRDB+LDL (DF2K)", "SwinIR+LDL (DF2K)", "RRDB+LDL (M)"),
    *("Beby-GAN", "Beby-GAN w/o RA"),
]
KEPT_ROWS = ["1'", "2", "4", "5"]
# One benchmark of an archive, one that is a part of another, and the one without HR; the others are prepared alone.
KEPT_BENCHMARKS = ["set14_without_gray", "div2k100", "realworld38"]


def small_paper() -> dict[str, Any]:
    """The papers' run with one seed, small networks, and the models and benchmarks that are kept."""
    run = paper() | {"generators": TINY, "overrides": SHORT, "seeds": [0], "benchmarks": KEPT_BENCHMARKS}
    run["models"] = [model for model in run["models"] if model["name"] in KEPT_MODELS]
    run["mad"] |= {"interval": 2, "size": 32}
    tables = run["tables"]
    for table, part in (("ldl_table2", "rows"), ("beby_table1", "columns")):
        tables[table][part] = [entry for entry in tables[table][part] if entry["model"] in KEPT_MODELS]
    return run


PREPARED_ALONE = [f"results/data/{name}/x4/images" for name in paper()["benchmarks"] if name not in KEPT_BENCHMARKS]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The papers' run with all its tables and datasets, on toys that a server on this machine gives."""
    folder = tmp_path_factory.mktemp("paper")
    project = empty_project(folder)
    with http_server() as server:
        # by way of JSON: an anchor is one object to YAML, and each source gets an address of its own
        datasets, weights = (
            json.loads(json.dumps(yaml.safe_load((CONFIG / f"{name}.yaml").read_text())[name]))
            for name in ("datasets", "weights")
        )
        toys = ToyCatalog(server, datasets, weights, TINY["rrdb"])
        toys.shrink()
        toys.put_by_hand(folder / "datasets")
        for name, content in (("datasets", toys.datasets), ("weights", toys.weights)):
            (folder / "config" / f"{name}.yaml").write_text(yaml.safe_dump({name: content}))
        project.configure(small_paper())
        result = project.snakemake("--resources", "gpu=4", "all", *PREPARED_ALONE, timeout=5400)
        (folder / "log.txt").write_text(result.stdout + result.stderr)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
        yield project


def test_everything_from_fetch_to_tables_goes_through(toy: Project) -> None:
    tables = toy.folder / "results" / "paper" / "tables"
    table1 = pd.read_csv(tables / "ldl_table1.csv")
    run = small_paper()
    shown = [m["name"] for m in run["models"] if "ldl_table1" in m.get("tables", ["ldl_table1"])]
    assert set(table1.columns) == {"metric", "benchmark", "Bicubic", "Bicubic-Y", *shown}
    assert list(dict.fromkeys(table1["metric"])) == ["LPIPS", "DISTS", "FID", "KID", "PSNR", "SSIM"]
    assert list(dict.fromkeys(table1["benchmark"])) == [name for name in run["benchmarks"] if name != "realworld38"]
    luma_alone = ~table1["metric"].isin(["PSNR", "SSIM"])
    too_few = (table1["metric"] == "KID") & (table1["benchmark"] == "set14_without_gray")
    assert table1.loc[~too_few].drop(columns="Bicubic-Y").notna().all(axis=None)
    assert table1.loc[too_few, shown].isna().all(axis=None)
    assert table1.loc[luma_alone, "Bicubic-Y"].isna().all() and table1.loc[~luma_alone, "Bicubic-Y"].notna().all()
    table2 = pd.read_csv(tables / "ldl_table2.csv", dtype={"row": str})
    assert list(table2["row"]) == KEPT_ROWS and table2["PSNR"].notna().all()
    for table in ("beby_table1", "beby_table2"):
        beby = pd.read_csv(tables / f"{table}.csv")
        assert list(dict.fromkeys(beby["metric"])) == ["LPIPS-VGG", "PI", "NIQE", "Ma", "PSNR", "SSIM"]
        assert beby.notna().all(axis=None)


def test_every_archive_has_a_receipt_and_was_fetched_where_it_could_be_had(toy: Project) -> None:
    provenance = json.loads((toy.folder / "results" / "paper" / "provenance.json").read_text())
    folder = toy.folder / "results" / "data" / "receipts" / "datasets"
    receipts = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
    assert set(receipts) == set(NAMES)
    assert set(provenance["fetched"]["datasets"]) == {"div2k", "flickr2k", "set14", "div2k100"}
    assert set(provenance["fetched"]["weights"]) == {
        *("alexnet", "vgg16", "vgg19", "esrgan"),
        *("dists", "inception", "niqe", "nrqm"),
    }
    for fetched in (receipts, provenance["fetched"]["datasets"], provenance["fetched"]["weights"]):
        for receipt in fetched.values():
            assert receipt["verified_by"] == "sha256" and "/gone/" not in receipt["address"]
    files = {file.name for file in (toy.folder / "datasets").iterdir() if file.is_file()}
    assert {file for file in files if not file.endswith(".sha256")} == {
        "DIV2K_train_HR.zip",
        "DIV2K_valid_HR.zip",
        "Flickr2K.zip",
        "benchmark.tar",
    }


def test_the_images_are_those_of_the_archives_and_lr_equals_the_released(toy: Project) -> None:
    data = toy.folder / "results" / "data"
    for name, images in NAMES.items():
        assert {file.stem for file in (data / name / "x4" / "images" / "HR").iterdir()} == set(images)
    for name in ("set5", "set14", "urban100", "bsds100"):
        told = json.loads((data / name / "x4" / "images" / "released_lr.json").read_text())["largest_difference"]
        assert told == dict.fromkeys(sorted(NAMES[name]), 0)
    without_gray = data / "set14_without_gray" / "x4" / "images" / "HR"
    assert sorted(file.stem for file in without_gray.iterdir()) == ["baboon", "comic"]
    index = json.loads((data / "df2k" / "x4" / "patches" / "index.json").read_text())
    assert {entry["name"] for entry in index["images"]} == {*NAMES["div2k"], *NAMES["flickr2k"]}


def test_images_without_hr_are_upscaled_and_not_scored(toy: Project) -> None:
    results = toy.folder / "results" / "paper"
    assert len(list((results / "images" / "Beby-GAN" / "realworld38").glob("*.png"))) == 3
    assert not list(results.rglob("metrics/*/realworld38.csv"))


def test_columns_of_the_paper_alone_have_their_reason(toy: Project) -> None:
    notes = (toy.folder / "results" / "paper" / "tables" / "ldl_table1_notes.md").read_text()
    for column, reason in paper()["tables"]["ldl_table1"]["published_only"].items():
        assert f"- {column}: {reason}" in notes


def test_a_second_run_has_nothing_to_do_and_needs_no_network(toy: Project) -> None:
    again = toy.snakemake("--resources", "gpu=4", "all", *PREPARED_ALONE)
    assert again.returncode == 0 and "Nothing to be done" in again.stderr


def planned_jobs(project: Project, file: str, old: str, new: str) -> set[tuple[str, str]]:
    """What a dry run would do after an edit of a config file, which is then taken back."""
    path = project.folder / "config" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        return project.planned(*PREPARED_ALONE)
    finally:
        path.write_text(text)


def test_a_moved_address_makes_nothing_again(toy: Project) -> None:
    assert planned_jobs(toy, "datasets.yaml", "/DIV2K_train_HR.zip", "/moved/DIV2K_train_HR.zip") == set()


def test_another_checksum_makes_its_images_and_all_that_follows_again(toy: Project) -> None:
    datasets = yaml.safe_load((toy.folder / "config" / "datasets.yaml").read_text())["datasets"]
    checksums = {name: datasets[name]["sources"][0]["sha256"] for name in ("bsds100", "div2k100")}
    of_archive = {"set5", "set14", "bsds100", "urban100"}
    jobs = planned_jobs(toy, "datasets.yaml", checksums["bsds100"], "f" * 64)
    # images say that the archive is another one, and to remove its receipt; nothing is trained on them
    assert {output.split("/")[2] for rule, output in jobs if rule == "images"} == of_archive
    assert {output.split("/")[4] for rule, output in jobs if rule == "upscale"} == {"set14_without_gray"}
    assert {rule for rule, _ in jobs} >= {"subset", "hr_features", "score", "table"}
    assert {rule for rule, _ in jobs}.isdisjoint({"fetch", "patch_store", "train"})
    # while these hold the patches that MAD curves are made of
    jobs = planned_jobs(toy, "datasets.yaml", checksums["div2k100"], "f" * 64)
    assert {output.split("/")[2] for rule, output in jobs if rule == "images"} == {"div2k100"}
    assert "train" in {rule for rule, _ in jobs} and "patch_store" not in {rule for rule, _ in jobs}
