"""Programs that are not Python's and that some tests call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest

SLURM = ["munged", "slurmctld", "slurmd", "sbatch"]
COMPILER = ["g++"]  # with which torch.compile compiles for a CPU
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def need(programs: Sequence[str], path: str = PATH) -> None:
    """Skip the test where a program is missing; with CI=true, where `.ci/run` installs them all, fail it."""
    absent = [name for name in programs if shutil.which(name, path=path) is None]
    if not absent:
        return
    told = f"{', '.join(absent)} not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{told}, although CI is true: .ci/run installs it", pytrace=False)
    pytest.skip(told)
