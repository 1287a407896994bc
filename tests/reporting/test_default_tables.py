"""The tables of the default run, from its configuration and made-up scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from table_data import FORMS, read

from gansr.config.catalog import Catalog
from gansr.plan.load import load_plan
from gansr.plan.models import TrainedModel
from gansr.plan.table_jobs import table_job
from gansr.reporting.write_table import write_table
from gansr.schema.loading import read_yaml
from tests.table_jobs import scores_read

ROOT = Path(__file__).parents[2]
RRDB = ["RRDB", "RRDB+GAN", "RRDB+LDL", "Beby-GAN"]
IMAGES = ["chelsea", "coffee", "rocket"]
HEADERS = {
    "ldl_table1": ["metric", "benchmark", "Bicubic", "SRResNet", "SRResNet+GAN", "SRResNet+LDL", *RRDB],
    "ldl_table2": ["row", "M", "sigma_M", "M_refine", "Psi_EMA", "LPIPS", "PSNR", "SSIM"],
    "beby_table1": ["metric", "benchmark", "Beby-GAN", "w/o BBL", "w/o RA"],
    "beby_table2": [
        "metric", "benchmark", "Bicubic", "SRResNet", "RRDB",
        "SRResNet+GAN", "SRResNet+LDL", "RRDB+GAN", "RRDB+GAN-PI", "RRDB+LDL", "Beby-GAN",
    ],
}  # fmt: skip


@pytest.mark.parametrize("table", HEADERS)
def test_the_default_runs_tables_can_be_made(
    tmp_path: Path,
    published_folder: Path,
    write_scores: Callable[..., Path],
    write_spec: Callable[..., None],
    write_interpolated: Callable[..., None],
    table: str,
) -> None:
    plan = load_plan(read_yaml(ROOT / "config" / "config.yaml"), "config.yaml", Catalog(ROOT / "config"))
    missing = {"lpips_alex": "no weights", "lpips_vgg": "no weights", "pi": "no NIQE"}
    for number, (scored, benchmark) in enumerate(scores_read(plan, table)):
        scores = {image: {"psnr_y": 20.0 + number, "ssim_y": 0.5, **dict.fromkeys(missing)} for image in IMAGES}
        write_scores(scored, benchmark, scores, missing)
    for model in plan.models.values():
        if isinstance(model, TrainedModel):
            write_spec(model.name, model.slug, perceptual=model.method.losses.get("perceptual"))
        else:
            write_interpolated(model.name, model.slug, plan.interpolated[model.name].between)
    job = table_job(plan, table)
    write_table(job, dict.fromkeys(job.benchmarks, IMAGES), tmp_path, published_folder / f"{table}.csv")
    header, *rows = read(tmp_path / "tables" / f"{table}.csv")
    assert header == HEADERS[table]
    if table == "ldl_table2":
        assert [row[0] for row in rows] == ["1'", "2", "3", "4", "5"]
    else:
        metrics = ["LPIPS", "PSNR", "SSIM"] if table == "ldl_table1" else ["LPIPS-VGG", "PI", "PSNR", "SSIM"]
        assert [row[:2] for row in rows] == [[metric, "photos"] for metric in metrics]
    assert all((tmp_path / "tables" / f"{table}{form}").stat().st_size for form in FORMS)
