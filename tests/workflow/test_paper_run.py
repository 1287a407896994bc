"""The papers' run, from fetching to the tables: its plan as it is, and the whole of it at toy size."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ..data.http_server import http_server
from .conftest import REPOSITORY, Project
from .toy_archives import BY_HAND, NAMES, ToyCatalog

pytestmark = pytest.mark.workflow

CONFIG = REPOSITORY / "config"
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


def paper() -> dict[str, Any]:
    run: dict[str, Any] = yaml.safe_load((CONFIG / "paper.yaml").read_text(encoding="utf-8"))
    return run


def project_in(folder: Path) -> Project:
    for part in ("workflow", "config"):
        shutil.copytree(REPOSITORY / part, folder / part)
    shutil.copy(REPOSITORY / "environment.yml", folder)
    return Project(folder)


def test_the_papers_run_is_planned_within_seconds_and_tells_what_it_needs(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    project.configure(paper())
    started = time.monotonic()
    result = project.snakemake("--resources", "gpu=4", "--dry-run", "all")
    assert result.returncode == 0, result.stderr[-2000:]
    assert time.monotonic() - started < 60  # 9 s on two slow cores; the limit tells a hang, not a slow one
    told = result.stderr.split("The run paper needs")[1].splitlines()
    total = next(line for line in result.stdout.splitlines() if line.startswith("total"))
    assert told[1].strip() == f"{total.split()[1]} jobs"
    assert "GPU hours for 39 trainings" in told[2] and "hours on 4" in told[2]
    assert "GB of disk" in told[3] and "patch stores" in told[3]
    assert [line.split(": ")[1] for line in told[4:7]] == list(BY_HAND)
    assert not (tmp_path / "results").exists() and not (tmp_path / "datasets").exists()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The papers' run with all its models, tables and benchmarks, on toys that a server on this machine gives."""
    folder = tmp_path_factory.mktemp("paper")
    project = project_in(folder)
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
        run = paper() | {"generators": TINY, "overrides": SHORT, "seeds": [0]}
        run["mad"] |= {"interval": 2, "size": 32}
        project.configure(run)
        result = project.snakemake("--resources", "gpu=4", "all", timeout=5400)
        (folder / "log.txt").write_text(result.stdout + result.stderr)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
        yield project


def test_everything_from_fetch_to_tables_goes_through(toy: Project) -> None:
    tables = toy.folder / "results" / "paper" / "tables"
    table1 = pd.read_csv(tables / "ldl_table1.csv")
    run = paper()
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
    assert list(table2["row"]) == ["1'", "2", "3", "4", "5"] and table2["PSNR"].notna().all()
    for table in ("beby_table1", "beby_table2"):
        beby = pd.read_csv(tables / f"{table}.csv")
        assert list(dict.fromkeys(beby["metric"])) == ["LPIPS-VGG", "PI", "NIQE", "Ma", "PSNR", "SSIM"]
        assert beby.notna().all(axis=None)


def test_every_archive_has_a_receipt_and_was_fetched_where_it_could_be_had(toy: Project) -> None:
    provenance = json.loads((toy.folder / "results" / "paper" / "provenance.json").read_text())
    assert set(provenance["fetched"]["datasets"]) == set(NAMES)
    assert set(provenance["fetched"]["weights"]) == {
        *("alexnet", "vgg16", "vgg19", "esrgan"),
        *("dists", "inception", "niqe", "nrqm"),
    }
    for kind in ("datasets", "weights"):
        for receipt in provenance["fetched"][kind].values():
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
    again = toy.snakemake("--resources", "gpu=4", "all")
    assert again.returncode == 0 and "Nothing to be done" in again.stderr


def planned_jobs(project: Project, file: str, old: str, new: str) -> set[tuple[str, str]]:
    """What a dry run would do after an edit of a config file, which is then taken back."""
    path = project.folder / "config" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    try:
        return project.planned()
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
    assert {output.split("/")[4] for rule, output in jobs if rule == "upscale"} == of_archive | {"set14_without_gray"}
    assert {rule for rule, _ in jobs} >= {"subset", "hr_features", "score", "table"}
    assert {rule for rule, _ in jobs}.isdisjoint({"fetch", "patch_store", "pretrain", "finetune"})
    # while these hold the patches that MAD curves are made of
    jobs = planned_jobs(toy, "datasets.yaml", checksums["div2k100"], "f" * 64)
    assert {output.split("/")[2] for rule, output in jobs if rule == "images"} == {"div2k100"}
    assert "finetune" in {rule for rule, _ in jobs} and "patch_store" not in {rule for rule, _ in jobs}


def test_a_run_that_cannot_be_finished_is_not_started(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    project.configure(paper())
    result = project.snakemake("--resources", "gpu=4", "all")
    assert result.returncode != 0 and "Traceback" not in result.stderr
    told = [line for line in result.stderr.splitlines() if line.startswith("gansr: error: dataset")]
    assert [line.split()[3].rstrip(":") for line in told] == list(BY_HAND)
    assert "put its 109 images into datasets/manga109" in told[0]
    assert not (tmp_path / "datasets").exists() and not list((tmp_path / "results").rglob("*.json"))
