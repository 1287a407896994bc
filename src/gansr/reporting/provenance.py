"""provenance.json: what a run was made from and with, and how long each job took."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.data.fetched import SOURCE
from gansr.data.receipts import read_receipt
from gansr.reporting.facts import read_spec

PACKAGES = [
    "gansr",
    "snakemake",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
    "spandrel",
    "lpips",
    "pytorch-fid",
]


def write_provenance(data: dict[str, Any], run_folder: Path, data_dir: Path) -> None:
    """Write results/<run>/provenance.json.

    Args:
        data: the run's configuration, its models and datasets (config/slices.py).
        run_folder: results/<run>.
        data_dir: the folder of the prepared datasets, whose HR images are the run's inputs.
    """
    images = {name: data_dir / name / f"x{data['run']['scale']}" / "images" for name in data["datasets"]}
    models = {name: read_spec(run_folder, model["slug"]) for name, model in data["models"].items()}
    record = {
        "run": data["run"]["run"],
        "code": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: importlib.metadata.version(package) for package in PACKAGES},
        "models": {
            name: _trained(spec) if "method" in spec["spec"] else _not_trained(spec) for name, spec in models.items()
        },
        "hr_images_sha256": {name: _checksums(prepared / "HR") for name, prepared in images.items()},
        "fetched": {
            "datasets": _receipts({name: prepared / SOURCE for name, prepared in images.items()}),
            "weights": _receipts(
                {name: data_dir / "receipts" / "weights" / f"{name}.json" for name in data["weights"]}
            ),
        },
        "licences": {kind: data[kind] for kind in ("datasets", "weights")},
        "job_seconds": _job_seconds(run_folder / "timings"),
        "configuration": data["run"],
    }
    write_text(run_folder / "provenance.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _revision() -> dict[str, Any]:
    """The commit of the code and whether files differ from it; None outside a git checkout."""

    def git(*words: str) -> str | None:
        try:
            result = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return result.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"revision": git("rev-parse", "HEAD"), "changed": None if changed is None else bool(changed)}


def _checksums(folder: Path) -> dict[str, str]:
    return {file.stem: checksum(file) for file in sorted(folder.glob("*.png"))}


def _receipts(files: dict[str, Path]) -> dict[str, Any]:
    """Where each archive or file of weights came from and its checksum; nothing of what was not fetched."""
    return {name: read_receipt(file) for name, file in files.items() if file.is_file()}


def _job_seconds(timings: Path) -> dict[str, float]:
    """Wall time of the last attempt at each job, from Snakemake's benchmark files."""
    return {
        str(file.relative_to(timings).with_suffix("")): float(pd.read_csv(file, sep="\t")["s"].iloc[0])
        for file in sorted(timings.rglob("*.tsv"))
    }


def _trained(spec: dict[str, Any]) -> dict[str, Any]:
    kept = ("device", "processes", "torch", "seconds", "resumed_at", "skipped", "parameters")
    of_spec = {key: spec["spec"][key] for key in ("seed", "training")}
    return {key: spec[key] for key in kept} | of_spec | {"inputs": spec["inputs"]}


def _not_trained(spec: dict[str, Any]) -> dict[str, Any]:
    made = {key: spec["spec"][key] for key in ("interpolate", "released") if key in spec["spec"]}
    return made | {"parameters": spec["parameters"], "inputs": spec["inputs"]}
