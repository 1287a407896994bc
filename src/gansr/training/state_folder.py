"""The folder in which a training keeps what it needs to resume: checkpoints, log and snapshots.

Snakemake deletes a job's declared outputs before it starts the job again, so this folder is no declared output. Its
name is a digest of everything on which the training depends: after a change of a setting the training starts in a new
folder, and never resumes the state of another training. The folder is locked, so that one process at a time uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gansr.atomic import atomic_file
from gansr.canonical import canonical
from gansr.errors import UserError
from gansr.networks.weight_files import read_torch_file
from gansr.paths import StatePaths

logger = logging.getLogger("gansr")

KEPT = 2  # checkpoints: if the last one cannot be read, the one before it is used


class StateFolder:
    """The folder of one training; use it inside `owned`."""

    def __init__(self, parent: Path, identity: dict[str, Any]) -> None:
        self.path = parent / hashlib.sha256(canonical(identity).encode()).hexdigest()[:16]
        self.files = StatePaths(self.path)
        self.log = self.files.log
        self.snapshots = self.files.snapshots
        self.finished = self.files.finished
        self.progress = self.files.progress

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Lock the folder. If another process has locked it, wait: it may be a training whose Snakemake was killed.

        The kernel frees the lock when its process ends, also after SIGKILL.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with self.files.owner.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                owner = lock.read().strip() or "unknown"
                logger.info("process %s is at this training already; waiting for it (or end it: kill %s)", owner, owner)
                while True:
                    time.sleep(1)
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        continue
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @property
    def checkpoints(self) -> list[Path]:
        """The saved states, the latest first."""
        return self.files.checkpoints

    def save(self, state: dict[str, Any], iteration: int) -> None:
        """Save a state in addition to the one before it; if the disk fills up meanwhile, earlier states are not lost.

        Raises:
            OSError: the state cannot be written.
        """
        with atomic_file(self.files.checkpoint(iteration)) as partial:
            _write(state, partial)
        for old in self.checkpoints[KEPT:]:
            old.unlink()

    def load(self) -> dict[str, Any] | None:
        """The latest state that can be read, opened without executing what is in it; None where there is none.

        Raises:
            UserError: there are checkpoints, and none of them can be read.
        """
        checkpoints, complaints = self.checkpoints, []
        for file in checkpoints:
            try:
                return read_torch_file(file, "it is passed over")
            except UserError as error:
                logger.info("%s", error)
                complaints.append(file.name)
        if complaints:
            raise UserError(
                f"{self.path}: no checkpoint can be read ({', '.join(complaints)}); remove them to start this "
                f"training afresh"
            )
        if not checkpoints and not self.finished.exists():
            self._tell_of_others()
        return None

    def _tell_of_others(self) -> None:
        others = [folder.name for folder in self.path.parent.iterdir() if StatePaths(folder).checkpoints]
        if others:
            logger.info(
                "%s holds the state of a training with other settings or inputs (%s); this one starts afresh",
                self.path.parent,
                ", ".join(sorted(others)),
            )

    def discard_checkpoints(self) -> None:
        """Remove the checkpoints of a finished training, which are large."""
        for file in self.checkpoints:
            file.unlink()

    def publish(self, output: Path) -> None:
        """Copy the finished files to `output`; the originals stay, so that damaged outputs can be made again."""
        for source in sorted(self.finished.iterdir()):
            with atomic_file(output / source.name) as partial:
                shutil.copyfile(source, partial)


def _write(state: dict[str, Any], file: Path) -> None:
    """Save a state; if writing fails, raise the system's OSError, which torch hides behind a RuntimeError."""
    try:
        with file.open("wb") as stream:
            torch.save(state, stream)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
