"""What a table and a figure depend on: the default run's tables have the papers' columns and rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.catalog import Catalog
from gansr.plan.figure_jobs import figure_job
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import provenance_job
from gansr.plan.table_jobs import table_job
from gansr.schema.loading import read_yaml
from tests.table_jobs import entries_of, scores_read

COMPARISONS = {"ldl_table1", "beby_table2"}
TABLES = {*COMPARISONS, "ldl_table2", "beby_table1"}
# what a run overrides is named in the notes of the tables that show the model
NOTED = {"ldl_table1", "ldl_table2", "beby_table2", "artifact_map"}
EVERYTHING = [*sorted(TABLES), "mad_stability", "artifact_map"]


@pytest.fixture
def default(catalog: Catalog) -> Plan:
    return load_plan(read_yaml(catalog.folder / "config.yaml"), "config.yaml", catalog)


def text_of(plan: Plan, name: str) -> str:
    """What the job depends on."""
    return (table_job(plan, name) if "table" in name else figure_job(plan, name)).to_json()


def columns_of(plan: Plan, table: str) -> list[tuple[str, str, bool]]:
    entries = entries_of(plan, table)
    return [(entry.group, entry.name, entry.reference) for entry in entries]


def test_ldls_table_1_stands_in_groups_of_one_generator_after_bicubic(default: Plan) -> None:
    assert columns_of(default, "ldl_table1") == [
        ("", "Bicubic", True),
        ("srresnet", "SRResNet", True),
        ("srresnet", "SRResNet+GAN", False),
        ("srresnet", "SRResNet+LDL", False),
        ("rrdb", "RRDB", True),
        ("rrdb", "RRDB+GAN", False),
        ("rrdb", "RRDB+LDL", False),
        ("rrdb", "Beby-GAN", False),
    ]


def test_beby_gans_table_2_has_its_references_first(default: Plan) -> None:
    assert [(name, reference) for _, name, reference in columns_of(default, "beby_table2")] == [
        ("Bicubic", True),
        ("SRResNet", True),
        ("RRDB", True),
        ("SRResNet+GAN", False),
        ("SRResNet+LDL", False),
        ("RRDB+GAN", False),
        ("RRDB+GAN-PI", False),
        ("RRDB+LDL", False),
        ("Beby-GAN", False),
    ]


def test_beby_gans_table_1_has_the_columns_that_the_run_names(default: Plan) -> None:
    entries = entries_of(default, "beby_table1")
    assert [(entry.name, entry.scored) for entry in entries] == [
        ("Beby-GAN", ("Beby-GAN",)),
        ("w/o BBL", ("Beby-GAN_w_o_BBL",)),
        ("w/o RA", ("Beby-GAN_w_o_RA",)),
    ]
    assert not any(entry.reference for entry in entries)
    assert {entry.weights for entry in entries} == {"raw"}  # Beby-GAN keeps no EMA model


def test_table_1_groups_models_whatever_their_order(planned: Callable[..., Plan], run_data: Any) -> None:
    order = [run_data["models"][n] for n in (4, 5, 3, 0, 2, 1)]
    plan = planned("models", order)
    names = [name for _, name, _ in columns_of(plan, "ldl_table1")]
    assert names == ["Bicubic", "Between", "Base", "Base+LDL", "Base+GAN", "Beby", "Dense"]
    names = [name for _, name, _ in columns_of(plan, "beby_table2")]
    assert names == ["Bicubic", "Dense", "Beby", "Between", "Base", "Base+LDL", "Base+GAN"]


def test_a_reference_is_a_column_whatever_the_models_tables(planned: Callable[..., Plan]) -> None:
    plan = planned("models/3/tables", [])
    assert ("", "Dense", True) in columns_of(plan, "beby_table2")
    assert "Dense" not in [name for _, name, _ in columns_of(plan, "ldl_table1")]


def test_a_table_without_references_has_no_bicubic(planned: Callable[..., Plan]) -> None:
    for table in COMPARISONS:
        shown = columns_of(planned(f"tables/{table}/reference", []), table)
        assert "Bicubic" not in [name for _, name, _ in shown] and not any(reference for *_, reference in shown)


def test_published_columns_are_those_of_the_table(default: Plan) -> None:
    def published(table: str) -> dict[str, str | None]:
        return {entry.name: entry.published for entry in entries_of(default, table)}

    assert {name for name, column in published("ldl_table1").items() if column} == {"SRResNet+LDL", "RRDB+LDL"}
    assert published("ldl_table1")["RRDB+LDL"] == "RRDB+LDL (DIV2K)"
    assert {name for name, column in published("beby_table2").items() if column} == {"SRResNet", "RRDB", "Beby-GAN"}
    assert published("beby_table1") == {name: name for name in ("Beby-GAN", "w/o BBL", "w/o RA")}


def test_table_2_switches_on_one_part_per_row(default: Plan) -> None:
    data = table_job(default, "ldl_table2")
    switches = ("M", "sigma_M", "M_refine", "Psi_EMA")
    assert [(row.name, *(switch in row.switches for switch in switches)) for row in data.entries] == [
        ("1'", False, False, False, False),
        ("2", True, False, False, False),
        ("3", True, True, False, False),
        ("4", True, True, True, False),
        ("5", True, True, True, True),
    ]
    assert data.benchmarks == ("photos",)


def test_rows_4_and_5_of_table_2_are_one_model_with_raw_and_ema_weights(default: Plan) -> None:
    *_, row4, row5 = entries_of(default, "ldl_table2")
    assert (row4.scored, row5.scored) == (("RRDB+LDL_raw",), ("RRDB+LDL",))
    assert row4.folder == row5.folder == "RRDB+LDL"
    assert list(table_job(default, "ldl_table2").models).count("RRDB+LDL") == 1


def test_an_artifact_loss_without_weight_switches_nothing_on(planned: Callable[..., Plan]) -> None:
    plan = planned("overrides/finetune/losses/artifact", {"weight": 0})
    (row,) = entries_of(plan, "ldl_table2")
    assert row.switches == ()


def test_a_table_reads_the_scores_of_its_columns_and_no_others(default: Plan) -> None:
    read = scores_read(default, "ldl_table1")
    assert ("Bicubic", "photos") in read and ("RRDB+LDL", "photos") in read
    assert ("RRDB+LDL_M", "photos") not in read and ("RRDB+GAN-PI", "photos") not in read
    assert ("RRDB+GAN-PI", "photos") in scores_read(default, "beby_table2")
    ablation = ["Beby-GAN", "Beby-GAN_w_o_BBL", "Beby-GAN_w_o_RA"]
    assert scores_read(default, "beby_table1") == [(folder, "photos") for folder in ablation]
    assert list(table_job(default, "beby_table1").models) == ablation
    scored = {default.scored_slug(name, weights) for name, weights, _ in default.tests()}
    for table in TABLES:
        assert {folder for folder, _ in scores_read(default, table)} <= scored


def test_bicubic_is_no_trained_model(default: Plan) -> None:
    for table in COMPARISONS:
        assert "Bicubic" not in table_job(default, table).models
        bicubic = entries_of(default, table)[0]
        assert bicubic.name == "Bicubic"
        assert not any(getattr(bicubic, key) for key in ("folder", "weights", "published", "group"))


def test_a_figure_reads_the_models_it_shows(default: Plan) -> None:
    assert [model.folder for model in figure_job(default, "mad_stability").models] == [
        "RRDB+GAN",
        "RRDB+LDL",
        "Beby-GAN",
    ]
    assert [model.folder for model in figure_job(default, "artifact_map").models] == ["RRDB+LDL"]


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        (["weights_dir", "elsewhere"], set()),
        (["data_dir", "elsewhere"], set()),
        (["seed", 1], set()),
        # the tables of Beby-GAN do not show it
        (["metrics", ["psnr_y"]], {"ldl_table1", "ldl_table2"}),
        # by which protocol is in the scores that a table reads
        (["protocols", {"psnr_y": "y_rounded"}], set()),
        (["tables/ldl_table1/reference", ["Bicubic", "Bicubic-Y", "Base"]], {"ldl_table1"}),
        (["run", "other"], set(EVERYTHING)),
        (["tables/ldl_table1/reference", []], {"ldl_table1"}),
        (["tables/ldl_table2/rows/0/weights", "ema"], {"ldl_table2"}),
        (["tables/beby_table1/columns/0/column", "w/o RA"], {"beby_table1"}),
        (["tables/beby_table2/reference", ["Base"]], {"beby_table2"}),
        (["figures/mad_stability/models", ["Base+LDL"]], {"mad_stability"}),
        (["figures/mad_stability/models", ["Base+LDL", "Base+GAN"]], {"mad_stability"}),
        (["overrides/finetune/losses/artifact", {"window": 9}], NOTED),
        (["overrides/finetune/losses/artifact", {"residual": "signed"}], NOTED),
        (["models/2/published", {"ldl_table1": "RRDB+LDL (DF2K)"}], {"ldl_table1"}),
        (["models/2/published", {"beby_table2": "ESRGAN"}], {"beby_table2"}),
        (["models/1/tables", ["beby_table2"]], {"ldl_table1"}),
        (["models/4/variant", "paper"], {"ldl_table1", "beby_table1", "beby_table2"}),
        (["models/5/interpolate/alpha", 0.5], set()),
    ],
)
def test_a_table_or_figure_depends_on_what_it_shows(
    planned: Callable[..., Plan], changes: list[Any], affected: set[str]
) -> None:
    before, after = planned(), planned(*changes)
    assert {n for n in EVERYTHING if text_of(before, n) != text_of(after, n)} == affected


def test_provenance_names_every_model_and_dataset(default: Plan) -> None:
    job = provenance_job(default)
    assert set(job.models) == set(default.models)
    assert list(job.datasets) == ["photographs", "photos"]
    assert all("scikit-image" in licence for licence in job.datasets.values())
    assert job.configuration["run"] == job.run == "demo"


def test_reading_a_configuration_imports_none_of_the_slow_packages() -> None:
    # Snakemake reads the configuration in every job: seconds of imports would come on top of each
    code = (
        "import sys, gansr.cli, gansr.plan.load, gansr.plan.table_jobs, gansr.plan.figure_jobs, gansr.schema.plugins\n"
        "for kind in gansr.schema.plugins.FOLDERS:\n"
        "    for name in gansr.schema.plugins.names(kind): gansr.schema.plugins.schema(kind, name)\n"
        "print(sorted({'torch', 'torchvision', 'pyiqa', 'lpips', 'spandrel', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
