"""The README's commands, and the examples in the documentation, are true of this commit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.main import get_command

from gansr.cli import app
from gansr.config.catalog import Catalog
from gansr.config.method import Method
from gansr.config.method_files import merge, read_method
from gansr.config.metrics import METRICS as ROWS
from gansr.plan.load import load_plan
from gansr.schema.loading import validate

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CONFIG_README = (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")
METRICS = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
LOSS_GUIDE = (REPOSITORY / "docs" / "add-a-loss.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "config/README.md", *(f"docs/{file.name}" for file in (REPOSITORY / "docs").glob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_make_demo_runs_the_command_that_the_readme_gives() -> None:
    command = "snakemake --cores 4 --resources gpu=4 all"
    assert README.count(command) >= 2
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "demo"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert f".venv/bin/{command}" in planned.stdout


def test_the_two_commands_of_the_readme_share_the_tests() -> None:
    chosen = []
    for target in ("test", "test-all"):
        assert re.search(rf"^    make {target} ", README, flags=re.MULTILINE)
        planned = subprocess.run(
            ["make", "--dry-run", "--always-make", target], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        (command,) = [line for line in planned.stdout.splitlines() if "-m pytest" in line]
        chosen.append(re.sub("-m pytest .* -m ", "", command))
    assert chosen == ['.venv/bin/python "not slow"', ".venv/bin/python slow"]


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "config/README.md",
        "docs/add-a-loss.md",
        "docs/add-a-table-or-figure.md",
        "docs/training.md",
        "docs/papers.md",
        "docs/metrics.md",
        "docs/cluster.md",
        "docs/speed.md",
    ],
)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    for target in linked:
        assert (REPOSITORY / document).parent.joinpath(target).exists(), target
    for path in re.findall(r"`((?:src|config|workflow|docs)/[\w./-]+)`", text):
        if Path(path).name not in ("my_run.yaml", "gan_l1.yaml", "gan_tv.yaml"):  # the reader's own
            assert (REPOSITORY / path).exists(), path


def test_the_table_of_the_metrics_names_every_protocol() -> None:
    told: dict[str, list[str]] = {}
    names: list[str] = []
    for line in METRICS.splitlines():
        if line.startswith("| ") and "`" in line:
            metrics, protocols, *_ = line.strip("|").split("|")
            names = re.findall(r"`(\w+)`", metrics) or names  # a line without metrics belongs to the one above
            found = re.findall(r"`([\w.]+)`", protocols)
            for number, name in enumerate(names):
                # of several metrics and as many protocols each has its own
                told.setdefault(name, []).extend([found[number]] if len(found) == len(names) else found)
    assert told == {metric: [protocol.name for protocol in row.protocols] for metric, row in ROWS.items()}


def test_the_options_of_score_that_the_documents_name_exist() -> None:
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    known = {option for parameter in verbs["score"].params for option in parameter.opts}
    examples = re.findall(r"^    gansr score (.*)$", README + METRICS, flags=re.MULTILINE)
    named = {
        word for text in (*examples, *re.findall(r"`(--[^`]*)`", METRICS)) for word in re.findall(r"--[a-z-]+", text)
    }
    assert len(examples) >= 2 and {"--metrics", "--crop"} <= named <= known
    for metrics in re.findall(r"--metrics (\S+)", " ".join(examples)):
        assert set(metrics.split(",")) <= set(ROWS)


def test_the_example_of_own_images_is_a_valid_run(tmp_path: Path) -> None:
    (example,) = [block for block in blocks(CONFIG_README, "yaml") if block.startswith("run: mine")]
    data = yaml.safe_load(example)
    for (name, dataset), colour in zip(data["datasets"].items(), ("red", "blue"), strict=True):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("RGB", (128, 128), colour).save(folder / "image.png")
        dataset["folder"] = str(folder)
    plan = load_plan(data, "config/README.md", Catalog(REPOSITORY / "config"))
    assert list(plan.models) == ["RRDB", "RRDB+LDL"]


@pytest.mark.parametrize("document", [README, CONFIG_README], ids=["README.md", "config/README.md"])
def test_the_example_of_an_own_method_is_valid(document: str) -> None:
    (example,) = [block for block in blocks(document, "yaml") if block.startswith("extends: gan")]
    data = yaml.safe_load(example)
    base = read_method(REPOSITORY / "config" / "methods", data.pop("extends"))
    method = validate(Method, merge(base, data), "the example")
    assert method.losses["pixel"]["weight"] == 1.0


def test_the_example_of_an_own_loss_trains(tmp_path: Path) -> None:
    """The files of the guide, put where it says, are found, checked against their signatures and trained with."""
    (loss, view) = blocks(LOSS_GUIDE, "python")
    (method, _) = blocks(LOSS_GUIDE, "yaml")
    method += "  adversarial: {view: {name: luma}}\n"
    package = tmp_path / "package" / "gansr"
    shutil.copytree(REPOSITORY / "src" / "gansr", package)
    (package / "losses" / "total_variation.py").write_text(loss)
    (package / "losses" / "views" / "luma.py").write_text(view)
    config = tmp_path / "config"
    shutil.copytree(REPOSITORY / "config", config)
    (config / "methods" / "gan_tv.yaml").write_text(method)
    run = yaml.safe_load((config / "config.yaml").read_text(encoding="utf-8"))
    run["models"].append({"name": "RRDB+TV", "generator": "rrdb", "method": "gan_tv", "start": "RRDB"})
    (config / "config.yaml").write_text(yaml.safe_dump(run))
    script = """
import torch
from pathlib import Path
from gansr.schema.loading import read_yaml
from gansr.plan.load import load_plan
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

plan = load_plan(read_yaml(Path("config/config.yaml")), "config/config.yaml")
job = plan.trained["RRDB+TV"].job
method = job.method.model_dump(mode="json")
step = TrainingStep(build_generator(job.generator, 4), method, LossContext(0), Engine(torch.device("cpu")))
hr = torch.rand(2, 3, 64, 64)
step.critics["adversarial"].network.register_forward_pre_hook(lambda _, given: print("channels", given[0].shape[1]))
print(sorted(step(torch.rand(2, 3, 16, 16), hr)))
"""
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "total_variation" in result.stdout
    assert result.stdout.count("channels 1") == 3
