"""The section `training`: what it refuses, which models it holds for, and what of it a result depends on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.run import json_schema
from gansr.config.training_settings import ResultSettings, TrainingSettings
from gansr.plan.jobs.train import TrainJob
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import provenance_job
from gansr.schema.loading import read_yaml

TRAINED = {"Base", "Base+GAN", "Base+LDL", "Dense", "Beby"}
DEFAULTS = {
    "precision": "fp32",
    "channels_last": True,
    "compile": False,
    "graph": False,
    "gpus": 1,
    "prefetch": 2,
    "checkpoint_every": None,
    "skip_not_finite": 0,
    "tensorboard": False,
}


def differing(one: Plan, other: Plan) -> set[str]:
    """The models whose specs are not the same."""
    return {name for name in one.models if one.models[name].job.to_json() != other.models[name].job.to_json()}


def test_without_the_section_training_is_exact_float32_in_one_process(planned: Callable[..., Plan]) -> None:
    assert planned().run.training.model_dump() == DEFAULTS


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("precison", "bf16", ['"precison"', 'did you mean "precision"?']),
        ("precision", "fp16", ["precision", "'fp32'", "'bf16'", "not 'fp16'"]),
        ("gpus", 0, ["gpus", "greater than 0", "not 0"]),
        ("gpus", "all", ["gpus", "integer", "not 'all'"]),
        ("prefetch", -1, ["prefetch", "greater than or equal to 0", "not -1"]),
        ("checkpoint_every", 0, ["checkpoint_every", "greater than 0", "not 0"]),
        ("skip_not_finite", -1, ["skip_not_finite", "not -1"]),
        ("graph", "if there is a GPU", ["graph", "boolean"]),
    ],
)
def test_a_wrong_key_or_value_is_refused_in_one_line_that_names_it(
    refused: Callable[..., str], setting: str, value: Any, words: list[str]
) -> None:
    refused([f"training/{setting}", value], "run.yaml", "training", *words)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("precison", "bf16", ['"precison"', 'did you mean "precision"?']),
        ("precision", "fp16", ["precision", "not 'fp16'"]),
        ("gpus", 0, ["gpus", "not 0"]),
    ],
)
def test_the_same_holds_for_a_models_own_settings(
    refused: Callable[..., str], setting: str, value: Any, words: list[str]
) -> None:
    refused([f"models/1/training/{setting}", value], "run.yaml", "model Base+GAN: training", *words)


def test_it_is_read_from_a_config_file(tmp_path: Path, run_data: Any, catalog: Catalog) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(run_data | {"training": {"precision": "bf16", "prefetch": 4}}), encoding="utf-8")
    plan = load_plan(read_yaml(file), str(file), catalog)
    assert plan.run.training == TrainingSettings(precision="bf16", prefetch=4)


def test_every_setting_is_in_the_schema_of_config_files() -> None:
    schema = json.loads(json_schema())
    assert set(schema["$defs"]["TrainingSettings"]["properties"]) == set(DEFAULTS)


def test_a_models_settings_come_before_the_runs(planned: Callable[..., Plan]) -> None:
    run = {"precision": "tf32", "channels_last": False}
    plan = planned("training", run, "models/2/training", {"precision": "bf16"})
    found = {name: plan.trained[name].job.training.model_dump() for name in TRAINED}
    assert {name for name, settings in found.items() if settings["precision"] == "bf16"} == {"Base+LDL"}
    assert all(settings["precision"] == "tf32" for name, settings in found.items() if name != "Base+LDL")
    assert not any(settings["channels_last"] for settings in found.values())


def test_a_batch_that_the_gpus_cannot_share_is_refused(
    planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    assert planned("models/0/training", {"gpus": 8}).trained["Base"].job.training.gpus == 8
    refused(["models/0/training", {"gpus": 3}], "model Base:", "batch_size 16", "3 GPUs", "training.gpus", "divisor")
    changes = ["training", {"gpus": 16}]
    refused(changes, "model Beby:", "batch_size 8", "16 GPUs")


def test_a_graph_is_of_one_process_and_skips_no_iteration(
    planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    assert planned("training", {"graph": True}).trained["Base"].job.training.graph
    refused(["training", {"graph": True, "gpus": 2}], "model Base:", "training.graph", "gpus: 1", "graph: false")
    skipping = {"graph": True, "skip_not_finite": 1}
    refused(["training", skipping], "model Base:", "training.graph", "skip_not_finite: 0", "graph: false")
    # two settings that exclude each other may come from two places
    changes = ["training", {"graph": True}, "models/2/training", {"gpus": 2}]
    refused(changes, "model Base+LDL:", "training.graph", "gpus: 1")


@pytest.mark.parametrize(
    "model",
    [
        {"name": "Released", "generator": "dense", "released": "rrdb_psnr"},
        {"name": "Middle", "interpolate": {"between": ["Base", "Base+GAN"], "alpha": 0.5}},
    ],
)
def test_a_model_that_is_not_trained_has_no_settings(refused: Callable[..., str], model: dict[str, Any]) -> None:
    given = model | {"training": {"precision": "bf16"}}
    refused(["models/6", given], model["name"], "is not trained and has no training", "remove it")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("precision", "tf32"),
        ("channels_last", False),
        ("compile", True),
        ("graph", True),
        ("gpus", 2),
        ("skip_not_finite", 1),
    ],
)
def test_a_result_depends_on_how_it_is_computed(planned: Callable[..., Plan], setting: str, value: Any) -> None:
    before = planned()
    assert differing(before, planned(f"training/{setting}", value)) == TRAINED
    assert differing(before, planned(f"models/1/training/{setting}", value)) == {"Base+GAN"}


@pytest.mark.parametrize(("setting", "value"), [("prefetch", 0), ("checkpoint_every", 100), ("tensorboard", True)])
def test_what_is_kept_and_watched_makes_nothing_again(
    planned: Callable[..., Plan], refused: Callable[..., str], setting: str, value: Any
) -> None:
    assert differing(planned(), planned(f"training/{setting}", value)) == set()
    assert planned(f"training/{setting}", value).run.training.of_watch.model_dump()[setting] == value
    # it is told to all trainings of a run at once
    refused([f"models/1/training/{setting}", value], "model Base+GAN:", f"training.{setting}", "the run's training")


def test_every_setting_is_in_the_spec_or_beside_it() -> None:
    settings = TrainingSettings()
    of_result, of_watch = settings.of_result.model_dump(), settings.of_watch.model_dump()
    assert of_result | of_watch == DEFAULTS
    assert not of_result.keys() & of_watch.keys()


def test_the_spec_of_every_trained_model_says_how_it_is_computed(planned: Callable[..., Plan]) -> None:
    plan = planned()
    for name, model in plan.models.items():
        assert isinstance(model.job, TrainJob) == (name in TRAINED)
    assert all(plan.trained[name].job.training == ResultSettings() for name in TRAINED)


def test_provenance_says_how_a_run_is_computed_and_kept(planned: Callable[..., Plan]) -> None:
    told = provenance_job(planned("training", {"precision": "bf16", "prefetch": 4})).configuration["training"]
    assert told == DEFAULTS | {"precision": "bf16", "prefetch": 4}
