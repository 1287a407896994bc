"""provenance.json: enough to make a run again, and to see whether it was."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr.config.catalog import Catalog
from gansr.plan.jobs.provenance import ProvenanceJob
from gansr.plan.load import load_plan
from gansr.plan.run_jobs import provenance_job
from gansr.reporting.provenance import write_provenance
from gansr.schema.loading import read_yaml

ROOT = Path(__file__).parents[2]
HEADER = "s\th:m:s\tmax_rss\n"


@pytest.fixture
def job() -> ProvenanceJob:
    plan = load_plan(read_yaml(ROOT / "config" / "config.yaml"), "config.yaml", Catalog(ROOT / "config"))
    return ProvenanceJob.from_json(provenance_job(plan).to_json())


@pytest.fixture
def record(tmp_path: Path, job: ProvenanceJob, write_spec: Callable[..., None]) -> dict[str, Any]:
    for name, folder in job.models.items():
        write_spec(name, folder)
    for dataset in ("photographs", "photos"):
        folder = tmp_path / "data" / dataset / "x4" / "images" / "HR"
        folder.mkdir(parents=True)
        (folder / f"{dataset} one.png").write_bytes(dataset.encode())
    for step, seconds in {"provenance.v2": 0.5, "finetune/RRDB+LDL": 12.25, "score/RRDB/photos": 3}.items():
        file = tmp_path / "timings" / f"{step}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{HEADER}{seconds}\t0:00:12\t100.5\n")
    write_provenance(job, tmp_path, tmp_path / "data")
    written: dict[str, Any] = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    return written


def test_it_says_with_what_the_run_was_made(record: dict[str, Any]) -> None:
    assert record["run"] == "demo"
    assert record["python"] == platform.python_version()
    for package in ("torch", "torchvision", "numpy", "snakemake", "gansr", "lpips", "pytorch-fid"):
        assert record["packages"][package] == importlib.metadata.version(package)
    assert set(record["code"]) == {"revision", "changed"}


def test_it_says_what_every_model_was_trained_on_and_how_long(record: dict[str, Any], job: ProvenanceJob) -> None:
    assert set(record["models"]) == set(job.models)
    ldl = record["models"]["RRDB+LDL"]
    assert (ldl["seed"], ldl["device"], ldl["seconds"], ldl["resumed_at"]) == (0, "cpu", 12.5, [])
    assert ldl["inputs"]["training_images"] == ["one", "two", "three"]
    assert (ldl["processes"], ldl["skipped"], ldl["training"]["precision"]) == (1, [7], "fp32")


def test_it_holds_the_sums_of_the_hr_images(record: dict[str, Any]) -> None:
    assert record["hr_images_sha256"] == {
        dataset: {f"{dataset} one": hashlib.sha256(dataset.encode()).hexdigest()}
        for dataset in ("photographs", "photos")
    }


def test_it_holds_the_seconds_of_every_job(record: dict[str, Any]) -> None:
    assert record["job_seconds"] == {"provenance.v2": 0.5, "finetune/RRDB+LDL": 12.25, "score/RRDB/photos": 3.0}


def test_it_holds_the_whole_configuration(record: dict[str, Any], job: ProvenanceJob) -> None:
    assert record["configuration"] == job.configuration


def test_it_says_where_what_was_fetched_came_from(
    tmp_path: Path, job: ProvenanceJob, write_spec: Callable[..., None]
) -> None:
    for name, folder in job.models.items():
        write_spec(name, folder)
    receipts = {
        "photos/x4/images/source.json": {"file": "first.zip", "sha256": "1" * 64, "address": "https://a/first.zip"},
        # fetched after the images were made
        "receipts/datasets/photos.json": {"file": "second.zip", "sha256": "2" * 64, "address": "https://b/second.zip"},
        "receipts/weights/vgg19.json": {"file": "vgg19.pth", "sha256": "3" * 64, "address": None},
        # of another run
        "receipts/weights/vgg16.json": {"file": "vgg16.pth", "sha256": "4" * 64, "address": None},
    }
    for place, receipt in receipts.items():
        file = tmp_path / "data" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(receipt))
    used = job.model_copy(update={"weights": {"vgg19": "BSD", "alexnet": "BSD"}})
    write_provenance(used, tmp_path, tmp_path / "data")
    written = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    first, _, vgg19, _ = receipts.values()
    assert written["fetched"] == {"datasets": {"photos": first}, "weights": {"vgg19": vgg19}}
    assert written["licences"]["weights"] == {"vgg19": "BSD", "alexnet": "BSD"}


def test_outside_a_git_checkout_the_revision_is_unknown(
    tmp_path: Path,
    job: ProvenanceJob,
    write_spec: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, folder in job.models.items():
        write_spec(name, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write_provenance(job, tmp_path, tmp_path / "data")
    written = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert written["code"] == {"revision": None, "changed": None}


def test_without_git_the_revision_is_unknown(
    tmp_path: Path,
    job: ProvenanceJob,
    write_spec: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, folder in job.models.items():
        write_spec(name, folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    write_provenance(job, tmp_path, tmp_path / "data")
    written = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert written["code"] == {"revision": None, "changed": None}


def test_a_model_without_spec_is_named(tmp_path: Path, job: ProvenanceJob, refusal: Callable[..., str]) -> None:
    refusal(lambda: write_provenance(job, tmp_path, tmp_path / "data"), "spec.yaml", "train")
