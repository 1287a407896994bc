"""The artifact maps are those of the model's own artifact loss, drawn for the first patch of each type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from gansr.plan.jobs.figure import FigureJob
from gansr.reporting.draw_figure import draw_figure
from gansr.reporting.figures import artifact_map

GENERATOR = {"network": "srresnet", "features": 4, "blocks": 1}
DEFAULTS = (7, 5, "channel_abs_sum")


def job_of(losses: dict[str, Any]) -> FigureJob:
    model = {"name": "LDL $x$", "folder": "LDL", "generator": GENERATOR, "losses": losses}
    given = {"code": 1, "version": 1, "name": "artifact_map", "run": "test", "scale": 4}
    return FigureJob.model_validate(given | {"options": {"model": "LDL $x$"}, "models": [model]})


@pytest.fixture
def draw(tmp_path: Path, write_spec: Callable[..., None]) -> Callable[[dict[str, Any]], Path]:
    """Draw the maps of a small model with these losses; three patches, two of one type."""

    def make(losses: dict[str, Any]) -> Path:
        write_spec("LDL $x$", "LDL")
        for number, file in enumerate(("generator", "generator_ema")):
            torch.manual_seed(number)
            save_weights(
                tmp_path / "models" / "LDL" / f"{file}.safetensors", build_generator(GENERATOR, 4).state_dict()
            )
        for folder, side in (("HR", 64), ("LR", 16)):
            (tmp_path / "images" / folder).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / folder / "one.png")
        patches = [
            {"image": "one", "top": 0, "left": left, "size": 32, "type": kind}
            for left, kind in ((0, "A"), (16, "C"), (32, "C"))
        ]
        (tmp_path / "patches.json").write_text(json.dumps(patches))
        draw_figure(job_of(losses), tmp_path, tmp_path / "patches.json", tmp_path / "images")
        return tmp_path / "figures"

    return make


def test_a_strip_is_drawn_for_each_type_of_patch(draw: Callable[..., Path]) -> None:
    folder = draw({"artifact": {"weight": 1.0}})
    made = {f"artifact_map_{kind}.{form}" for kind in "AC" for form in ("pdf", "png")}
    assert {file.name for file in folder.iterdir()} == made
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    draw({"artifact": {"weight": 1.0}})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"artifact": {"weight": 1.0}}, DEFAULTS),
        ({"artifact": {"weight": 1.0, "window": 9, "residual": "signed"}}, (9, 5, "signed")),
        # a term of another name with the same file
        ({"of_wavelets": {"weight": 1.0, "loss": "artifact", "patch_weight_root": 3}}, (7, 3, "channel_abs_sum")),
        # a model without an artifact loss
        ({"pixel": {"weight": 1.0}}, DEFAULTS),
    ],
)
def test_the_map_is_that_of_the_models_own_loss(
    draw: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    losses: dict[str, Any],
    expected: tuple[int, float, str],
) -> None:
    asked = []
    compute = artifact_map.artifact_map

    def record(*given: Any) -> Any:
        asked.append(given[3:])
        return compute(*given)

    monkeypatch.setattr(artifact_map, "artifact_map", record)
    draw(losses)
    assert asked == [expected] * 2
