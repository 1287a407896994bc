"""Several processes for one training, started by torchrun. Imports no torch."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # of Linux' prctl


def is_launched() -> bool:
    """Whether torchrun has started this process as one of several."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def rank() -> int:
    """The number of this process among the processes of its training, from 0."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """How many processes its training has."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def become_torchrun(processes: int) -> NoReturn:
    """Replace this process by torchrun, which runs the same command line in so many processes on this machine.

    torchrun keeps what this process holds, such as its locks on GPUs.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "--", "gansr"]
    os.execv(sys.executable, [sys.executable, *launcher, *sys.argv[1:]])


def end_with_launcher() -> None:
    """Let the kernel kill this process when torchrun ends, even by SIGKILL, so that its GPUs become free."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
