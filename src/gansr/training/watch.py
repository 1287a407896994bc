"""The outputs of a training while it runs: log, progress bar, a file for `gansr status`, TensorBoard."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gansr.atomic import write_text
from gansr.errors import UserError
from gansr.progress import Progress
from gansr.training.state_folder import StateFolder

SECONDS = 2.0  # between two readings of the losses, each of which waits for the device


class Watch:
    """Writes the log, the progress and the TensorBoard files of a training; only the first process has one."""

    def __init__(self, name: str, folder: StateFolder, iterations: int, start: int, tensorboard: Path | None) -> None:
        self.name, self.folder, self.iterations, self.start = name, folder, iterations, start
        self.board = _summary_writer(tensorboard, start) if tensorboard is not None else None
        self.bar = Progress(name, iterations, start=start)
        self.note = ""
        self.started = time.monotonic()
        self.looked = 0.0
        truncate_log(folder.log, start)
        self.log = folder.log.open("a", buffering=1, encoding="utf-8")  # line buffered: a kill loses no finished line

    def is_due(self) -> bool:
        """Whether it is time to read the losses again."""
        return time.monotonic() - self.looked >= SECONDS

    def advance(self) -> None:
        """Count an iteration whose losses are not read."""
        self.bar.advance(self.note)

    def see(self, line: Mapping[str, Any], logged: bool) -> None:
        """Count an iteration and show its losses; if `logged`, also write them to the log."""
        self.looked = time.monotonic()
        self.note = ", ".join(f"{name} {value:.4g}" for name, value in line["losses"].items())
        if logged:
            self.log.write(json.dumps(line) + "\n")
            if self.board is not None:
                for name, value in line["losses"].items():
                    self.board.add_scalar(f"losses/{name}", value, line["iteration"])
                self.board.add_scalar("learning_rate", line["learning_rate"], line["iteration"])
        self._tell(line)
        self.bar.advance(self.note)

    def _tell(self, line: Mapping[str, Any]) -> None:
        """Write what `gansr status` shows."""
        passed = time.monotonic() - self.started
        told = {
            "model": self.name,
            "iteration": line["iteration"],
            "iterations": self.iterations,
            "iterations_per_second": (line["iteration"] - self.start) / passed,
            "losses": line["losses"],
            "host": socket.gethostname(),
            "process": os.getpid(),
            "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
            "updated": time.time(),
        }
        write_text(self.folder.progress, json.dumps(told))

    def close(self) -> None:
        """Close all files."""
        self.bar.close()
        self.log.close()
        if self.board is not None:
            self.board.close()


def truncate_log(file: Path, iteration: int) -> None:
    """Remove the lines of later iterations, when a training resumes after `iteration`, and a half-written line."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["iteration"] <= iteration:
                kept.append(line + "\n")
        except ValueError:
            break
    write_text(file, "".join(kept))


def _summary_writer(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "training.tensorboard: the package tensorboard is not installed; install it, or set tensorboard: false"
        ) from None
    return SummaryWriter(str(folder), purge_step=start + 1)
