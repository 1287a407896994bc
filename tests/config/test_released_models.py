"""Models whose weights others have released: planned, tested, shown; never trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr.plan.plan import Plan
from gansr.plan.run_jobs import provenance_job
from gansr.plan.table_jobs import table_job
from tests.table_jobs import entries_of

ESRGAN = {"name": "ESRGAN", "generator": "dense", "released": "esrgan"}


@pytest.fixture
def with_esrgan(planned: Callable[..., Plan]) -> Callable[..., Plan]:
    return lambda *changes: planned("models/6", ESRGAN, *changes)


def test_a_released_model_is_a_column_tested_with_its_only_weights(with_esrgan: Callable[..., Plan]) -> None:
    plan = with_esrgan()
    assert list(plan.released) == ["ESRGAN"] and "ESRGAN" not in plan.trained
    assert ("ESRGAN", "raw", "photos") in plan.tests()
    entry = next(entry for entry in entries_of(plan, "beby_table2") if entry.name == "ESRGAN")
    assert entry.scored == ("ESRGAN",) and entry.folder == "ESRGAN"
    assert table_job(plan, "ldl_table1").models["ESRGAN"] == "weights as released"
    assert provenance_job(plan).models["ESRGAN"] == "ESRGAN"


def test_its_weights_are_fetched_and_its_spec_names_them(with_esrgan: Callable[..., Plan]) -> None:
    plan = with_esrgan()
    assert plan.weights.count("esrgan") == 1
    released = plan.released["ESRGAN"].job.released
    assert released.file == "RRDB_ESRGAN_x4.pth" and released.sha256 == plan.catalog.weights["esrgan"].sha256


def test_others_may_start_from_it_or_lie_between(with_esrgan: Callable[..., Plan]) -> None:
    plan = with_esrgan("models/4/start", "ESRGAN", "models/5/interpolate/between", ["Dense", "ESRGAN"])
    assert plan.trained["Beby"].start == "ESRGAN"
    assert plan.interpolated["Between"].between == ("Dense", "ESRGAN")


def test_it_is_there_once_whatever_the_seeds(with_esrgan: Callable[..., Plan]) -> None:
    plan = with_esrgan("seeds", [0, 1], "models/4/start", "ESRGAN")
    assert list(plan.released) == ["ESRGAN"]
    assert plan.trained["Beby (seed 1)"].start == "ESRGAN"


def test_without_download_its_file_must_be_there(
    with_esrgan: Callable[..., Plan], refused: Callable[..., str], tmp_path: Path
) -> None:
    changes = ["download", False, "weights_dir", str(tmp_path)]
    refused(["models/6", ESRGAN, *changes], "model ESRGAN", "RRDB_ESRGAN_x4.pth is not there", "https://")
    (tmp_path / "RRDB_ESRGAN_x4.pth").touch()
    assert with_esrgan(*changes).weights == ["esrgan"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"released": "esrgn"}, ['unknown weights "esrgn"', 'did you mean "esrgan"']),
        ({"method": "gan"}, ["ESRGAN", "released model is not trained", "no method"]),
        ({"start": "Dense"}, ["released model is not trained", "no start"]),
        ({"seed": 1}, ["released model is not trained", "no seed"]),
        ({"interpolate": {"between": ["Base", "Base+GAN"], "alpha": 1.0}}, ["interpolated model", "remove it"]),
        ({"generator": ...}, ["ESRGAN: generator is missing"]),
    ],
)
def test_what_a_released_model_cannot_be_is_refused(
    refused: Callable[..., str], changes: dict[str, Any], words: list[str]
) -> None:
    model = {key: value for key, value in {**ESRGAN, **changes}.items() if value is not ...}
    refused(["models/6", model], "run.yaml", *words)
