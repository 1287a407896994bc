"""The papers' run as it is: what it needs, and that it does not start without what only a user can get."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from .conftest import empty_project, paper
from .toy_archives import BY_HAND

pytestmark = pytest.mark.workflow


def test_the_papers_run_is_planned_within_seconds_and_tells_what_it_needs(tmp_path: Path) -> None:
    project = empty_project(tmp_path)
    project.configure(paper())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = project.snakemake("--resources", "gpu=4", "--dry-run", "all")
    assert result.returncode == 0, result.stderr[-2000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # processor time, which other work on the machine does not lengthen much: 9 s on a slow core
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    told = result.stderr.split("The run paper needs")[1].splitlines()
    total = next(line for line in result.stdout.splitlines() if line.startswith("total"))
    assert told[1].strip() == f"{total.split()[1]} jobs"
    assert "rule train" in result.stdout and "Traceback" not in result.stderr
    assert "GPU hours for 39 trainings" in told[2] and "hours on 4" in told[2]
    assert "GB of disk" in told[3] and "patch stores" in told[3]
    assert [line.split(": ")[1] for line in told[4:7]] == list(BY_HAND)
    assert not (tmp_path / "results").exists() and not (tmp_path / "datasets").exists()


def test_a_run_that_cannot_be_finished_is_not_started(tmp_path: Path) -> None:
    project = empty_project(tmp_path)
    project.configure(paper())
    result = project.snakemake("--resources", "gpu=4", "all")
    assert result.returncode != 0 and "Traceback" not in result.stderr
    told = [line for line in result.stderr.splitlines() if line.startswith("gansr: error: dataset")]
    assert [line.split()[3].rstrip(":") for line in told] == list(BY_HAND)
    assert "put its 109 images into datasets/manga109" in told[0]
    assert not (tmp_path / "datasets").exists() and not list((tmp_path / "results").rglob("*.json"))
