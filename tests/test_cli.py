"""The command line, as a user meets it: a mistake is one line and exit code 1."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from PIL import Image

from gansr.cli import app

from .command_line import ROOT, Here, gansr, mistake
from .training_jobs import NOTHING, train_job


def test_check_lists_every_model_of_the_default_run() -> None:
    result = gansr("check", "config/config.yaml")
    assert result.returncode == 0, result.stderr
    models = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))["models"]
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [model["name"] for model in models]


def test_check_of_a_broken_config_names_file_key_and_what_was_meant(tmp_path: Path) -> None:
    data = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    data["benchmrks"] = data.pop("benchmarks")
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    mistake(gansr("check", file), str(file), '"benchmrks"', 'did you mean "benchmarks"?')


def test_check_of_a_missing_config_names_it(here: Here) -> None:
    mistake(here.gansr("check", "config/absent.yaml"), "config/absent.yaml", "no such file")


def test_check_of_a_folder_names_it(here: Here) -> None:
    mistake(here.gansr("check", "config"), "config", "directory")


def test_a_spec_that_is_no_json_is_a_mistake_and_the_log_opens_with_the_command(here: Here, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "one.log"
    words = ["images", "--job", "{not json", "--output", str(tmp_path / "a folder"), "--log", str(log)]
    mistake(here.gansr(*words), "--job", "not JSON")
    first, *rest = log.read_text(encoding="utf-8").splitlines()
    assert re.sub(r"^[0-9:]{8} ", "", first) == f"gansr {shlex.join(words)}"
    assert any("error: --job: not JSON" in line for line in rest)
    assert not (tmp_path / "a folder").exists()


def test_a_misspelt_key_of_a_table_is_one_line(here: Here, tmp_path: Path) -> None:
    result = here.gansr("table", "--job", '{"cod": 1}', "--run-folder", tmp_path, "--images", tmp_path)
    mistake(result, "--job", 'unknown key "cod"', 'did you mean "code"?')


def test_an_unknown_figure_is_named_with_the_nearest(here: Here, tmp_path: Path) -> None:
    job = '{"code": 1, "version": 1, "name": "mad_stabilty", "run": "r", "scale": 4}'
    result = here.gansr("figure", "--job", job, "--run-folder", tmp_path)
    mistake(result, '"mad_stabilty"', 'did you mean "mad_stability"?')
    mistake(here.gansr("figure", "--job", "{}", "--run-folder", tmp_path), "--job", "code")


def test_a_file_that_cannot_be_written_is_a_mistake(here: Here, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = here.gansr("check", tmp_path / "file" / "config.yaml")
    mistake(result, str(tmp_path / "file" / "config.yaml"))


@pytest.fixture
def changed_weights(tmp_path: Path) -> Path:
    """A folder with a list of weights, and files of these names that hold something else."""
    (tmp_path / "config").mkdir()
    (tmp_path / "weights").mkdir()
    weights = {name: {"file": f"{name}.pth", "sha256": "0" * 64, "licence": "free"} for name in ("vgg19", "alexnet")}
    (tmp_path / "config" / "weights.yaml").write_text(yaml.safe_dump({"weights": weights}), encoding="utf-8")
    for name in weights:
        (tmp_path / "weights" / f"{name}.pth").write_text("something else")
    return tmp_path


def is_the_wrong_file(result: subprocess.CompletedProcess[str], file: Path) -> None:
    found = hashlib.sha256(b"something else").hexdigest()
    mistake(result, str(file), f"has sha256 {found} instead of {'0' * 64}")


def test_train_refuses_changed_weights_of_vgg19(here: Here, changed_weights: Path) -> None:
    file, made = changed_weights / "weights" / "vgg19.pth", changed_weights / "made"
    files = ("--patches", changed_weights / "patches", "--state", made / "state", "--output", made / "model")
    spec = train_job(NOTHING).to_json()
    result = here.gansr(
        "train", "--job", spec, "--name", "LDL", "--judge", f"vgg19={file}", *files, folder=changed_weights
    )
    is_the_wrong_file(result, file)
    assert not made.exists()


@pytest.mark.parametrize(
    ("judges", "words"),
    [
        (["vgg19"], ["--judge vgg19", "give it as NAME=FILE"]),
        (["=weights/vgg19.pth"], ["--judge =weights/vgg19.pth", "NAME=FILE"]),
        (["vgg19="], ["--judge vgg19=", "NAME=FILE"]),
        (["vgg19=a.pth", "vgg19=b.pth"], ["--judge vgg19=b.pth", "vgg19 is given twice"]),
        (["vgg9=weights/vgg19.pth"], ["weights/vgg19.pth", 'no weights "vgg9"', 'did you mean "vgg19"?']),
        (["vgg19=weights/none.pth"], ["weights/none.pth", "not there any more"]),
    ],
)
def test_a_wrong_judge_is_refused(here: Here, changed_weights: Path, judges: list[str], words: list[str]) -> None:
    files = (
        "--patches",
        changed_weights / "patches",
        "--state",
        changed_weights / "s",
        "--output",
        changed_weights / "m",
    )
    given = [word for judge in judges for word in ("--judge", judge)]
    spec = train_job(NOTHING).to_json()
    mistake(here.gansr("train", "--job", spec, "--name", "LDL", *given, *files, folder=changed_weights), *words)


def test_score_refuses_changed_weights_of_lpips(here: Here, changed_weights: Path) -> None:
    folder, scores = changed_weights / "images", changed_weights / "metrics" / "set5.csv"
    folder.mkdir()
    Image.new("RGB", (64, 64)).save(folder / "baby.png")
    words = ("score", folder, folder, "--metrics", "psnr_y,lpips_alex", "--output", scores)
    result = here.gansr(*words, "--weights-dir", changed_weights / "weights", folder=changed_weights)
    is_the_wrong_file(result, changed_weights / "weights" / "alexnet.pth")
    assert not scores.parent.exists()


def test_an_unknown_verb_is_refused_without_a_traceback() -> None:
    result = gansr("chekc")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr and "chekc" in result.stderr


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda command: command.callback.__name__)
def test_every_verb_says_what_it_does(command: object) -> None:
    assert command.callback.__doc__  # type: ignore[attr-defined]
