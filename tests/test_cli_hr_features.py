"""The features of a benchmark's HR images, which all models that are tested on it share."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansr.metrics.inception import BenchmarkFeatures, Inception
from gansr.plan.jobs.score import HrFeaturesJob
from gansr.plan.score_jobs import hr_features_job

from .command_line import Here, cells, list_weights, mistake, picture
from .metrics.weight_data import random_inception

SIZES = {"a": (96, 96), "b": (80, 96), "c": (96, 100)}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A benchmark's images, and a list of weights with an Inception of random weights."""
    root = tmp_path_factory.mktemp("run")
    images = root / "data" / "set3" / "x4" / "images"
    for kind in ("HR", "SR"):
        (images / kind).mkdir(parents=True)
        for seed, (name, size) in enumerate(SIZES.items()):
            Image.fromarray(picture(seed + 10 * (kind == "SR"), *size)).save(images / kind / f"{name}.png")
    random_inception(root / "inception.bin")
    file = list_weights(root, "inception", (root / "inception.bin").read_bytes())
    (root / "inception.bin").rename(file)
    return images, file


def job(*features: str) -> str:
    """The job of the workflow that makes these features."""
    versions = hr_features_job().model_dump(include={"code", "versions"})
    return HrFeaturesJob(**versions, features=list(features)).to_json()  # type: ignore[arg-type]


def words(images: Path, output: Path, changes: dict[str, str] | None = None) -> list[str]:
    """The verb with its options."""
    given = {"--images": images, "--job": job("whole"), "--weights-dir": "weights", "--output": output}
    given |= changes or {}
    return ["hr-features", *(str(word) for option in given.items() for word in option)]


def test_they_are_the_networks_of_images_and_of_the_patches_that_these_have(
    here: Here, benchmark: tuple[Path, Path], tmp_path: Path
) -> None:
    images, weights = benchmark
    result = here.gansr(
        *words(images, tmp_path / "hr.npz", {"--job": hr_features_job().to_json()}), folder=weights.parents[1]
    )
    assert result.returncode == 0 and "set3" in result.stderr and result.stdout == ""
    found, network = BenchmarkFeatures.load(tmp_path / "hr.npz"), Inception(weights)
    assert list(found.whole) == ["a", "b", "c"] and list(found.patches) == ["a", "c"]  # b is smaller than a patch
    hr = np.asarray(Image.open(images / "HR" / "c.png"))
    np.testing.assert_allclose(found.whole["c"], network.of_whole(hr), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.patches["c"], network.of_patches(hr), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "whole", "patches"), [("whole", ["a", "b", "c"], []), ("patches", [], ["a", "c"])])
def test_those_of_one_kind_are_of_that_alone(
    here: Here, benchmark: tuple[Path, Path], tmp_path: Path, kind: str, whole: list[str], patches: list[str]
) -> None:
    images, weights = benchmark
    result = here.gansr(*words(images, tmp_path / "hr.npz", {"--job": job(kind)}), folder=weights.parents[1])
    assert result.returncode == 0, result.stderr
    found = BenchmarkFeatures.load(tmp_path / "hr.npz")
    assert (list(found.whole), list(found.patches)) == (whole, patches)


def test_score_takes_them_for_those_of_hr(here: Here, benchmark: tuple[Path, Path], tmp_path: Path) -> None:
    images, weights = benchmark
    root = weights.parents[1]
    assert here.gansr(*words(images, tmp_path / "hr.npz"), folder=root).returncode == 0
    scored = ["score", images / "SR", images / "HR", "--metrics", "fid", "--output"]
    anew = here.gansr(*scored, tmp_path / "anew.csv", folder=root)
    known = here.gansr(*scored, tmp_path / "known.csv", "--hr-features", tmp_path / "hr.npz", folder=root)
    assert float(cells(known, "FID ↓")[0]) > 0
    assert cells(known, "FID ↓") == cells(anew, "FID ↓")
    # and not any others
    BenchmarkFeatures(dict.fromkeys(SIZES, np.zeros(2048, np.float32)), {}).save(tmp_path / "hr.npz")
    other = here.gansr(*scored, tmp_path / "other.csv", "--hr-features", tmp_path / "hr.npz", folder=root)
    assert cells(other, "FID ↓")[0] != cells(anew, "FID ↓")[0]


def test_a_folder_of_images_may_lie_anywhere(here: Here, benchmark: tuple[Path, Path], tmp_path: Path) -> None:
    root = benchmark[1].parents[1]
    shutil.copytree(benchmark[0] / "HR", root / "own" / "HR")
    result = here.gansr(*words(Path("own"), tmp_path / "hr.npz"), folder=root)
    assert result.returncode == 0, result.stderr
    assert list(BenchmarkFeatures.load(tmp_path / "hr.npz").whole) == list(SIZES)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"--job": '{"code":3,"versions":{},"features":["hole"]}'}, "--job: features.0: Input should be 'whole'"),
        ({"--job": '{"code":3,"versions":{},"features":[]}'}, "--job: features: "),
        ({"--job": '{"code":3,"features":["whole"]}'}, "--job: versions: "),
        ({"--job": "fid,kid"}, "--job: not JSON"),
        ({"--weights-dir": "nowhere"}, "nowhere/inception.bin: not there"),
        ({"--images": "data/set3/x4/nowhere"}, "data/set3/x4/nowhere/HR: cannot be read"),
        ({"--images": "data/set3/x4/nothing"}, "data/set3/x4/nothing/HR: no images"),
    ],
)
def test_features_of_nothing_are_refused_in_one_line(
    here: Here, benchmark: tuple[Path, Path], tmp_path: Path, change: dict[str, str], told: str
) -> None:
    images, weights = benchmark
    (images.parent / "nothing" / "HR").mkdir(parents=True, exist_ok=True)
    mistake(here.gansr(*words(images, tmp_path / "hr.npz", change), folder=weights.parents[1]), told)
    assert not (tmp_path / "hr.npz").exists()


def test_other_weights_are_refused_where_there_is_no_config(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "weights" / "pt_inception-2015-12-05-6726825d.pth"
    file.parent.mkdir()
    file.write_text("something else")
    mistake(here.gansr(*words(tmp_path, tmp_path / "hr.npz"), folder=tmp_path), f"weights/{file.name}: has ")
