"""`gansr status`, as a user types it."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

from .command_line import Here, mistake


def begin(run_folder: Path, model: str, iteration: int) -> None:
    """The file that a training of 1000 iterations has written a second ago."""
    told = {
        "model": model,
        "iteration": iteration,
        "iterations": 1000,
        "iterations_per_second": 2.0,
        "losses": {"pixel": 0.25},
        "host": socket.gethostname(),
        "process": os.getpid(),
        "gpus": "",
        "updated": time.time() - 1,
    }
    folder = run_folder / "state" / model / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text(json.dumps(told), encoding="utf-8")


def test_status_of_a_run_says_where_its_trainings_are(here: Here, tmp_path: Path) -> None:
    begin(tmp_path / "results" / "demo", "RRDB", 400)
    begin(tmp_path / "results" / "other", "SRResNet", 10)
    result = here.gansr("status", "results/demo", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    (line,) = [line for line in result.stdout.splitlines() if "RRDB" in line]
    for word in ("training", "400 of 1,000", "5 min 00 s", "pixel 0.25", socket.gethostname()):
        assert word in line
    assert "SRResNet" not in result.stdout


def test_without_a_folder_status_is_of_every_run_that_trains(here: Here, tmp_path: Path) -> None:
    # of this one nothing is known yet, which hides no other
    (tmp_path / "results" / "begun" / "state" / "RRDB" / "0123456789abcdef").mkdir(parents=True)
    begin(tmp_path / "results" / "demo", "RRDB", 400)
    begin(tmp_path / "results" / "other", "SRResNet", 10)
    result = here.gansr("status", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    titles = [line for line in result.stdout.splitlines() if line.startswith("results/")]
    assert titles == ["results/demo", "results/other"]
    assert "400 of 1,000" in result.stdout and "10 of 1,000" in result.stdout


def test_without_any_training_status_is_a_mistake(here: Here, tmp_path: Path) -> None:
    mistake(here.gansr("status", folder=tmp_path), "results: no run has begun to train", "name its folder")
    result = here.gansr("status", "results/demo", folder=tmp_path)
    mistake(result, "results/demo", "no training has begun", "correct its path")
