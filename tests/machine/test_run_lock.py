"""One process at a time works on a run's folder, and a dead one does not lock it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

OWNER = """
import sys
from pathlib import Path
from gansr.errors import UserError
from gansr.machine.run_lock import lock_run
try:
    lock_run(Path(sys.argv[1]))
except UserError as error:
    print("refused", repr(str(error)), flush=True)
else:
    print("owns", flush=True)
    if sys.argv[2:]:
        import subprocess
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(5)"], stdout=subprocess.DEVNULL)
        print("child", flush=True)
    sys.stdin.read()
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that tries to own a folder; all are ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def run(folder: Path, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_refused_and_told_who_owns_the_run(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "results" / "demo"
    first = start(folder)
    assert says(first) == "owns"
    refusal = says(start(folder))
    assert refusal.startswith("refused")
    assert str(folder) in refusal and f"process {first.pid} " in refusal
    assert r"\n" not in refusal


def test_the_message_names_the_owner_and_not_an_earlier_one(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path)
    assert says(first) == "owns"
    first.communicate("")
    second = start(tmp_path)
    assert says(second) == "owns"
    assert f"process {second.pid} " in says(start(tmp_path))


def test_the_run_is_free_again_when_its_owner_is_killed(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path)
    assert says(first) == "owns"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert says(start(tmp_path)) == "owns"


def test_a_child_that_outlives_its_parent_does_not_keep_the_run(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path, "with a child")
    assert (says(first), says(first)) == ("owns", "child")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert says(start(tmp_path)) == "owns"


def test_different_runs_do_not_meet(tmp_path: Path, start: Start) -> None:
    assert [says(start(tmp_path / run)) for run in ("one", "two")] == ["owns", "owns"]
