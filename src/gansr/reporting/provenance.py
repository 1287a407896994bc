"""Write provenance.json: code, packages, inputs and configuration of a run, and how long each job took."""

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
from gansr.paths import DataPaths, RunPaths, hr_images
from gansr.plan.jobs.provenance import ProvenanceJob
from gansr.reporting.training_words import read_spec

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


def write_provenance(job: ProvenanceJob, run_folder: Path, data_dir: Path) -> None:
    """Write results/<run>/provenance.json.

    Args:
        job: the run's configuration, its models, and the licences of its datasets and weights.
        run_folder: results/<run>.
        data_dir: the folder of the prepared datasets, whose HR images are the run's inputs.
    """
    paths, prepared = RunPaths(run_folder), DataPaths(data_dir, job.scale)
    images = {name: prepared.images(name) for name in job.datasets}
    models = {name: read_spec(run_folder, folder) for name, folder in job.models.items()}
    record = {
        "run": job.run,
        "code": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: importlib.metadata.version(package) for package in PACKAGES},
        "models": {
            name: _trained(spec) if "method" in spec["job"] else _not_trained(spec) for name, spec in models.items()
        },
        "hr_images_sha256": {name: _checksums(hr_images(folder)) for name, folder in images.items()},
        "fetched": {
            "datasets": _receipts({name: folder / SOURCE for name, folder in images.items()}),
            "weights": _receipts({name: prepared.weight_receipt(name) for name in job.weights}),
        },
        "licences": {"datasets": job.datasets, "weights": job.weights},
        "job_seconds": _job_seconds(paths.timings),
        "configuration": job.configuration,
    }
    write_text(paths.provenance, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


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
    """The receipts of fetched archives or files of weights, by name; others have none."""
    return {name: read_receipt(file) for name, file in files.items() if file.is_file()}


def _job_seconds(timings: Path) -> dict[str, float]:
    """Wall time of the last attempt at each job, from Snakemake's benchmark files."""
    return {
        str(file.relative_to(timings).with_suffix("")): float(pd.read_csv(file, sep="\t")["s"].iloc[0])
        for file in sorted(timings.rglob("*.tsv"))
    }


def _trained(spec: dict[str, Any]) -> dict[str, Any]:
    kept = ("device", "processes", "torch", "seconds", "resumed_at", "skipped", "parameters")
    of_job = {key: spec["job"][key] for key in ("seed", "training")}
    return {key: spec[key] for key in kept} | of_job | {"inputs": spec["inputs"]}


def _not_trained(spec: dict[str, Any]) -> dict[str, Any]:
    made = {key: spec["job"][key] for key in ("interpolate", "released") if key in spec["job"]}
    return made | {"parameters": spec["parameters"], "inputs": spec["inputs"]}
