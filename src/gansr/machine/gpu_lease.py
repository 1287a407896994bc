"""Locks by which jobs on one machine share its GPUs, each GPU used by one job at a time.

Snakemake counts `--resources gpu=4` but does not tell a job which device it may use. A job that wants n GPUs takes n
locks, one per device, before torch is imported, and keeps them until its process ends; the kernel then frees them, also
after SIGKILL. Waiting jobs form one queue, so that a job that needs several GPUs is not overtaken for ever by jobs that
need one. On a machine without GPUs nothing is leased. A job that got exactly n devices from a scheduler uses those.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from gansr.errors import UserError

logger = logging.getLogger("gansr")

SCHEDULER_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "KUBERNETES_SERVICE_HOST")
NO_DEVICE = ("", "-1", "NoDevFiles")  # values of CUDA_VISIBLE_DEVICES that mean "no device"
# The open files that hold the locks; kept here so that they are not closed before the process ends.
_held: list[IO[str]] = []


def lease_gpus(count: int) -> list[str]:
    """Take `count` GPUs for this process, waiting for them, and set CUDA_VISIBLE_DEVICES to them.

    With `count` 0, or where the machine has no GPU, CUDA_VISIBLE_DEVICES is emptied: the CPU is used. Processes that
    this one starts, or becomes by exec, inherit the locks: the devices are free when the last of them has ended.

    Returns:
        the ids of the devices leased by this call.

    Raises:
        UserError: the machine has GPUs, but not so many.
    """
    pool = _pool()
    if count <= 0 or not pool:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return []
    scheduler = next((os.environ[name] for name in SCHEDULER_VARIABLES if os.environ.get(name)), "")
    if scheduler and len(pool) == count:
        return []
    if count > len(pool):
        raise UserError(f"{count} GPUs are asked for and this machine has {len(pool)}; lower training.gpus")
    folder = Path(os.environ.get("GPU_LOCKS") or Path(tempfile.gettempdir()) / f"gpu-lease-{os.getuid()}") / scheduler
    folder.mkdir(parents=True, exist_ok=True)
    leased: list[str] = []
    with (folder / "queue").open("w") as queue:
        fcntl.flock(queue, fcntl.LOCK_EX)
        while len(leased) < count:
            for device in pool:
                if len(leased) < count and device not in leased and _try(folder / device.replace("/", "_")):
                    leased.append(device)
            if len(leased) < count:
                time.sleep(0.5)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(leased)
    logger.info("GPU %s", ", ".join(leased))
    return leased


def _try(lock: Path) -> bool:
    stream = lock.open("w")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return False
    os.set_inheritable(stream.fileno(), True)
    _held.append(stream)
    return True


def _pool() -> list[str]:
    """The devices this process may use: GPU_POOL, else CUDA_VISIBLE_DEVICES, else what nvidia-smi lists."""
    for name in ("GPU_POOL", "CUDA_VISIBLE_DEVICES"):
        if name in os.environ:
            devices = [device.strip() for device in os.environ[name].split(",")]
            return [device for device in dict.fromkeys(devices) if device not in NO_DEVICE]
    if shutil.which("nvidia-smi") is None:
        return []
    listing = subprocess.run(
        ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return listing.stdout.split() if listing.returncode == 0 else []
