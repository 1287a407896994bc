"""The table of `gansr status`: the progress of each training of a run, from the files that trainings write."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from gansr.errors import UserError
from gansr.paths import RunPaths, StatePaths
from gansr.reporting.markup import markdown

SILENT = 120.0  # seconds without an update after which a training counts as stopped; long, as an iteration may be slow
HOUR, MINUTE = 3600, 60
KEYS = {"model", "iteration", "iterations", "iterations_per_second", "losses", "host", "process", "gpus", "updated"}


def status_table(run_folder: Path) -> str:
    """A line for each training that has begun: where it is, its losses, its devices, and when it will be done.

    Raises:
        UserError: no training of the run has begun.
    """
    latest: dict[str, list[str]] = {}
    for model, trainings in RunPaths(run_folder).trainings().items():
        # a model has one training for each of its settings; the one changed last is shown
        for training in sorted(trainings, key=_last_change):
            line = _line(model, training)
            if line is not None:
                latest[model] = line
    if not latest:
        raise UserError(f"{run_folder}: no training has begun there; correct its path")
    header = ["model", "state", "iteration", "it/s", "time left", "losses", "device"]
    return f"{run_folder}\n\n{markdown(header, [latest[model] for model in sorted(latest)], text_columns=2)}\n"


def _last_change(training: StatePaths) -> float:
    return max((file.stat().st_mtime for file in training.folder.iterdir() if file.exists()), default=0.0)


def _line(model: str, training: StatePaths) -> list[str] | None:
    progress = _read(training.progress)
    if training.finished.exists():
        done = f"{progress['iterations']:,}" if progress else ""
        return [progress["model"] if progress else model, "finished", done, "", "", "", ""]
    if progress is None:
        return None
    left = progress["iterations"] - progress["iteration"]
    speed = progress["iterations_per_second"]
    running = _is_alive(progress)
    return [
        progress["model"],
        "training" if running else "stopped",
        f"{progress['iteration']:,} of {progress['iterations']:,}",
        f"{speed:.3g}" if running and speed else "",
        _duration(left / speed) if running and speed else "",
        ", ".join(f"{name} {value:.4g}" for name, value in progress["losses"].items()),
        f"GPU {progress['gpus']} of {progress['host']}" if progress["gpus"] else progress["host"],
    ]


def _read(file: Path) -> dict[str, Any] | None:
    """The content of a training's progress.json; None if the file is missing or damaged."""
    try:
        progress: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return progress if isinstance(progress, dict) and progress.keys() >= KEYS else None


def _is_alive(progress: dict[str, Any]) -> bool:
    """Whether the training still runs: its last update is recent and, on this machine, its process exists."""
    if progress["host"] == socket.gethostname() and not _exists(progress["process"]):
        return False
    return time.time() - float(progress["updated"]) < SILENT


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _duration(seconds: float) -> str:
    hours, minutes = int(seconds // HOUR), int(seconds % HOUR // MINUTE)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds % MINUTE):02d} s"
