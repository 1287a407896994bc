"""A run's overrides: they adjust what a method has and add nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.method_files import apply_overrides
from gansr.plan.plan import Plan
from tests.run_parts import COSINE


def test_overrides_adjust_what_a_method_has_and_add_nothing() -> None:
    method = {"losses": {"pixel": {"weight": 1}}, "iterations": 5}
    overrides = {
        "losses": {"pixel": {"weight": 2}, "artifact": {"weight": 1}},
        "discriminator": {"features": 8},
        "ema_decay": 0.9,
        "iterations": 6,
    }
    assert apply_overrides(method, overrides) == {"losses": {"pixel": {"weight": 2}}, "iterations": 6}
    assert method == {"losses": {"pixel": {"weight": 1}}, "iterations": 5}


def test_overrides_adjust_the_discriminator_a_method_has() -> None:
    method = {"losses": {}, "critics": {"adversarial": {"network": "vgg", "features": 64}}}
    expected = {"adversarial": {"network": "vgg", "features": 8}}
    assert apply_overrides(method, {"discriminator": {"features": 8}})["critics"] == expected
    assert apply_overrides(method, {"critics": {"adversarial": {"features": 8}}})["critics"] == expected


def test_an_override_of_a_discriminators_size_passes_over_what_another_network_has() -> None:
    method = {"critics": {"adversarial": {"network": "unet_sn"}}}
    changed = {"discriminator": {"features": 2, "stages": 5}}
    assert apply_overrides(method, changed) == {"critics": {"adversarial": {"network": "unet_sn", "features": 2}}}
    typo = apply_overrides(method, {"discriminator": {"feature": 2}})
    # to be refused when it is checked
    assert typo["critics"]["adversarial"] == {"network": "unet_sn", "feature": 2}


def test_an_ema_model_is_adjusted_and_never_added(planned: Callable[..., Plan]) -> None:
    models = planned("overrides/finetune/ema_decay", 0.9).trained
    assert {name: model.method.ema_decay for name, model in models.items()} == {
        "Base": 0.999,
        "Base+GAN": 0.9,
        "Base+LDL": 0.9,
        "Dense": 0.999,
        "Beby": None,
    }
    assert apply_overrides({"ema_decay": None}, {"ema_decay": 0.9}) == {"ema_decay": None}


def test_an_ema_override_that_no_method_uses_is_refused(refused: Callable[..., str]) -> None:
    models = [
        {"name": "Base", "generator": "small", "method": "psnr"},
        {"name": "Beby", "generator": "small", "method": "beby", "start": "Base"},
    ]
    overrides = {"ema_decay": 0.9, "losses": {"perceptual": {"weights": "random"}}}
    changes = ["models", models, "tables", {}, "figures", {}, "overrides", {"finetune": overrides}]
    refused(changes, "overrides.finetune.ema_decay", "no method of this stage has one")


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ({"schedule": {"milestones": [1], "gamma": 0.5}}, {"milestones": [9], "gamma": 0.5}),
        ({"schedule": COSINE}, COSINE | {"warmup": 3}),
        # a schedule that is left out is one without milestones
        ({}, {"milestones": [9]}),
        ({"schedule": {}}, {"milestones": [9]}),
    ],
)
def test_overrides_adjust_a_schedule_of_their_kind(method: dict[str, Any], kept: dict[str, Any]) -> None:
    overrides = {"schedule": {"milestones": [9], "warmup": 3}}
    assert apply_overrides(method, overrides)["schedule"] == kept
    assert overrides == {"schedule": {"milestones": [9], "warmup": 3}}


def test_overrides_of_an_unknown_schedule_key_are_left_to_the_check() -> None:
    assert apply_overrides({"schedule": COSINE}, {"schedule": {"warmpu": 3}})["schedule"]["warmpu"] == 3


def test_a_misspelt_key_of_a_schedule_gets_the_nearest_of_either_kind(refused: Callable[..., str]) -> None:
    refused(["overrides/finetune/schedule", {"warmpu": 20}], "overrides.finetune.schedule", 'did you mean "warmup"')


@pytest.mark.parametrize("key", ["variant", "stage", "title"])
def test_an_override_cannot_change_what_a_method_is(refused: Callable[..., str], key: str) -> None:
    refused([f"overrides/finetune/{key}", "paper"], f"overrides.finetune.{key}", "cannot be changed")
