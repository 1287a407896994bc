"""A run's folder with hand-made scores and specs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.checksum import checksum
from gansr.config.training_settings import ResultSettings
from gansr.errors import UserError
from gansr.reporting.published import PUBLISHED_IMAGES

ROOT = Path(__file__).parents[2]

Scores = dict[str, dict[str, float | None]]  # image, metric


@pytest.fixture
def published_folder() -> Path:
    return ROOT / "config" / "published"


@pytest.fixture(scope="module")
def two_images_per_published_benchmark() -> Iterator[None]:
    """The tables of a module's tests have two images of Set5 and of DIV2K100."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PUBLISHED_IMAGES, "set5", 2)
        patch.setitem(PUBLISHED_IMAGES, "div2k100", 2)
        yield


@pytest.fixture
def write_scores(tmp_path: Path) -> Callable[..., Path]:
    """Write the scores of one model on one benchmark as the workflow does; None leaves a value empty.

    The image `*` stands for all together. `protocols` are texts by metric that are not the usual ones.
    """

    def write(
        scored: str,
        benchmark: str,
        scores: Scores,
        unavailable: dict[str, str] | None = None,
        protocols: dict[str, str] | None = None,
    ) -> Path:
        file = tmp_path / "metrics" / scored / f"{benchmark}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            f"{image},{metric},{'' if value is None else value}"
            for image, values in scores.items()
            for metric, value in values.items()
        ]
        file.write_text("\n".join(["image,metric,value", *lines]) + "\n", encoding="utf-8")
        metrics = {metric for values in scores.values() for metric in values}
        texts = {metric: f"how {metric} is measured" for metric in sorted(metrics)} | (protocols or {})
        notes = {
            "protocols": {metric: {"name": text.split(":")[0], "text": text} for metric, text in texts.items()},
            "unavailable": unavailable or {},
            "scores_sha256": checksum(file),
        }
        file.with_suffix(".json").write_text(json.dumps(notes), encoding="utf-8")
        return file

    return write


@pytest.fixture
def write_spec(tmp_path: Path) -> Callable[..., None]:
    """Write the spec.yaml of a trained model."""

    def write(name: str, slug: str, *, perceptual: dict[str, Any] | None = None, iterations: int = 500) -> None:
        losses: dict[str, Any] = {"pixel": {"weight": 1.0}} | ({"perceptual": perceptual} if perceptual else {})
        record = {
            "model": name,
            "job": {
                "seed": 0,
                "scale": 4,
                "generator": {"network": "srresnet", "features": 4, "blocks": 1},
                "method": {"iterations": iterations, "batch_size": 8, "patch_size": 64, "losses": losses},
                "mad_interval": 10,
                "training": ResultSettings().model_dump(),
            },
            "inputs": {"training_images": ["one", "two", "three"]},
            "parameters": 1_234_567,
            "device": "cpu",
            "torch": "2.0",
            "seconds": 12.5,
            "resumed_at": [],
            "processes": 1,
            "skipped": [7],
        }
        folder = tmp_path / "models" / slug
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")

    return write


@pytest.fixture
def write_interpolated(tmp_path: Path) -> Callable[..., None]:
    """Write the spec.yaml of an interpolated model."""

    def write(name: str, slug: str, between: tuple[str, str], alpha: float = 0.5) -> None:
        record = {
            "model": name,
            "job": {
                "scale": 4,
                "generator": {"network": "srresnet", "features": 4, "blocks": 1},
                "interpolate": {"between": list(between), "alpha": alpha},
            },
            "inputs": {"first_sha256": "0" * 64, "second_sha256": "1" * 64},
            "parameters": 1_234_567,
        }
        folder = tmp_path / "models" / slug
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")

    return write


@pytest.fixture
def refusal() -> Callable[..., str]:
    """The one line with which a call is refused, and that it holds the words."""

    def check(call: Callable[[], object], *words: str) -> str:
        with pytest.raises(UserError) as caught:
            call()
        message = str(caught.value)
        assert "\n" not in message
        for word in words:
            assert word in message, f"{word!r} is not in: {message}"
        return message

    return check
