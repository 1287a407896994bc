"""Terms, critics, views and groups merged: a method that extends another, its variants, a run that changes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.method import Method
from gansr.config.method_files import apply_overrides, read_method
from gansr.errors import UserError
from gansr.plan.plan import Plan
from gansr.schema.loading import validate

MASK = {"name": "region_mask", "of": "lr", "window": 11, "threshold": 0.025}
SECOND = {"loss": "adversarial", "weight": 0.01, "view": {"name": "region_mask", "of": "hr"}}
TWO = ["losses/textured", SECOND, "critics/textured", {"network": "unet_sn"}]


def ldl(method_data: Callable[..., Any], *changes: Any) -> Method:
    return validate(Method, method_data("ldl", *changes), "ldl")


def write(folder: Path, **methods: dict[str, Any]) -> Path:
    for name, data in methods.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder


def test_a_view_of_another_name_replaces_the_old_one_and_one_of_the_same_is_adjusted(tmp_path: Path) -> None:
    base = {"losses": {"pixel": {"weight": 1, "view": MASK}}}
    folder = write(
        tmp_path,
        base=base,
        adjusted={"extends": "base", "losses": {"pixel": {"view": {"of": "hr"}}}},
        other={"extends": "base", "losses": {"pixel": {"view": {"name": "gradient"}}}},
        none={"extends": "base", "losses": {"pixel": {"view": None}}},
    )
    views = {name: read_method(folder, name)["losses"]["pixel"]["view"] for name in ("adjusted", "other", "none")}
    assert views == {"adjusted": MASK | {"of": "hr"}, "other": {"name": "gradient"}, "none": None}


def test_a_term_of_another_file_replaces_the_old_one(tmp_path: Path) -> None:
    base = {"losses": {"pixel": {"weight": 1, "view": MASK}, "second": {"loss": "artifact", "weight": 1, "window": 5}}}
    mine = {
        "pixel": {"loss": "back_projection", "weight": 2},
        "second": {"loss": "artifact", "weight": 3},
    }
    folder = write(tmp_path, base=base, mine={"extends": "base", "losses": mine})
    assert read_method(folder, "mine")["losses"] == {
        "pixel": {"loss": "back_projection", "weight": 2},
        "second": {"loss": "artifact", "weight": 3, "window": 5},
    }


def test_the_layers_of_a_perceptual_loss_are_one_setting_under_any_name(tmp_path: Path) -> None:
    layers = {"shallow": {"loss": "perceptual", "weight": 1, "layers": {"conv1_1": 1.0}}}
    mine = {"extends": "base", "losses": {"shallow": {"layers": {"conv1_2": 2.0}}}}
    folder = write(tmp_path, base={"losses": layers}, mine=mine)
    assert read_method(folder, "mine")["losses"]["shallow"]["layers"] == {"conv1_2": 2.0}


def test_a_discriminator_and_critics_of_different_files_are_merged(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        base={"discriminator": {"network": "vgg", "features": 32}},
        more={"extends": "base", "critics": {"second": {"network": "unet_sn"}}},
        less={"extends": "more", "critics": {"adversarial": {"features": 8}}, "discriminator": None},
        none={"extends": "more", "discriminator": None},
    )
    vgg = {"network": "vgg", "features": 32}
    assert read_method(folder, "more")["critics"] == {"adversarial": vgg, "second": {"network": "unet_sn"}}
    assert read_method(folder, "none")["critics"] == {"adversarial": None, "second": {"network": "unet_sn"}}
    with pytest.raises(UserError, match=r"less.yaml: discriminator is short for critics.adversarial"):
        read_method(folder, "less")


def test_a_critic_that_is_taken_away_is_none(method_data: Callable[..., Any]) -> None:
    method = ldl(method_data, *TWO, "losses/adversarial", ..., "critics/adversarial", None)
    assert set(method.critics) == {"textured"}


def test_overrides_adjust_views_critics_and_groups_and_add_none() -> None:
    method = {
        "losses": {"pixel": {"weight": 1}, "adversarial": {"weight": 1, "view": MASK}},
        "critics": {"adversarial": {"network": "vgg"}},
        "groups": {"tail": {"starts": 5}},
    }
    view = {"view": {"of": "hr"}}
    overrides = {
        "losses": {"pixel": {"weight": 2} | view, "adversarial": view, "artifact": {"weight": 1}},
        "critics": {"adversarial": {"features": 8}, "second": {"network": "vgg"}},
        "groups": {"tail": {"rate": 2}, "head": {"rate": 3}},
    }
    assert apply_overrides(method, overrides) == {
        "losses": {"pixel": {"weight": 2}, "adversarial": {"weight": 1, "view": MASK | {"of": "hr"}}},
        "critics": {"adversarial": {"network": "vgg", "features": 8}},
        "groups": {"tail": {"starts": 5, "rate": 2}},
    }
    assert overrides["losses"]["pixel"] == {"weight": 2} | view


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"critics": {"second": {"features": 8}}}, ["overrides.finetune.critics", '"second"', "valid: adversarial"]),
        ({"groups": {"tail": {"starts": 2}}}, ["overrides.finetune.groups", '"tail"']),
        ({"critics": 5}, ["overrides.finetune", "critics", "dictionary", "not 5"]),
        ({"losses": {"pixel": {"view": {"of": "hr"}}}}, ["overrides.finetune.losses.pixel.view", "remove it"]),
        (
            {"critics": {"adversarial": {"features": 8}}, "discriminator": {"features": 8}},
            ["overrides", "discriminator is short for critics.adversarial"],
        ),
        ({"losses": {"adversarial": {"view": {"windw": 5}}}}, ['unknown key "windw"', 'did you mean "window"?']),
    ],
)
def test_wrong_overrides_are_refused(refused: Callable[..., str], overrides: dict[str, Any], words: list[str]) -> None:
    random = {"weights": "random", "width": 4}
    overrides = overrides | {"losses": {"perceptual": random} | overrides.get("losses", {})}
    refused(["overrides/finetune", {"patch_size": 64} | overrides], *words)


def test_the_weights_of_judges_are_those_that_the_methods_name(planned: Callable[..., Plan], tmp_path: Path) -> None:
    changes = ["weights_dir", str(tmp_path), "metrics", ["psnr_y"]]
    (tmp_path / "vgg19-dcbb9e9d.pth").touch()
    pretrained = ["overrides/finetune/losses/perceptual", {"weights": "pretrained"}]
    assert planned(*changes, "download", False, *pretrained).weights == ["vgg19"]
    assert planned(*changes, "download", False).weights == []


def test_a_judge_that_cannot_be_had_is_named_with_every_way_out(refused: Callable[..., str]) -> None:
    changes = ["overrides/finetune/losses/perceptual", {"weights": "pretrained"}, "download", False]
    words = [
        "vgg19-dcbb9e9d.pth is not there",
        "download: true",
        "overrides.finetune.losses.perceptual.weights: random",
    ]
    refused(changes, *words)
