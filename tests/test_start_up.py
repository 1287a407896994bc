"""What a verb imports before its work: torch takes seconds of CPU time, its compiler as many again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
COMPILER = {"torch._dynamo", "torchvision", "spandrel"}  # torchvision imports torch's compiler, spandrel torchvision
PLOTS = {"matplotlib"}
TABLES = {"pandas"}
WITHOUT_TORCH = (
    *("check", "schema", "fetch", "images", "subset", "patch_store", "mad_patches"),
    *("status", "score", "score_benchmark", "table", "provenance"),
)
BEFORE_SCORES = ("fetch", "images", "subset", "patch_store", "mad_patches", "train", "upscale")
WITH_NETWORKS = ("train", "upscale", "interpolate", "adopt", "hr_features", "score", "score_benchmark")


@pytest.fixture(scope="module")
def start_up() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "speed")
        import start_up

        yield start_up
    sys.modules.pop("start_up", None)


def imported_by_verbs(start_up: ModuleType, *verbs: str) -> set[str]:
    """What these verbs import, all in one process, which is quicker; speed/start_up.py tells which one it is."""
    return set(start_up.imported("\n".join(map(start_up.imports_of, verbs))))


def test_the_command_line_itself_imports_nothing_heavy(start_up: ModuleType) -> None:
    assert start_up.imported("import gansr.cli") == []


def test_the_workflow_itself_imports_nothing_heavy(start_up: ModuleType) -> None:
    rules = [file.read_text(encoding="utf-8") for file in (ROOT / "workflow").rglob("*.smk")]
    imports = re.findall(r"^(?:from|import) gansr.*", "\n".join(rules), re.MULTILINE)
    assert len(imports) > 5
    assert set(start_up.imported("\n".join(imports))) <= {"PIL"}


def test_verbs_without_networks_import_no_torch(start_up: ModuleType) -> None:
    assert not imported_by_verbs(start_up, *WITHOUT_TORCH) & ({"torch"} | COMPILER | PLOTS)


def test_verbs_before_scores_import_no_tables(start_up: ModuleType) -> None:
    assert not imported_by_verbs(start_up, *BEFORE_SCORES) & (TABLES | PLOTS)


def test_verbs_with_networks_import_torchs_compiler_only_where_a_network_needs_it(start_up: ModuleType) -> None:
    assert not imported_by_verbs(start_up, *WITH_NETWORKS) & COMPILER


def test_networks_of_this_project_need_torch_alone(start_up: ModuleType) -> None:
    parts = [start_up.PARTS[part] for part in ("the generator srresnet", "VGG19")]
    assert start_up.imported("\n".join(parts)) == ["torch"]


def test_every_verb_is_measured(start_up: ModuleType) -> None:
    listed = subprocess.run([sys.executable, "-m", "gansr", "--help"], capture_output=True, text=True, check=True)
    assert {"train", "upscale", "score", "hr_features"} <= set(start_up.VERBS)
    assert all(name.replace("_", "-") in listed.stdout for name in start_up.VERBS)


# ---- whole jobs


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A benchmark of one image."""
    random = np.random.default_rng(0)
    for kind, side in (("HR", 48), ("LR", 12)):
        (tmp_path / "images" / kind).mkdir(parents=True)
        pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / kind / "a.png")
    return tmp_path / "images"


def imported_by(start_up: ModuleType, *words: str | Path) -> set[str]:
    """The heavy packages that a job has imported when it is done."""
    code = (
        "import sys\nfrom gansr.cli import main\n"
        f"sys.argv = {['gansr', *map(str, words)]!r}\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
    )
    return set(start_up.imported(code))


def test_bicubic_images_are_made_and_scored_without_torch(start_up: ModuleType, images: Path, tmp_path: Path) -> None:
    sr = tmp_path / "Bicubic" / "own"
    upscale = ["--job", json.dumps({"code": 1, "scale": 4}), "--images", images, "--output", sr]
    log = ["--log", tmp_path / "log"]
    assert "torch" not in imported_by(start_up, "upscale", *upscale, *log)
    assert (sr / "a.png").is_file()
    score = [sr, images / "HR", "--metrics", "psnr_y,ssim_y", "--output", tmp_path / "scores.csv"]
    assert "torch" not in imported_by(start_up, "score", *score, *log)
    assert (tmp_path / "scores.csv").is_file()
