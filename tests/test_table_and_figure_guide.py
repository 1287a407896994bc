"""The table and the figure of docs/add-a-table-or-figure.md, put where it says, are made with no other edit."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from gansr.checksum import checksum
from gansr.config.catalog import Catalog
from gansr.config.tables import Switch
from gansr.plan.load import load_plan
from gansr.plan.table_jobs import table_inputs, table_job
from gansr.schema.loading import read_yaml, validate

REPOSITORY = Path(__file__).parents[1]
GUIDE = (REPOSITORY / "docs" / "add-a-table-or-figure.md").read_text(encoding="utf-8")
NETWORK = {"network": "rrdb", "features": 16, "blocks": 1}
METHOD: dict[str, Any] = {"iterations": 3, "batch_size": 4, "patch_size": 64, "losses": {}}


def block(language: str, opening: str) -> str:
    (found,) = [
        text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL) if text.startswith(opening)
    ]
    return str(found)


def gansr(folder: Path, package: Path, *words: str | Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gansr", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]


@pytest.fixture
def run(tmp_path: Path) -> dict[str, Any]:
    """The default run with the table of the guide, in a folder with a config of its own."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "config" / "tables" / "perceptual.yaml").write_text(block("yaml", "title: "), encoding="utf-8")
    (tmp_path / "config" / "published" / "perceptual.csv").write_text(block("csv", "metric"), encoding="utf-8")
    data = read_yaml(tmp_path / "config" / "config.yaml")
    return data | {"tables": data["tables"] | yaml.safe_load(block("yaml", "tables:"))["tables"]}


def write_spec(folder: Path, name: str) -> None:
    record = {
        "model": name,
        "job": {"seed": 0, "generator": NETWORK, "method": METHOD},
        "inputs": {"training_images": ["one"]},
        "parameters": 1000,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")


def test_the_table_of_the_guide_is_made(tmp_path: Path, run: dict[str, Any]) -> None:
    plan = load_plan(run, "config.yaml", Catalog(tmp_path / "config"))
    job = table_job(plan, "perceptual")
    assert [entry.group for entry in job.entries][:2] == ["", "srresnet"]
    # a model is a column of every table of this layout unless it says otherwise
    assert {"Bicubic", "RRDB", "RRDB+LDL", "Beby-GAN"} <= {entry.name for entry in job.entries}
    for scored in [folder for entry in job.entries for folder in entry.scored]:
        file = tmp_path / "results" / "metrics" / scored / "photos.csv"
        file.parent.mkdir(parents=True)
        values = {"lpips_alex": 0.1 + len(scored) / 1000, "lpips_vgg": 0.25, "psnr_y": 25.0}
        rows = [f"one,{metric},{value}" for metric, value in values.items()]
        file.write_text("\n".join(["image,metric,value", *rows]) + "\n", encoding="utf-8")
        protocols = {metric: {"name": metric, "text": metric} for metric in values}
        notes = {"protocols": protocols, "unavailable": {}, "scores_sha256": checksum(file)}
        file.with_suffix(".json").write_text(json.dumps(notes))
    for entry in job.entries:
        if entry.folder:
            write_spec(tmp_path / "results" / "models" / entry.folder, entry.model)
    images = tmp_path / "data" / "photos" / "x4" / "images"
    (images / "HR").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(images / "HR" / "one.png")

    (published,) = table_inputs(plan, "perceptual")["published"]
    words = ["--run-folder", tmp_path / "results", "--images", images, "--published", published]
    gansr(tmp_path, REPOSITORY / "src", "table", "--job", job.to_json(), *words)
    made = tmp_path / "results" / "tables"
    with (made / "perceptual.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert header == ["metric", "benchmark", *(entry.name for entry in job.entries)]
    assert [row[:3] for row in rows] == [
        ["LPIPS", "photos", "0.107"],
        ["LPIPS-VGG", "photos", "0.25"],
        ["PSNR", "photos", "25"],
    ]
    markdown = (made / "perceptual.md").read_text(encoding="utf-8")
    assert "# Perceptual distances" in markdown
    assert "| LPIPS | Set5 | 0.067 |" in markdown and "- RRDB+LDL (DIV2K): what the paper trained" in markdown
    assert r"\label{tab:perceptual}" in (made / "perceptual.tex").read_text(encoding="utf-8")
    assert "RRDB+LDL (DIV2K)" in (made / "perceptual_vs_published.csv").read_text(encoding="utf-8")


def test_the_switches_of_the_guide_are_valid() -> None:
    for switch in yaml.safe_load(block("yaml", "switches:"))["switches"]:
        validate(Switch, switch, "the guide")


def test_the_figure_of_the_guide_is_drawn(tmp_path: Path, run: dict[str, Any]) -> None:
    package = tmp_path / "package"
    shutil.copytree(REPOSITORY / "src" / "gansr", package / "gansr")
    (package / "gansr" / "reporting" / "figures" / "training_losses.py").write_text(block("python", '"""A loss'))
    run["figures"] = yaml.safe_load(block("yaml", "figures:"))["figures"]
    (tmp_path / "config" / "run.yaml").write_text(yaml.safe_dump(run), encoding="utf-8")
    script = """
from pathlib import Path
from gansr.schema.loading import read_yaml
from gansr.plan.figure_jobs import figure_files, figure_inputs, figure_job
from gansr.plan.load import load_plan

plan = load_plan(read_yaml(Path("config/run.yaml")), "config/run.yaml")
print(figure_job(plan, "training_losses").to_json())
print(*figure_inputs(plan, "training_losses")["models"])
print(*figure_files(plan, "training_losses"))
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    job, reads, makes = result.stdout.splitlines()
    models = "results/demo/models"
    assert reads.split() == [f"{models}/{m}/{f}" for f in ("spec.yaml", "log.jsonl") for m in ("RRDB+GAN", "RRDB+LDL")]
    assert makes.split() == [f"results/demo/figures/training_losses.{form}" for form in ("pdf", "png")]
    for model in ("RRDB+GAN", "RRDB+LDL"):
        folder = tmp_path / "results" / "demo" / "models" / model
        folder.mkdir(parents=True)
        lines = [{"iteration": n, "losses": {"perceptual": 1 / n}} for n in (1, 2, 3)]
        (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    gansr(tmp_path, package, "figure", "--job", job, "--run-folder", tmp_path / "results" / "demo")
    assert Image.open(tmp_path / "results" / "demo" / "figures" / "training_losses.png").width > 500
    assert (tmp_path / "results" / "demo" / "figures" / "training_losses.pdf").read_bytes().startswith(b"%PDF")
