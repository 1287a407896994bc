"""A small project to run Snakemake in: the workflow and its config, tiny images, seconds of training."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
TRAIN = {"astronaut": (60, 160), "ihc": (100, 100), "motorcycle_left": (200, 300)}
TEST = {"chelsea": (90, 100), "coffee": (100, 40)}


def micro_config() -> dict[str, Any]:
    """Every kind of model, table and figure at the smallest size that works."""
    srresnet = {"generator": "srresnet"}
    return {
        "run": "micro",
        "scale": 4,
        "download": False,
        "datasets": {
            "small_train": {"role": "train", "folder": "own/train"},
            "small_test": {"role": "benchmark", "folder": "own/test"},
        },
        "train_dataset": "small_train",
        "benchmarks": ["small_test"],
        "metrics": ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "pi"],
        "generators": {"srresnet": {"network": "srresnet", "features": 4, "blocks": 1}},
        "models": [
            {"name": "SRResNet", "method": "psnr", **srresnet},
            {"name": "SRResNet+GAN", "method": "gan", "start": "SRResNet", **srresnet},
            {
                "name": "SRResNet+LDL",
                "method": "ldl",
                "start": "SRResNet",
                "published": {"ldl_table1": "SRResNet+LDL (DIV2K)"},
                **srresnet,
            },
            {
                "name": "Beby-GAN",
                "method": "beby",
                "start": "SRResNet",
                "published": {"beby_table2": "Beby-GAN"},
                **srresnet,
            },
            {
                "name": "SRResNet+GAN-PI",
                "interpolate": {"between": ["SRResNet", "SRResNet+GAN"], "alpha": 0.8},
                "tables": ["beby_table2"],
            },
        ],
        "overrides": {
            "pretrain": {"iterations": 6, "batch_size": 2, "patch_size": 32, "schedule": {"milestones": [4]}},
            "finetune": {
                "iterations": 6,
                "batch_size": 2,
                "patch_size": 32,
                "ema_decay": 0.9,
                "schedule": {"warmup": 1},
                "discriminator": {"features": 2, "stages": 5},
                "losses": {"perceptual": {"weights": "random", "width": 2}},
            },
        },
        "mad": {"benchmark": "small_test", "interval": 2, "size": 32},
        "tables": {
            "ldl_table1": {"reference": ["Bicubic", "SRResNet"]},
            "ldl_table2": {
                "benchmark": "small_test",
                "rows": [
                    {"row": "1'", "model": "SRResNet+GAN", "weights": "raw"},
                    {"row": "5", "model": "SRResNet+LDL", "weights": "ema"},
                ],
            },
            "beby_table1": {"columns": [{"column": "Beby-GAN", "model": "Beby-GAN"}]},
            "beby_table2": {},
        },
        "figures": {
            "mad_stability": {"models": ["SRResNet+GAN", "SRResNet+LDL", "Beby-GAN"]},
            "artifact_map": {"model": "SRResNet+LDL"},
        },
    }


@dataclass
class Project:
    """A folder with the workflow in it."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results" / "micro"

    def configure(self, config: dict[str, Any]) -> None:
        (self.folder / "config" / "micro.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        launcher = Path(sys.executable).parent / "snakemake"
        return [str(launcher), "--cores", "2", "--configfile", "config/micro.yaml", *arguments]

    def snakemake(self, *arguments: str, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def planned(self, *targets: str) -> set[tuple[str, str]]:
        """What a dry run of everything and these targets would make, as (rule, file)."""
        result = self.snakemake("--summary", "all", *targets)
        assert result.returncode == 0, result.stderr[-2000:]
        header, *lines = result.stdout.splitlines()
        columns = header.split("\t")
        rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in lines]
        return {(row["rule"], row["output_file"]) for row in rows if row["plan"] == "update pending"}


def paper() -> dict[str, Any]:
    """The papers' run."""
    run: dict[str, Any] = yaml.safe_load((CONFIG / "paper.yaml").read_text(encoding="utf-8"))
    return run


def empty_project(folder: Path) -> Project:
    """A project that has no run and no images."""
    for part in ("workflow", "config"):
        shutil.copytree(REPOSITORY / part, folder / part)
    return Project(folder)


def make_project(folder: Path) -> Project:
    """A project with small images and a run of its own on them."""
    project = empty_project(folder)
    package = Path(pytest.importorskip("skimage").__file__).parent / "data"
    for name, corners in (("train", TRAIN), ("test", TEST)):
        (folder / "own" / name).mkdir(parents=True)
        for image, (top, left) in corners.items():
            pixels = np.asarray(Image.open(package / f"{image}.png").convert("RGB"))[top : top + 96, left : left + 97]
            Image.fromarray(pixels).save(folder / "own" / name / f"{image}.png")
    project.configure(micro_config())
    return project


def edit_slurm_profile(project: Project) -> None:
    """What docs/cluster.md tells a user to edit of the profile for SLURM."""
    profile = project.folder / "workflow" / "profiles" / "slurm" / "config.yaml"
    text = profile.read_text()
    assert text.count("edit_me") == 2
    text = text.replace("slurm_account: edit_me", "slurm_account: mini").replace("edit_me", "main")
    profile.write_text(text.replace("# slurm-status-command", "slurm-status-command"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which nothing has run yet."""
    return make_project(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose run is complete, made once for all test processes; tests that change it work on a copy."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    project = Project(shared / "finished")
    said = project.folder / "first_run.txt"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(project.folder, ignore_errors=True)  # of a process that failed to make it
            make_project(project.folder)
            result = project.snakemake("all")
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
            said.write_text(result.stderr)
    return project


@pytest.fixture
def copied(finished: Project, tmp_path: Path) -> Project:
    """A complete run to change; times are kept, so that nothing in it is out of date."""
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Project(folder)
