"""Bicubic-Y: bicubic of luma alone, a reference column that is planned where a table shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gansr.config.model import BICUBIC_Y
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import provenance_job
from gansr.plan.table_jobs import table_job
from tests.table_jobs import entries_of, scores_read

TABLES = ["ldl_table1", "beby_table2"]
ALL_METRICS = ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "dists", "fid", "kid", "niqe", "ma", "pi"]


def shown(table: str, *names: str) -> list[Any]:
    return [f"tables/{table}/reference", list(names)]


def columns(plan: Plan, table: str) -> list[str]:
    return [entry.name for entry in entries_of(plan, table)]


@pytest.mark.parametrize("table", TABLES)
def test_it_is_a_column_beside_bicubic_in_front_of_the_models(planned: Callable[..., Plan], table: str) -> None:
    # whatever the order in the config
    plan = planned(*shown(table, "Base", "Bicubic-Y", "Bicubic"))
    assert columns(plan, table)[:2] == ["Bicubic", "Bicubic-Y"]
    entry = entries_of(plan, table)[1]
    assert entry.reference and entry.scored == ("Bicubic-Y",)
    assert not any(getattr(entry, key) for key in ("folder", "weights", "published", "group"))
    assert columns(planned(*shown(table, "Bicubic-Y")), table)[0] == "Bicubic-Y"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_does_not_name_it_has_no_such_column(planned: Callable[..., Plan], table: str) -> None:
    (other,) = set(TABLES) - {table}
    plan = planned(*shown(other, "Bicubic-Y"))
    assert BICUBIC_Y not in columns(plan, table)
    assert BICUBIC_Y in columns(plan, other)


def test_it_is_no_model_of_the_run(planned: Callable[..., Plan]) -> None:
    plan = planned(*shown("ldl_table1", "Bicubic-Y"))
    assert BICUBIC_Y not in plan.models
    assert BICUBIC_Y not in table_job(plan, "ldl_table1").models
    assert BICUBIC_Y not in provenance_job(plan).models
    assert ("Bicubic-Y", "photos") in scores_read(plan, "ldl_table1")


def test_it_is_made_only_where_a_table_shows_it(planned: Callable[..., Plan]) -> None:
    assert BICUBIC_Y not in {name for name, *_ in planned().tests()}
    for tables in (TABLES[:1], TABLES[1:], TABLES):
        changes = [change for table in tables for change in shown(table, "Bicubic-Y")]
        assert planned(*changes).tests().count((BICUBIC_Y, "raw", "photos")) == 1


def test_it_is_made_only_where_hr_is(planned: Callable[..., Plan], tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "real.png")
    real = {"role": "benchmark", "folder": str(tmp_path), "has_hr": False}
    plan = planned("datasets/real", real, "benchmarks", ["photos", "real"], *shown("ldl_table1", "Bicubic-Y"))
    assert plan.scored_benchmarks == ["photos"]
    assert [benchmark for name, _, benchmark in plan.tests() if name == BICUBIC_Y] == ["photos"]
    assert [benchmark for name, _, benchmark in plan.tests() if name == "Bicubic"] == ["photos", "real"]


def test_its_psnr_and_ssim_are_of_images_that_hold_luma_alone(planned: Callable[..., Plan]) -> None:
    changes = ["metrics", ALL_METRICS, *shown("ldl_table1", "Bicubic-Y")]
    for protocols in ({}, {"psnr_y": "y_rounded", "ssim_y": "y_rounded"}):
        plan = planned(*changes, "protocols", protocols)
        chosen = plan.protocols(BICUBIC_Y)
        assert list(chosen) == ALL_METRICS
        assert (chosen["psnr_y"].name, chosen["ssim_y"].name) == ("y_images_crop4", "y_images_crop4")
        others = plan.protocols("Bicubic")
        assert "y_images" not in {protocol.base for protocol in others.values()}
        assert {metric for metric in ALL_METRICS if chosen[metric] != others[metric]} == {"psnr_y", "ssim_y"}


def test_it_has_no_protocol_of_a_metric_that_the_run_does_not_compute(planned: Callable[..., Plan]) -> None:
    plan = planned("metrics", ["psnr_y", "lpips_alex"], *shown("ldl_table1", "Bicubic-Y"))
    assert list(plan.protocols(BICUBIC_Y)) == ["psnr_y", "lpips_alex"]


def test_its_folder_is_its_name(planned: Callable[..., Plan]) -> None:
    plan = planned()
    assert plan.scored_slug(BICUBIC_Y, "raw") == "Bicubic-Y"
    assert plan.scored_slugs(BICUBIC_Y, "raw") == ["Bicubic-Y"]


def test_it_has_one_folder_however_many_seeds(planned: Callable[..., Plan]) -> None:
    plan = planned("seeds", [0, 1], *shown("ldl_table1", "Bicubic-Y"))
    assert plan.scored_slugs(BICUBIC_Y, "raw") == ["Bicubic-Y"]
    assert len(plan.scored_slugs("Base", "ema")) == 2


@pytest.mark.parametrize("name", ["Bicubic-Y", "bicubic-y"])
def test_its_name_is_reserved(refused: Callable[..., str], run_data: dict[str, Any], name: str) -> None:
    models = [*run_data["models"], {"name": name, "generator": "dense", "method": "psnr"}]
    refused(["models", models], "run.yaml", f'"{name}"', '"Bicubic-Y"', "rename")


@pytest.mark.parametrize(
    "change",
    [
        ["tables/ldl_table2/rows/0/model", "Bicubic-Y"],
        ["tables/beby_table1/columns/0/model", "Bicubic-Y"],
        ["models/1/start", "Bicubic-Y"],
        ["figures/artifact_map/model", "Bicubic-Y"],
    ],
)
def test_nothing_is_made_from_it(refused: Callable[..., str], change: list[Any]) -> None:
    refused(change, "run.yaml", '"Bicubic-Y"')


def test_a_misspelt_reference_is_told_the_nearest(refused: Callable[..., str]) -> None:
    refused(shown("ldl_table1", "Bicubic_Y"), "tables.ldl_table1.reference", 'did you mean "Bicubic-Y"?')
