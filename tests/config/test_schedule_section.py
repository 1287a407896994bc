"""The schedule of a method: milestones or cosine periods, never both, and an override touches its own kind alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.method import Method
from gansr.config.schedule import CosineRestarts, MultiStep
from gansr.plan.plan import Plan
from gansr.schema.loading import validate

COSINE = {"periods": 2, "warmup": 5, "warmup_factor": 0.1, "minimum": 1e-7}
NO_REPORT = ["tables", {}, "figures", {}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["schedule/gamma", 1.5], ["schedule.gamma", "1.5"]),
        (["schedule/gamma", 0], ["schedule.gamma", "0"]),
        (["schedule/milestones", [20, 10]], ["schedule.milestones must increase"]),
        (["schedule/milestones", [10, 10]], ["schedule.milestones must increase"]),
        (["schedule/milestones", [0]], ["schedule.milestones.0", "0"]),
        (["schedule/milestones", 10], ["schedule.milestones", "10"]),
        (["schedule/milestone", [10]], ['schedule: unknown key "milestone"', 'did you mean "milestones"?']),
        (["schedule", None], ["schedule"]),
        (["schedule", "constant"], ["schedule", "'constant'"]),
        (["schedule", [10]], ["schedule"]),
        # of two kinds at once
        (["schedule", {"milestones": [10]} | COSINE], ['schedule: unknown key "milestones"', "periods"]),
    ],
)
def test_wrong_milestones_are_refused(refused_method: Callable[..., str], changes: list[Any], words: list[str]) -> None:
    refused_method("ldl", changes, *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["periods", 7], ["iterations 600000", "not a multiple of schedule.periods 7"]),
        (["periods", 0], ["schedule.periods", "0"]),
        (["periods", 1.5], ["schedule.periods", "1.5"]),
        (["periods", ...], ["schedule.periods", "required"]),
        (["warmup", 200_000], ["schedule.warmup 200000", "does not end within a period of 200000"]),
        (["warmup", 300_000], ["schedule.warmup 300000", "a period of 200000"]),
        (["warmup", -1], ["schedule.warmup", "-1"]),
        (["warmup", ...], ["schedule.warmup", "required"]),
        (["warmup_factor", 1.5], ["schedule.warmup_factor", "1.5"]),
        (["warmup_factor", -0.1], ["schedule.warmup_factor", "-0.1"]),
        (["minimum", 2e-4], ["schedule.minimum 0.0002", "above the learning rate"]),
        (["minimum", 0], ["schedule.minimum", "0"]),
        (["minimum", "low"], ["schedule.minimum", "'low'"]),
        (["warmpu", 5], ['schedule: unknown key "warmpu"', 'did you mean "warmup"?']),
        (["gamma", 0.5], ['schedule: unknown key "gamma"', "periods"]),
    ],
)
def test_wrong_periods_are_refused(refused_method: Callable[..., str], changes: list[Any], words: list[str]) -> None:
    refused_method("beby", [f"schedule/{changes[0]}", changes[1]], *words)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (["schedule", ...], MultiStep),
        (["schedule", {}], MultiStep),
        (["schedule", {"gamma": 0.1}], MultiStep),
        (["schedule", {"milestones": [1, 2]}], MultiStep),
        (["schedule/warmup", 199_999], CosineRestarts),
        (["schedule/warmup", 0], CosineRestarts),
        (["schedule/periods", 1, "schedule/minimum", 1e-4], CosineRestarts),
        (["schedule/minimum", "1e-7"], CosineRestarts),
    ],
)
def test_the_keys_tell_the_kind_of_a_schedule(
    method_data: Callable[..., Any], changes: list[Any], kind: type[MultiStep | CosineRestarts]
) -> None:
    assert type(validate(Method, method_data("beby", *changes), "beby").schedule) is kind


def test_a_method_without_schedule_keeps_its_learning_rate(method_data: Callable[..., Any]) -> None:
    assert validate(Method, method_data("beby", "schedule", ...), "beby").schedule == MultiStep(
        milestones=(), gamma=0.5
    )


# ---- a run's overrides


def schedules(plan: Plan) -> dict[str, dict[str, Any]]:
    return {name: model.method.schedule.model_dump() for name, model in plan.trained.items()}


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ({"warmup": 20}, {"Beby": {"warmup": 20}}),
        ({"periods": 2, "minimum": 1e-6}, {"Beby": {"periods": 2, "minimum": 1e-6}}),
        ({"milestones": [5]}, {"Base+GAN": {"milestones": (5,)}, "Base+LDL": {"milestones": (5,)}}),
        # each method takes the keys of its kind
        (
            {"gamma": 0.25, "warmup": 20},
            {"Beby": {"warmup": 20}, "Base+GAN": {"gamma": 0.25}, "Base+LDL": {"gamma": 0.25}},
        ),
        ({}, {}),
    ],
)
def test_an_override_of_a_schedule_concerns_the_methods_of_its_kind(
    planned: Callable[..., Plan], override: dict[str, Any], changes: dict[str, dict[str, Any]]
) -> None:
    before = schedules(planned())
    after = schedules(planned("overrides/finetune/schedule", override))
    assert after == {name: schedule | changes.get(name, {}) for name, schedule in before.items()}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"periods": 7}, ["iterations 600000", "schedule.periods 7"]),
        ({"warmup": 200_000}, ["schedule.warmup 200000", "a period of 200000"]),
        ({"minimum": 1}, ["schedule.minimum 1", "above the learning rate"]),
    ],
)
def test_an_override_that_breaks_the_periods_names_the_method(
    refused: Callable[..., str], override: dict[str, Any], words: list[str]
) -> None:
    refused(["overrides/finetune/schedule", override], "run.yaml", "overrides.finetune on beby", *words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["iterations", 100], ["iterations 100", "schedule.periods 3"]),
        (["iterations", 3000], ["schedule.warmup 2000", "a period of 1000"]),
        (["optimizer", {"learning_rate": 1e-8}], ["schedule.minimum", "above the learning rate"]),
    ],
)
def test_other_overrides_must_leave_the_periods_whole(
    refused: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    refused([f"overrides/finetune/{changes[0]}", changes[1]], "overrides.finetune on beby", *words)


def only(run_data: dict[str, Any], *names: str) -> list[Any]:
    return [*NO_REPORT, "models", [model for model in run_data["models"] if model["name"] in names]]


@pytest.mark.parametrize(
    ("models", "key", "advice"),
    [
        (("Dense", "Beby"), "warmpu", 'did you mean "warmup"?'),
        (("Dense", "Beby"), "minium", 'did you mean "minimum"?'),
        (("Base", "Base+LDL"), "milestone", 'did you mean "milestones"?'),
        (("Base", "Base+LDL"), "gama", 'did you mean "gamma"?'),
    ],
)
def test_an_override_of_an_unknown_schedule_key_is_refused_with_the_nearest(
    refused: Callable[..., str], run_data: dict[str, Any], models: tuple[str, ...], key: str, advice: str
) -> None:
    words = ["run.yaml", "overrides.finetune", f'unknown key "{key}"', advice]
    refused([*only(run_data, *models), f"overrides/finetune/schedule/{key}", 5], *words)


@pytest.mark.parametrize(
    ("models", "key", "advice"),
    [
        (("Dense", "Beby"), "milestones", "valid: minimum, periods, warmup, warmup_factor"),
        (("Dense", "Beby"), "gamma", "valid: minimum, periods, warmup, warmup_factor"),
        (("Base", "Base+GAN"), "warmup", "valid: gamma, milestones"),
        (("Base", "Base+LDL"), "periods", "valid: gamma, milestones"),
    ],
)
def test_an_override_of_a_schedule_that_no_method_of_the_stage_has_is_refused(
    refused: Callable[..., str], run_data: dict[str, Any], models: tuple[str, ...], key: str, advice: str
) -> None:
    place = f"overrides/finetune/schedule/{key}"
    refused([*only(run_data, *models), place, 5], "overrides.finetune.schedule", f"the key {key};", advice)


@pytest.mark.parametrize("given", [None, [10], "constant"])
def test_an_override_that_is_no_schedule_is_refused(refused: Callable[..., str], given: Any) -> None:
    refused(["overrides/finetune/schedule", given], "run.yaml", "overrides.finetune", "schedule")
