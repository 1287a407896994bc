"""What a table and a figure depend on: the default run's tables have the papers' columns and rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gansr.config import slices
from gansr.config.loading import read_yaml
from gansr.config.plan import Catalog, Plan, canonical, load_plan

EVERYTHING = ["ldl_table1", "ldl_table2", "mad_stability", "artifact_map"]


@pytest.fixture
def default(catalog: Catalog) -> Plan:
    return load_plan(read_yaml(catalog.folder / "config.yaml"), "config.yaml", catalog)


def slice_of(plan: Plan, name: str) -> dict[str, Any]:
    return slices.table_slice(plan, name) if "table" in name else slices.figure_slice(plan, name)


def test_table_1_stands_in_groups_of_one_generator_after_bicubic(default: Plan) -> None:
    columns = slices.table_slice(default, "ldl_table1")["columns"]
    assert [(column["group"], column["name"], column["reference"]) for column in columns] == [
        ("", "Bicubic", True),
        ("srresnet", "SRResNet", True),
        ("srresnet", "SRResNet+GAN", False),
        ("srresnet", "SRResNet+LDL", False),
        ("rrdb", "RRDB", True),
        ("rrdb", "RRDB+GAN", False),
        ("rrdb", "RRDB+LDL", False),
    ]


def test_table_1_groups_models_whatever_their_order(planned: Callable[..., Plan], run_data: Any) -> None:
    models = run_data["models"]
    order = [models[3], models[0], models[2], models[1]]
    columns = slices.table_slice(planned("models", order), "ldl_table1")["columns"]
    assert [column["name"] for column in columns] == ["Bicubic", "Base", "Base+LDL", "Base+GAN", "Dense"]


def test_table_2_switches_on_one_part_per_row(default: Plan) -> None:
    data = slices.table_slice(default, "ldl_table2")
    switches = ("M", "sigma_M", "M_refine", "Psi_EMA")
    assert [(row["row"], *(bool(row[switch]) for switch in switches)) for row in data["rows"]] == [
        ("1'", False, False, False, False),
        ("2", True, False, False, False),
        ("3", True, True, False, False),
        ("4", True, True, True, False),
        ("5", True, True, True, True),
    ]
    assert list(data["benchmarks"]) == ["photos"]


def test_rows_4_and_5_of_table_2_are_one_model_with_raw_and_ema_weights(default: Plan) -> None:
    *_, row4, row5 = slices.table_slice(default, "ldl_table2")["rows"]
    assert (row4["scored"], row5["scored"]) == ("RRDB+LDL_raw", "RRDB+LDL")
    assert row4["model_slug"] == row5["model_slug"] == "RRDB+LDL"
    assert slices.table_models(default, "ldl_table2").count("RRDB+LDL") == 1


def test_an_artifact_loss_without_weight_switches_nothing_on(planned: Callable[..., Plan]) -> None:
    plan = planned("overrides/finetune/losses/artifact", {"weight": 0})
    (row,) = slices.table_slice(plan, "ldl_table2")["rows"]
    assert not (row["M"] or row["sigma_M"] or row["M_refine"])


def test_a_table_reads_the_scores_of_its_columns_and_no_others(default: Plan) -> None:
    read = slices.table_scores(default, "ldl_table1")
    assert ("Bicubic", "photos") in read and ("RRDB+LDL", "photos") in read
    assert ("RRDB+LDL_M", "photos") not in read
    scored = {default.scored_slug(name, weights) for name, weights in default.scored()} | {"Bicubic"}
    for table in ("ldl_table1", "ldl_table2"):
        assert {folder for folder, _ in slices.table_scores(default, table)} <= scored


def test_bicubic_is_no_trained_model(default: Plan) -> None:
    assert "Bicubic" not in slices.table_models(default, "ldl_table1")


def test_a_figure_reads_the_models_it_shows(default: Plan) -> None:
    assert slices.figure_models(default, "mad_stability") == ["RRDB+GAN", "RRDB+LDL"]
    assert slices.figure_models(default, "artifact_map") == ["RRDB+LDL"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_slice_is_plain_data(default: Plan, name: str) -> None:
    data = slice_of(default, name)
    assert canonical(json.loads(canonical(data))) == canonical(data)


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        (["weights_dir", "elsewhere"], set()),
        (["data_dir", "elsewhere"], set()),
        (["seed", 1], set()),
        (["metrics", ["psnr_y"]], {"ldl_table1", "ldl_table2"}),
        (["run", "other"], set(EVERYTHING)),
        (["tables/ldl_table1/reference", []], {"ldl_table1"}),
        (["tables/ldl_table2/rows/0/weights", "ema"], {"ldl_table2"}),
        (["figures/mad_stability/solid", "Base+LDL"], {"mad_stability"}),
        (["overrides/finetune/losses/artifact", {"window": 9}], {"artifact_map"}),
        (["models/2/published", {"method": "RRDB+LDL", "train_set": "DF2K"}], {"ldl_table1"}),
    ],
)
def test_a_table_or_figure_depends_on_what_it_shows(
    planned: Callable[..., Plan], changes: list[Any], affected: set[str]
) -> None:
    before, after = planned(), planned(*changes)
    assert {n for n in EVERYTHING if canonical(slice_of(before, n)) != canonical(slice_of(after, n))} == affected


def test_provenance_names_every_model_and_dataset(default: Plan) -> None:
    data = slices.provenance_slice(default)
    assert set(data["models"]) == set(default.models)
    assert list(data["datasets"]) == ["photographs", "photos"]
    assert all("scikit-image" in licence for licence in data["datasets"].values())
    assert json.loads(canonical(data))["run"]["run"] == "demo"


def test_reading_a_configuration_imports_none_of_the_slow_packages() -> None:
    # Snakemake reads the configuration in every job: seconds of imports would come on top of each
    code = (
        "import sys, gansr.cli, gansr.config.plan, gansr.config.slices, gansr.config.options\n"
        "for kind in gansr.config.options.FOLDERS:\n"
        "    for name in gansr.config.options.names(kind): gansr.config.options.schema(kind, name)\n"
        "print(sorted({'torch', 'torchvision', 'pyiqa', 'lpips', 'spandrel', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
