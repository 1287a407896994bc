"""One Snakemake at a time on a run's folder, and on a dataset that it prepares.

Snakemake's own lock stays behind when Snakemake is killed, and must then be removed by hand. This lock is a file lock
(flock), which the kernel frees when the process ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from gansr.errors import UserError

_held: list[IO[str]] = []


def lock_run(folder: Path) -> None:
    """Lock a folder until this process ends.

    Raises:
        UserError: another process has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".owner").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise UserError(f"{folder}: process {owner} is working on it; wait for it or end it") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    # not inherited by child processes: one that outlives Snakemake would keep the lock
    os.set_inheritable(lock.fileno(), False)
    _held.append(lock)
