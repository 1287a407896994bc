"""Scores of a run: the workflow's job, which keeps finished values; and a metric that is one more file and one row."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gansr.config.metrics import METRICS, versions
from gansr.plan.jobs.score import ScoreJob

from .command_line import Here, gansr, list_weights, mistake, picture
from .metrics.weight_data import random_trunk

ROOT = Path(__file__).parents[1]
NAMES = ["a", "b", "c"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """SR of a model on a benchmark, and the benchmark's prepared folder."""
    places = {"sr": tmp_path / "images" / "Model" / "set3", "hr": tmp_path / "data" / "set3" / "x4" / "images" / "HR"}
    for kind, place in places.items():
        place.mkdir(parents=True)
        for seed, name in enumerate(NAMES):
            Image.fromarray(picture(2 * seed + (kind == "sr"))).save(place / f"{name}.png")
    return tmp_path


def job(*names: str, weights: tuple[str, ...] = (), protocols: dict[str, str] | None = None) -> str:
    """The job of the workflow that scores by these metrics."""
    chosen = {name: METRICS[name].protocols[0].base for name in names} | (protocols or {})
    metrics = [{"name": name, "protocol": chosen[name], "versions": versions(name)} for name in names]
    return ScoreJob.model_validate({"code": 1, "metrics": metrics, "weights": weights}).to_json()


def words(spec: str, *more: str) -> list[str]:
    given = {"--job": spec, "--sr": "images/Model/set3", "--images": "data/set3/x4/images", "--weights-dir": "weights"}
    given |= {"--kept": "kept/Model/set3", "--output": "scores.csv"}
    return ["score-benchmark", *(word for option in given.items() for word in option), *more]


def rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def test_it_writes_what_score_writes_and_keeps_the_values(here: Here, folder: Path) -> None:
    result = here.gansr(*words(job("ssim_y", "psnr_y", protocols={"psnr_y": "y_rounded"})), folder=folder)
    assert result.returncode == 0 and result.stdout == "" and "Model on set3" in result.stderr
    by_hand = ["score", "images/Model/set3", "data/set3/x4/images/HR", "--metrics", "ssim_y,psnr_y"]
    here.gansr(*by_hand, "--protocol", "psnr_y=y_rounded", "--output", "own.csv", folder=folder)
    for form in ("csv", "json"):
        assert (folder / f"scores.{form}").read_bytes() == (folder / f"own.{form}").read_bytes()
    assert len(list((folder / "kept" / "Model" / "set3").iterdir())) == 2


def test_one_more_metric_leaves_the_values_of_the_others(here: Here, folder: Path) -> None:
    assert here.gansr(*words(job("psnr_y")), folder=folder).returncode == 0
    (file,) = (folder / "kept" / "Model" / "set3").iterdir()
    before = file.stat().st_mtime_ns
    result = here.gansr(*words(job("psnr_y", "ssim_y"), "--log", "job.log"), folder=folder)
    assert result.returncode == 0 and "kept from before: psnr_y" in (folder / "job.log").read_text()
    assert file.stat().st_mtime_ns == before
    assert [row[1] for row in rows(folder / "scores.csv")[1:]] == ["psnr_y", "ssim_y"] * 3
    # and none more reads no image, whatever became of what made it
    result = here.gansr(*words(job("ssim_y", "psnr_y")), folder=folder)
    assert result.returncode == 0 and "100%" not in result.stderr


def test_weights_that_a_run_has_may_not_be_gone_and_others_may(here: Here, folder: Path) -> None:
    random_trunk(folder / "alexnet.bin")
    file = list_weights(folder, "alexnet", (folder / "alexnet.bin").read_bytes())
    spec = job("psnr_y", "lpips_alex", weights=("alexnet",))
    mistake(here.gansr(*words(spec), folder=folder), "weights/alexnet.bin: not there any more", "receipts/weights")
    result = here.gansr(*words(job("psnr_y", "lpips_alex")), folder=folder)
    assert result.returncode == 0 and "lpips_alex: no score: the weights weights/alexnet.bin" in result.stderr
    # when they are there, their metric alone is computed
    (folder / "alexnet.bin").rename(file)
    result = here.gansr(*words(spec), folder=folder)
    assert result.returncode == 0 and "kept from before: psnr_y" in result.stderr
    assert all(row[2] for row in rows(folder / "scores.csv"))


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("psnr_y", ["--job: not JSON"]),
        ('{"code":1}', ["--job: metrics:"]),
        (
            '{"code":1,"metrics":[{"name":"psnr","protocol":"y_rounded","versions":{}}]}',
            ["--job: metrics.0.name", 'unknown metric "psnr"', 'did you mean "psnr_y"?'],
        ),
        (
            '{"code":1,"metrics":[{"name":"psnr_y","protocol":"rounded","versions":{}}]}',
            ['psnr_y: unknown protocol "rounded"', 'did you mean "y_rounded"?'],
        ),
        ('{"code":1,"metric":[]}', ['unknown key "metric"', 'did you mean "metrics"?']),
    ],
)
def test_a_wrong_job_is_one_line(here: Here, folder: Path, spec: str, told: list[str]) -> None:
    mistake(here.gansr(*words(spec), folder=folder), *told)
    assert not (folder / "scores.csv").exists()


def test_a_broken_image_that_a_run_made_is_removed_with_its_folder(here: Here, folder: Path) -> None:
    (folder / "images" / "Model" / "set3" / "b.png").write_text("no image")
    told = ["set3/b.png: not an image", "remove images/Model/set3 and run again"]
    mistake(here.gansr(*words(job("psnr_y")), folder=folder), *told)


# ---- a metric of one's own

ROW = """ROWS = (
    MetricDefinition("mae", "MAE", 2, False, (Protocol("mae_rgb", "rgb"),)),
"""
FILE = '''"""The mean absolute difference of 8-bit RGB."""

from gansr.metrics.scorer import PerImage

VERSION = 1


def build(protocols, inputs):
    return PerImage({"mae": lambda pair: abs(pair.sr.astype(float) - pair.hr).mean()})
'''


@pytest.fixture(scope="module")
def with_mae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more row, and one more file."""
    source = tmp_path_factory.mktemp("package") / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "gansr" / "config" / "metrics.py"
    text = file.read_text(encoding="utf-8")
    assert text.count("ROWS = (\n") == 1
    file.write_text(text.replace("ROWS = (\n", ROW), encoding="utf-8")
    (source / "gansr" / "metrics" / "mae.py").write_text(FILE, encoding="utf-8")
    return source


def in_copy(source: Path, folder: Path, *given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gansr", *given]
    environment = os.environ | {"PYTHONPATH": str(source)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_new_metric_is_one_file_and_one_row(with_mae: Path, folder: Path) -> None:
    told = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert FILE in told and ROW.splitlines()[1].strip() in told
    by_hand = ["score", "images/Model/set3", "data/set3/x4/images/HR", "--metrics", "mae,psnr_y"]
    result = in_copy(with_mae, folder, *by_hand)
    assert result.returncode == 0, result.stderr
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("| MAE ↓ |")]
    assert "mae_rgb: 8-bit RGB; no crop; mean over images" in line
    assert [row[1] for row in rows(folder / "set3_scores.csv")[1:]] == ["mae", "psnr_y"] * 3
    assert json.loads((folder / "set3_scores.json").read_text())["protocols"]["mae"]["name"] == "mae_rgb"
    assert "mae" in in_copy(with_mae, folder, "score", "--help").stdout


def test_a_new_metric_joins_the_kept_values_of_the_others(with_mae: Path, folder: Path) -> None:
    assert gansr(*words(job("psnr_y")), folder=folder).returncode == 0
    spec = json.loads(job("psnr_y"))
    spec["metrics"].append({"name": "mae", "protocol": "mae_rgb", "versions": {"mae": 1}})
    result = in_copy(with_mae, folder, *words(json.dumps(spec)))
    assert result.returncode == 0 and "kept from before: psnr_y" in result.stderr
    kept = sorted(file.name.rsplit("_", 1)[0] for file in (folder / "kept" / "Model" / "set3").iterdir())
    assert kept == ["mae", "psnr_y"]
