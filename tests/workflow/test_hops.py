"""One of each new thing, added with exactly the files that docs/structure.md names, in one small run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from .conftest import REPOSITORY, Project, make_project, micro_config

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

FILES = {
    "src/gansr/losses/total_variation.py": """
from gansr.losses.base import LossTerm

class TotalVariationLoss(LossTerm):
    def __init__(self, context, *, power: int = 1) -> None:
        super().__init__(context)
        self.power = power

    def forward(self, outputs):
        return outputs.sr.diff(dim=2).abs().pow(self.power).mean()
""",
    "src/gansr/losses/views/luma.py": """
from gansr.losses.views.base import Shown, View

def channels(options):
    return 1

class LumaView(View):
    def forward(self, lr, hr):
        return Shown(hr.mean(1, keepdim=True), lambda sr: sr.mean(1, keepdim=True))
""",
    "src/gansr/networks/generators/shallow.py": """
from torch import nn

def build(scale, *, features: int = 8):
    return nn.Sequential(
        nn.Conv2d(3, features, 3, padding=1), nn.ReLU(), nn.Conv2d(features, 3 * scale**2, 3, padding=1),
        nn.PixelShuffle(scale),
    )
""",
    "src/gansr/networks/critics/patches.py": """
from torch import nn

def build(patch_size, channels, *, features: int = 4):
    return nn.Sequential(nn.Conv2d(channels, features, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(features, 1, 4, 2, 1))
""",
    "src/gansr/metrics/mae.py": """
from gansr.metrics.scorer import PerImage

def build(protocols, inputs):
    return PerImage({"mae": lambda pair: abs(pair.sr.astype(float) - pair.hr).mean()})
""",
    "src/gansr/reporting/figures/final_loss.py": """
import json

from matplotlib import pyplot as plt

from gansr.reporting.figure_inputs import FigureInputs
from gansr.reporting.figure_style import save

READS = ("log",)

def models(options):
    return [options["model"]]

def draw(inputs: FigureInputs, *, model: str, loss: str = "total_variation") -> None:
    lines = inputs.paths.training_log(inputs.models[0].folder).read_text(encoding="utf-8").splitlines()
    figure, axis = plt.subplots()
    axis.plot([json.loads(line)["losses"][loss] for line in lines])
    save(figure, inputs.output("final_loss"))
""",
    "config/methods/mine.yaml": yaml.safe_dump(
        {
            "title": "Mine",
            "stage": "finetune",
            "losses": {
                "total_variation": {"weight": 0.1, "power": 2},
                "adversarial": {"weight": 0.01, "objective": "plain", "view": {"name": "luma"}},
            },
            "critics": {"adversarial": {"network": "patches"}},
            "optimizer": {"learning_rate": 1e-4, "betas": [0.9, 0.99]},
            "iterations": 5,
            "batch_size": 2,
            "patch_size": 32,
        }
    ),
    "config/tables/mine.yaml": yaml.safe_dump(
        {"title": "Mine", "layout": "model_columns", "metrics": ["mae", "psnr_y"]}
    ),
}
ROW = '    MetricDefinition("mae", "MAE", 2, False, (Protocol("mae_rgb", "rgb"),)),\n'
CHANGED = {"src/gansr/config/metrics.py", "config/datasets.yaml"}  # by one row, and by one entry


def write(folder: Path) -> None:
    """Everything that is new, and nothing else."""
    for name, text in FILES.items():
        assert not (folder / name).exists()
        (folder / name).write_text(text.lstrip(), encoding="utf-8")
    rows = folder / "src" / "gansr" / "config" / "metrics.py"
    rows.write_text(rows.read_text(encoding="utf-8").replace("ROWS = (\n", "ROWS = (\n" + ROW, 1), encoding="utf-8")
    datasets = folder / "config" / "datasets.yaml"
    entry = {"my_test": {"role": "benchmark", "folder": str(folder / "own" / "test")}}
    indented = "".join(f"  {line}\n" for line in yaml.safe_dump(entry).splitlines())
    datasets.write_text(datasets.read_text(encoding="utf-8").rstrip() + "\n" + indented, encoding="utf-8")


def run() -> dict[str, Any]:
    config = micro_config()
    kept = {key: config[key] for key in ("run", "scale", "download", "train_dataset", "overrides")}
    shallow = {"generator": "shallow"}
    return kept | {
        "datasets": {"small_train": config["datasets"]["small_train"]},
        "benchmarks": ["my_test"],
        "metrics": ["psnr_y", "mae"],
        "generators": {"shallow": {"network": "shallow", "features": 4}},
        "models": [
            {"name": "Shallow", "method": "psnr", **shallow},
            {"name": "Shallow+Mine", "method": "mine", "start": "Shallow", **shallow},
        ],
        "overrides": {"pretrain": config["overrides"]["pretrain"]},
        "tables": {"mine": {"reference": ["Bicubic"]}},
        "figures": {"final_loss": {"model": "Shallow+Mine"}},
    }


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A scratch copy of the project with one of each, and its finished run."""
    folder = tmp_path_factory.mktemp("hops")
    project = make_project(folder)
    shutil.copytree(
        REPOSITORY / "src" / "gansr", folder / "src" / "gansr", ignore=shutil.ignore_patterns("__pycache__")
    )
    before = contents(folder)
    write(folder)
    after = contents(folder)
    assert after.keys() - before.keys() == FILES.keys()
    assert {name for name in before if before[name] != after[name]} == CHANGED
    project.configure(run())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "src"))
        result = project.snakemake("all")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project


def contents(folder: Path) -> dict[str, bytes]:
    files = [file for part in ("src", "config", "workflow") for file in (folder / part).rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.name != "micro.yaml"}


def test_the_model_is_trained_with_the_loss_the_view_and_the_critic(extended: Project) -> None:
    log = (extended.results / "models" / "Shallow+Mine" / "log.jsonl").read_text().splitlines()
    assert [set(json.loads(line)["losses"]) for line in log] == [
        {"total_variation", "adversarial", "discriminator"}
    ] * 5
    spec = yaml.safe_load((extended.results / "models" / "Shallow+Mine" / "spec.yaml").read_text())
    assert spec["job"]["method"]["losses"]["total_variation"] == {"weight": 0.1, "power": 2}
    versions = spec["job"]["versions"]
    own = {"loss/total_variation", "view/luma", "generator/shallow", "critic/patches"}
    assert {name for name, version in versions.items() if str(version).startswith("sha256:")} == own


def test_the_benchmark_is_scored_with_the_metric_and_the_table_shows_it(extended: Project) -> None:
    table = pd.read_csv(extended.results / "tables" / "mine.csv").set_index("metric")
    assert list(table.columns) == ["benchmark", "Bicubic", "Shallow", "Shallow+Mine"]
    assert set(table["benchmark"]) == {"my_test"} and list(table.index) == ["MAE", "PSNR"]
    scores = pd.read_csv(extended.results / "metrics" / "Shallow+Mine" / "my_test.csv")
    for image, value in scores[scores["metric"] == "mae"][["image", "value"]].itertuples(index=False):
        sr = np.asarray(Image.open(extended.results / "images" / "Shallow+Mine" / "my_test" / f"{image}.png"))
        (hr,) = (extended.folder / "results" / "data" / "my_test" / "x4" / "images" / "HR").glob(f"{image}.png")
        assert value == pytest.approx(np.abs(sr.astype(float) - np.asarray(Image.open(hr))).mean())
    for form in (".md", ".tex", "_notes.md", "_vs_published.csv"):
        assert (extended.results / "tables" / f"mine{form}").stat().st_size > 0


def test_the_figure_is_drawn(extended: Project) -> None:
    for form in ("png", "pdf"):
        assert (extended.results / "figures" / f"final_loss.{form}").stat().st_size > 0
