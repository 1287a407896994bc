"""The command line as a user types it, what a user's mistake looks like there, and small things to try it on."""

from __future__ import annotations

import hashlib
import logging
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from gansr.cli import main
from gansr.progress import Progress

logger = logging.getLogger("gansr")

ROOT = Path(__file__).parents[1]


def gansr(*words: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a verb in a folder, by default the checkout."""
    command = [sys.executable, "-m", "gansr", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


class Here:
    """Verbs inside this process, which need not import their libraries anew."""

    def __init__(self, patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str]) -> None:
        self.patch, self.captured = patch, captured
        for variable, value in (("OMP_NUM_THREADS", "1"), ("CUDA_VISIBLE_DEVICES", "")):  # which a verb sets
            patch.setenv(variable, value)
        # and what it sets up for a process of its own
        patch.setattr(Progress, "lines_only", Progress.lines_only)
        patch.setattr(logger, "propagate", logger.propagate)
        patch.setattr(logger, "level", logger.level)

    def gansr(self, *words: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run a verb in a folder, by default the checkout."""
        self.patch.chdir(folder)
        self.patch.setattr(logger, "handlers", [])
        self.patch.setattr(sys, "argv", ["gansr", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert isinstance(stop.value.code, int)
        return subprocess.CompletedProcess(sys.argv, stop.value.code, *self.captured.readouterr())


def mistake(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line that holds the words, exit code 1, and nothing else."""
    assert result.returncode == 1, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("gansr: error: ")
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in line, f"{word!r} is not in: {line}"
    assert result.stdout == ""


def cells(result: subprocess.CompletedProcess[str], label: str) -> list[str]:
    """The cells of the printed line of a metric."""
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def only_progress(result: subprocess.CompletedProcess[str]) -> None:
    """Nothing is on stderr but how far it is."""
    lines = re.split(r"[\r\n]+", result.stderr.strip())
    assert all(re.match(r"^(gansr: )?score \w+: +\d+%|^$", line) for line in lines), result.stderr


def list_weights(folder: Path, name: str, content: bytes, address: str | None = None) -> Path:
    """A list of weights of one file; where the file is to lie."""
    entry = {"file": f"{name}.bin", "sha256": hashlib.sha256(content).hexdigest(), "licence": "free"}
    (folder / "config").mkdir(exist_ok=True)
    listed = {"weights": {name: entry | ({"addresses": [address]} if address else {})}}
    (folder / "config" / "weights.yaml").write_text(yaml.safe_dump(listed), encoding="utf-8")
    (folder / "weights").mkdir(exist_ok=True)
    return folder / "weights" / f"{name}.bin"


def picture(seed: int, height: int = 36, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
