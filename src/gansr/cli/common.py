"""Options and functions that several verbs share."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from gansr.errors import UserError, nearest
from gansr.progress import Progress

logger = logging.getLogger("gansr")

LogFile = Annotated[Path | None, typer.Option("--log", help="Also write messages to this file.")]
JobText = Annotated[str, typer.Option("--job", help="What the job is asked for, as JSON.")]
Threads = Annotated[int, typer.Option(help="CPU threads for torch.")]
Gpus = Annotated[int, typer.Option(help="GPUs to take; on a machine without any, the CPU is used.")]
Output = Annotated[Path, typer.Option(help="Where the result goes; it appears when it is complete.")]


def begin(log: Path | None) -> None:
    """Send messages to stderr and to the log file, whose first line is the command line."""
    from gansr.training import launch

    logger.setLevel(logging.INFO if launch.rank() == 0 else logging.ERROR)
    logger.propagate = False
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("gansr: %(message)s"))
    logger.handlers[:] = [console]
    if log is not None:
        Progress.lines_only = True
        log.parent.mkdir(parents=True, exist_ok=True)
        # processes that torchrun starts append to the log that the first process, which became torchrun, has begun
        file = logging.FileHandler(log, mode="a" if launch.is_launched() else "w", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(file)
        if not launch.is_launched():
            file.emit(logging.makeLogRecord({"msg": f"gansr {shlex.join(sys.argv[1:])}"}))


def take_devices(gpus: int, threads: int) -> None:
    """Choose GPUs and CPU threads by environment variables; call it before torch is imported, which reads them."""
    from gansr.machine.gpu_lease import lease_gpus

    lease_gpus(gpus)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def read_text(file: Path) -> str:
    """The text of a file that the Snakefile writes when a run starts.

    Raises:
        UserError: it is not there.
    """
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; the Snakefile writes it when a run starts") from None


def verify_weights(listed: str, file: Path) -> None:
    """Refuse weights that are not there, or whose content is not what config/weights.yaml says."""
    from gansr.config.catalog import Catalog
    from gansr.data.download import verify

    if not file.is_file():
        raise UserError(
            f"{file}: not there any more; put it there, or remove its receipt (receipts/weights/{listed}.json in "
            f"data_dir) to have it downloaded again"
        )
    known = Catalog.nearest().weights
    if listed not in known:
        raise UserError(f'{file}: config/weights.yaml lists no weights "{listed}"; {nearest(listed, known)}')
    verify(known[listed].model_copy(update={"file": file.name}), file.parent)


def named_files(option: str, given: list[str]) -> dict[str, Path]:
    """The files, by name, of an option that is given as NAME=FILE, once for each name.

    Raises:
        UserError: one of them has no name or no file, or a name is given twice.
    """
    files: dict[str, Path] = {}
    for pair in given:
        name, _, file = pair.partition("=")
        if not name or not file:
            raise UserError(f"{option} {pair}: give it as NAME=FILE")
        if name in files:
            raise UserError(f"{option} {pair}: {name} is given twice; give one file")
        files[name] = Path(file)
    return files
