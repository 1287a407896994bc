"""Where a training keeps what it needs to go on: checkpoint, log and snapshots.

Snakemake deletes a job's declared outputs before it starts the job again, so this folder is not one of
them. Its name is a digest of everything that the training depends on: a changed setting starts afresh
and never resumes another training's state. One process owns it at a time.
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
from gansr.config.plan import canonical
from gansr.networks.weight_files import read_torch_file

logger = logging.getLogger("gansr")


class StateFolder:
    """The folder of one training; use it inside `owned`."""

    def __init__(self, parent: Path, identity: dict[str, Any]) -> None:
        self.path = parent / hashlib.sha256(canonical(identity).encode()).hexdigest()[:16]
        self.checkpoint = self.path / "checkpoint.pt"
        self.log = self.path / "log.jsonl"
        self.snapshots = self.path / "snapshots"
        self.finished = self.path / "finished"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder; waits for another owner, such as a training whose Snakemake was killed.

        The kernel frees the lock when its holder dies, however it dies.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "owner").open("a+") as lock:
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

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint in one step."""
        with atomic_file(self.checkpoint) as partial:
            torch.save(state, partial)

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint, opened without executing what is in it; None where there is none."""
        if not self.checkpoint.exists():
            return None
        return read_torch_file(self.checkpoint, "remove it to start this training afresh")

    def publish(self, output: Path) -> None:
        """Copy the finished files to `output`; the originals stay, so that damaged outputs can be made again."""
        for source in sorted(self.finished.iterdir()):
            with atomic_file(output / source.name) as partial:
                shutil.copyfile(source, partial)
