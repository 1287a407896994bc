"""`gansr train`: the settings that it is given beside the spec, and what a user reads when it cannot go on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gansr.config.training_settings import WatchSettings
from gansr.plan.jobs.base import as_json
from gansr.training import train as train_module
from gansr.training.loop import InterruptedTrainingError

from .command_line import Here, mistake
from .training_jobs import NOTHING, train_job


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    monkeypatch.setenv("GPU_POOL", "")
    return Here(monkeypatch, capsys)


def train(here: Here, folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The verb with a spec that nothing is trained by."""
    spec = train_job(NOTHING).to_json()
    files = ("--patches", "patches", "--state", "state", "--output", "models/RRDB")
    return here.gansr("train", "--job", spec, "--name", "RRDB", *files, *words, folder=folder)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, WatchSettings()),
        ({}, WatchSettings()),
        (
            {"prefetch": 0, "checkpoint_every": 7, "tensorboard": True},
            WatchSettings(prefetch=0, checkpoint_every=7, tensorboard=True),
        ),
        (json.loads(as_json(WatchSettings(prefetch=5))), WatchSettings(prefetch=5)),  # as the workflow writes it
    ],
)
def test_the_settings_of_the_file_reach_the_training(
    here: Here,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    written: dict[str, Any] | None,
    expected: WatchSettings,
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(train_module, "train", lambda *given: seen.append(given))
    if written is not None:
        (tmp_path / "settings.json").write_text(json.dumps(written), encoding="utf-8")
    result = train(here, tmp_path, *([] if written is None else ["--settings", "settings.json"]))
    assert (result.returncode, result.stderr) == (0, "")
    ((*_, settings),) = seen
    assert settings == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"checkpoint_evry": 5}', ["settings.json", '"checkpoint_evry"', 'did you mean "checkpoint_every"?']),
        ('{"checkpoint_every": 0}', ["settings.json", "checkpoint_every", "not 0"]),
        ("{", ["not JSON"]),
        (None, ["settings.json", "no such file"]),
    ],
)
def test_wrong_settings_are_a_mistake(here: Here, tmp_path: Path, content: str | None, words: list[str]) -> None:
    if content is not None:
        (tmp_path / "settings.json").write_text(content, encoding="utf-8")
    mistake(train(here, tmp_path, "--settings", "settings.json"), *words)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("spec", "missing"), [("{}", "code"), ('{"code": 1}', "versions")])
def test_a_spec_that_does_not_say_how_to_train_is_a_mistake(
    here: Here, tmp_path: Path, spec: str, missing: str
) -> None:
    files = ("--patches", "patches", "--state", "state", "--output", "models/RRDB")
    result = here.gansr("train", "--job", spec, "--name", "RRDB", *files, folder=tmp_path)
    mistake(result, f"--job: {missing}: required; add it")


def failing(error: Exception) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail


def test_a_full_disk_is_a_mistake(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(train_module, "train", failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    mistake(train(here, tmp_path), "models/RRDB", "the disk is full", "run again")


def test_a_folder_that_cannot_be_written_is_a_mistake(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "state/owner")
    monkeypatch.setattr(train_module, "train", failing(error))
    mistake(train(here, tmp_path), "state/owner", "Permission denied")


def test_a_training_that_was_asked_to_stop_says_so_and_may_be_tried_again(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stop = InterruptedTrainingError("RRDB: stopped at iteration 5, state saved")
    monkeypatch.setattr(train_module, "train", failing(stop))
    result = train(here, tmp_path)
    assert (result.returncode, result.stderr) == (75, "gansr: RRDB: stopped at iteration 5, state saved\n")
