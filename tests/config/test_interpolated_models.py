"""Models between two others: what they may be made from, and what they depend on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.plan.models import InterpolatedModel, TrainedModel
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import provenance_job
from gansr.plan.table_jobs import table_job
from tests.table_jobs import entries_of, scores_read

NO_REPORT = ["mad", ..., "tables", {}, "figures", {}]


def between(first: str, second: str, alpha: float = 0.5) -> dict[str, Any]:
    return {"between": [first, second], "alpha": alpha}


def test_an_interpolated_model_lies_between_two_trained_ones(planned: Callable[..., Plan]) -> None:
    plan = planned()
    model = plan.models["Between"]
    assert isinstance(model, InterpolatedModel)
    assert (model.between, model.alpha, model.generator, model.slug) == (("Base", "Base+GAN"), 0.25, "small", "Between")
    assert list(plan.interpolated) == ["Between"]
    assert list(plan.trained) == [name for name in plan.models if name != "Between"]
    assert all(isinstance(model, TrainedModel) for model in plan.trained.values())


@pytest.mark.parametrize("alpha", [0, 0.0, 1, 0.5, 1e-9])
def test_alpha_is_a_share(planned: Callable[..., Plan], alpha: Any) -> None:
    assert planned("models/5/interpolate/alpha", alpha).interpolated["Between"].alpha == float(alpha)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("alpha", "0.5", ["models.5.interpolate.alpha", "valid number", "'0.5'"]),
        ("alpha", -0.1, ["models.5.interpolate.alpha", "greater than or equal to 0", "-0.1"]),
        ("alpha", 1.1, ["models.5.interpolate.alpha", "less than or equal to 1", "1.1"]),
        ("alpha", float("nan"), ["models.5.interpolate.alpha"]),
        ("alpha", "half", ["models.5.interpolate.alpha", "'half'"]),
        ("alpha", ..., ["models.5.interpolate.alpha", "required"]),
        ("between", ["Base", "Base"], ["models.5", "Between", "interpolate.between", "both models are the same"]),
        ("between", ["Base"], ["models.5.interpolate.between", "required"]),
        ("between", ["Base", "Base+GAN", "Base+LDL"], ["models.5.interpolate.between", "at most 2"]),
        ("between", "Base", ["models.5.interpolate.between", "'Base'"]),
        ("between", ..., ["models.5.interpolate.between", "required"]),
        ("between", ["Base", "Base+GNA"], ["model Between", 'unknown model "Base+GNA"', 'mean "Base+GAN"?']),
        ("between", ["Bse", "Base+GAN"], ["model Between", 'unknown model "Bse"', 'did you mean "Base"?']),
        ("between", ["Base", "Bicubic"], ["model Between", 'unknown model "Bicubic"']),
        ("between", ["Base", "Between"], ["model Between", "interpolated from itself"]),
        ("between", ["Base", "Dense"], ["model Between", "a small and a dense model", "two models of one generator"]),
        ("between", ["Beby", "Base"], ["model Between", "a dense and a small model", "two models of one generator"]),
    ],
)
def test_a_model_that_does_not_lie_between_two_is_refused(
    refused: Callable[..., str], place: str, value: Any, words: list[str]
) -> None:
    refused([f"models/5/interpolate/{place}", value], "run.yaml", *words)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generator", "small"),
        ("method", "gan"),
        ("variant", "release"),
        ("dataset", "photographs"),
        ("start", "Base"),
        ("seed", 3),
        ("seed", 0),
    ],
)
def test_an_interpolated_model_has_no_key_of_a_training(refused: Callable[..., str], key: str, value: Any) -> None:
    refused([f"models/5/{key}", value], "models.5", "Between", "is not trained", f"has no {key}", "remove it")


def test_a_model_that_is_neither_trained_nor_interpolated_is_refused(refused: Callable[..., str]) -> None:
    refused(["models/5/interpolate", ...], "models.5", "Between", "generator is missing")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # a model starts from one that lies between it and another
        (["models/1/start", "Between"], ["Base+GAN -> Between -> Base+GAN"]),
        (["models/2/start", "Between", "models/1/start", "Base+LDL"], ["Base+GAN", "Base+LDL", "Between", " -> "]),
        # two that lie between each other
        (
            [
                *["models/5/interpolate/between", ["Base", "Other"]],
                *["models/6", {"name": "Other", "interpolate": between("Between", "Base")}],
            ],
            ["Between -> Other -> Between"],
        ),
    ],
)
def test_circles_through_starts_and_interpolations_are_refused(
    refused: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    refused([*NO_REPORT, *changes], "run.yaml", "each other", *words)


def test_a_model_may_start_from_an_interpolated_one(planned: Callable[..., Plan], refused: Callable[..., str]) -> None:
    model = {"name": "On", "generator": "small", "method": "gan", "start": "Between"}
    plan = planned("models/6", model)
    assert plan.trained["On"].start == "Between"
    refused(["models/6", model | {"generator": "dense"}], "model On", "starts from Between", "small, not dense")


def test_a_model_may_lie_between_interpolated_ones(planned: Callable[..., Plan], refused: Callable[..., str]) -> None:
    nested = {"name": "Nested", "interpolate": between("Between", "Base+LDL")}
    assert planned("models/6", nested).interpolated["Nested"].generator == "small"
    refused(["models/6", nested | {"interpolate": between("Beby", "Between")}], "model Nested", "a dense and a small")


def test_the_order_of_models_does_not_matter(planned: Callable[..., Plan], run_data: dict[str, Any]) -> None:
    before, after = planned(), planned("models", run_data["models"][::-1])
    assert {name: model.job.to_json() for name, model in before.models.items()} == {
        name: model.job.to_json() for name, model in after.models.items()
    }


def test_models_that_differ_in_stochastic_depth_alone_have_a_model_between(planned: Callable[..., Plan]) -> None:
    size = {"network": "swinir", "features": 4, "groups": 1, "blocks": 1, "heads": 2}
    changes = [
        *["generators/swin", size | {"drop_path": 0.1}, "generators/still", size],
        *["models/6", {"name": "Swin", "generator": "swin", "method": "psnr"}],
        *["models/7", {"name": "Still", "generator": "still", "method": "gan", "start": "Swin"}],
        *["models/8", {"name": "Middle", "interpolate": between("Swin", "Still")}],
    ]
    assert planned(*changes).interpolated["Middle"].generator == "swin"


# ---- what is made of it


def test_no_sr_is_kept_of_an_interpolated_model(refused: Callable[..., str]) -> None:
    models = ["Base+GAN", "Between"]
    refused(["figures/mad_stability/models", models], "figures.mad_stability", "Between is not fine-tuned")
    refused(["figures/artifact_map/model", "Between"], "figures.artifact_map", "Between is not fine-tuned")


def test_an_interpolated_model_has_no_ema_weights(planned: Callable[..., Plan], refused: Callable[..., str]) -> None:
    row = {"row": 6, "model": "Between", "weights": "ema"}
    refused(["tables/ldl_table2/rows/1", row], "tables.ldl_table2 row 6", "Between", "set weights: raw")
    plan = planned("tables/ldl_table2/rows/1", row | {"weights": "raw"})
    assert plan.tested_weights("Between") == "raw"
    assert plan.scored_slug("Between", "raw") == "Between"
    assert plan.tests().count(("Between", "raw", "photos")) == 1


def test_an_interpolated_model_is_a_column_without_switches_and_says_what_it_is(planned: Callable[..., Plan]) -> None:
    plan = planned("tables/ldl_table2/rows/1", {"row": 6, "model": "Between", "weights": "raw"})
    for table in ("ldl_table1", "beby_table2"):
        (column,) = [entry for entry in entries_of(plan, table) if entry.name == "Between"]
        assert (column.weights, column.reference) == (None, False)
        assert column.group == ("small" if table == "ldl_table1" else "")
        assert table_job(plan, table).models["Between"] == "network interpolation"
        assert ("Between", "photos") in scores_read(plan, table) and "Between" in table_job(plan, table).models
    *_, row = entries_of(plan, "ldl_table2")
    assert row.switches == ()
    assert provenance_job(plan).models["Between"] == "Between"


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        (["models/5/interpolate/alpha", 0.75], True),
        (["models/5/interpolate/between", ["Base+GAN", "Base"]], True),
        (["models/5/interpolate/between", ["Base", "Base+LDL"]], True),
        (["generators/small/features", 8], True),
        (["scale", 2], True),
        # the weights of the two others are input files
        (["models/5/name", "Renamed"], False),
        (["models/5/tables", []], False),
        (["models/5/published", {"beby_table2": "ESRGAN-PI"}], False),
        (["seed", 1], False),
        (["models/1/seed", 1], False),
        (["models/2/variant", "paper"], False),
        (["overrides/finetune/iterations", 9000], False),
        (["overrides/finetune/schedule", {"warmup": 5}], False),
        (["overrides/pretrain/ema_decay", 0.5], False),
        (["mad/interval", 3], False),
        (["generators/dense/blocks", 2], False),
        (["run", "other"], False),
        (["metrics", ["psnr_y"]], False),
        (["tables", {}], False),
    ],
)
def test_an_interpolated_model_depends_on_its_place_between_two_and_on_nothing_else(
    planned: Callable[..., Plan], changes: list[Any], affected: bool
) -> None:
    (before,), (after,) = planned().interpolated.values(), planned(*changes).interpolated.values()
    assert (before.job.to_json() != after.job.to_json()) == affected
