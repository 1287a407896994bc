"""What `gansr status` says of trainings that run, were stopped or are finished."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr.errors import UserError
from gansr.reporting.status import SILENT, status_table

TOLD: dict[str, Any] = {
    "model": "RRDB+LDL",
    "iteration": 2500,
    "iterations": 300_000,
    "iterations_per_second": 12.5,
    "losses": {"pixel": 0.012345678, "discriminator": 0.5},
    "host": socket.gethostname(),
    "process": os.getpid(),
    "gpus": "",
}


@pytest.fixture
def write_progress(tmp_path: Path) -> Callable[..., Path]:
    """Write progress.json as a training does; the folder of its state."""

    def write(settings: str = "0123456789abcdef", silent: float = 1.0, **changes: Any) -> Path:
        told = TOLD | {"updated": time.time() - silent} | changes
        folder = tmp_path / "state" / str(told["model"]) / settings
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "progress.json").write_text(json.dumps(told), encoding="utf-8")
        return folder

    return write


def lines(run_folder: Path) -> dict[str, list[str]]:
    """The cells behind each model's name."""
    title, _, header, _, *rows = status_table(run_folder).splitlines()
    assert title == str(run_folder)
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    assert columns == ["model", "state", "iteration", "it/s", "time left", "losses", "device"]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row]
    assert all(len(row) == len(columns) for row in cells)
    return {name: rest for name, *rest in cells}


def dead_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_running_training_says_where_it_is_and_when_it_will_be_done(
    tmp_path: Path, write_progress: Callable[..., Path]
) -> None:
    write_progress()
    assert lines(tmp_path) == {
        "RRDB+LDL": [
            "training",
            "2,500 of 300,000",
            "12.5",
            "6 h 36 min",  # 297500 / 12.5 s
            "pixel 0.01235, discriminator 0.5",
            socket.gethostname(),
        ]
    }


@pytest.mark.parametrize(
    ("iteration", "left"), [(299_000, "1 min 20 s"), (299_990, "0 min 00 s"), (252_500, "1 h 03 min")]
)
def test_the_time_left_is_short_for_short_times(
    tmp_path: Path, write_progress: Callable[..., Path], iteration: int, left: str
) -> None:
    write_progress(iteration=iteration)
    assert lines(tmp_path)["RRDB+LDL"][3] == left


def test_its_gpus_are_named(tmp_path: Path, write_progress: Callable[..., Path]) -> None:
    write_progress(gpus="0,3", host="node7")
    assert lines(tmp_path)["RRDB+LDL"][-1] == "GPU 0,3 of node7"


@pytest.mark.parametrize(
    ("silent", "host", "alive", "state"),
    [
        (SILENT - 30, "here", True, "training"),
        (SILENT + 1, "here", True, "stopped"),
        (1, "here", False, "stopped"),
        # of another machine's processes nothing is known
        (1, "elsewhere", False, "training"),
        (SILENT + 1, "elsewhere", False, "stopped"),
    ],
)
def test_a_training_is_stopped_when_its_process_is_gone_or_silent(
    tmp_path: Path, write_progress: Callable[..., Path], silent: float, host: str, alive: bool, state: str
) -> None:
    process = os.getpid() if alive else dead_process()
    write_progress(silent=silent, host=socket.gethostname() if host == "here" else host, process=process)
    found, iteration, speed, left, losses, _ = lines(tmp_path)["RRDB+LDL"]
    assert (found, iteration) == (state, "2,500 of 300,000")
    assert bool(speed) == bool(left) == (state == "training")
    assert losses


def test_a_process_of_another_user_is_alive(
    tmp_path: Path, write_progress: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: int, signal: int) -> None:
        raise PermissionError

    write_progress()
    monkeypatch.setattr(os, "kill", refuse)
    assert lines(tmp_path)["RRDB+LDL"][0] == "training"


def test_in_the_first_moment_there_is_no_speed(tmp_path: Path, write_progress: Callable[..., Path]) -> None:
    write_progress(iterations_per_second=0.0)
    assert lines(tmp_path)["RRDB+LDL"][:4] == ["training", "2,500 of 300,000", "", ""]


@pytest.mark.parametrize("told", [True, False])
def test_a_finished_training_is_told_with_or_without_its_progress(
    tmp_path: Path, write_progress: Callable[..., Path], told: bool
) -> None:
    folder = write_progress(silent=1e6, process=dead_process())
    (folder / "finished").mkdir()
    if not told:
        (folder / "progress.json").unlink()
    assert lines(tmp_path) == {"RRDB+LDL": ["finished", "300,000" if told else "", "", "", "", ""]}


def test_models_stand_in_the_order_of_their_names(tmp_path: Path, write_progress: Callable[..., Path]) -> None:
    for model in ("SRResNet", "RRDB", "RRDB+GAN"):
        write_progress(model=model)
    assert list(lines(tmp_path)) == ["RRDB", "RRDB+GAN", "SRResNet"]


@pytest.mark.parametrize("latest", ["aaaa", "bbbb"])
def test_of_several_settings_of_one_model_the_latest_is_shown(
    tmp_path: Path, write_progress: Callable[..., Path], latest: str
) -> None:
    now = time.time()
    for number, settings in enumerate(("aaaa", "bbbb")):
        folder = write_progress(settings=settings, iteration=100 + number)
        age = 0 if settings == latest else 3600
        os.utime(folder / "progress.json", (now - age, now - age))
    assert lines(tmp_path)["RRDB+LDL"][1] == f"{100 if latest == 'aaaa' else 101} of 300,000"


@pytest.mark.parametrize(
    "content", [b"", b'{"model": "RRDB+L', b"\x00" * 40, b"\xff\xfe", b"[]", b"{}", b"3", b'{"model": "RRDB+LDL"}']
)
def test_a_damaged_file_is_passed_over(tmp_path: Path, write_progress: Callable[..., Path], content: bytes) -> None:
    write_progress(model="RRDB")
    damaged = write_progress()
    (damaged / "progress.json").write_bytes(content)
    assert list(lines(tmp_path)) == ["RRDB"]
    (damaged / "finished").mkdir()
    assert lines(tmp_path)["RRDB+LDL"][0] == "finished"


def test_a_training_that_has_just_begun_is_not_shown_yet(tmp_path: Path, write_progress: Callable[..., Path]) -> None:
    write_progress(model="RRDB")
    (tmp_path / "state" / "SRResNet" / "0123456789abcdef").mkdir(parents=True)
    assert list(lines(tmp_path)) == ["RRDB"]


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a model without progress"])
def test_without_any_training_it_says_so_in_one_line(tmp_path: Path, there: str) -> None:
    folder = tmp_path / "run"
    if there == "an empty folder":
        (folder / "state").mkdir(parents=True)
    elif there == "a model without progress":
        (folder / "state" / "RRDB" / "0123456789abcdef").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        status_table(folder)
    assert str(caught.value) == f"{folder}: no training has begun there; correct its path"
