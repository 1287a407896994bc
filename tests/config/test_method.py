"""A method file: options known, parts that fit together, and `extends`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gansr.config.loading import validate
from gansr.config.method import Method, apply_overrides, merge, read_method
from gansr.errors import UserError


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("iteration", "iterations"),
        ("loss", "losses"),
        ("optimizer/learningrate", "learning_rate"),
        ("schedule/milestone", "milestones"),
        ("losses/perceptual/layer", "layers"),
        ("losses/adversarial/objectiv", "objective"),
        ("losses/artifact/ema_refin", "ema_refine"),
        ("losses/artifact/patch_wieght", "patch_weight"),
        ("discriminator/featurs", "features"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_nearest_valid_one(
    refused_method: Callable[..., str], place: str, meant: str
) -> None:
    key = place.rsplit("/", 1)[-1]
    refused_method("ldl", [place, 1], f'unknown key "{key}"', f'did you mean "{meant}"?')


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["losses/artefact", {"weight": 1}], ['unknown loss "artefact"', 'did you mean "artifact"?']),
        (["losses/base", {"weight": 1}], ['unknown loss "base"']),
        (["losses/pixel", {"wieght": 1}], ["losses", "pixel", "weight"]),
        (["losses/pixel/weight", -0.5], ["losses", "pixel", "weight", "-0.5"]),
        (["losses/pixel/weight", "much"], ["losses", "pixel", "weight", "'much'"]),
        (["losses/pixel/weight", float("nan")], ["losses", "pixel", "weight", "finite"]),
        (["losses/pixel/weight", ...], ["losses", "pixel", "weight", "required"]),
        (["losses/pixel/colour", "rgb"], ["losses", "pixel", 'unknown key "colour"']),
        (["losses/pixel", None], ["losses.pixel"]),
        (["losses", {}], ["losses"]),
        (["losses", None], ["losses"]),
        (["losses/perceptual/layers", ...], ["losses", "perceptual", "layers", "required"]),
        (["losses/perceptual/layers", {}], ["losses", "perceptual", "layers"]),
        (["losses/perceptual/layers/conv9_1", 1.0], ["losses", "perceptual", "conv9_1"]),
        (["losses/perceptual/layers/conv1_2", 0], ["losses", "perceptual", "conv1_2"]),
        (["losses/perceptual/weights", "imagenet"], ["weights", "'pretrained' or 'random'", "'imagenet'"]),
        (["losses/perceptual/width", 32], ["perceptual", "width 64", "random"]),
        (["losses/adversarial/objective", "hinge"], ["adversarial", "objective", "'hinge'"]),
        (["losses/artifact/window", 8], ["artifact", "window", "8"]),
        (["losses/artifact/patch_weight_root", 0], ["artifact", "patch_weight_root", "0"]),
        (["discriminator/network", "vgggg"], ["discriminator", 'unknown discriminator "vgggg"', '"vgg"?']),
        (["discriminator/network", ...], ["discriminator", "network is missing", "vgg"]),
        (["discriminator/network", None], ["discriminator", "network", "vgg"]),
        (["discriminator/features", 0], ["discriminator", "vgg", "features", "0"]),
        (["discriminator", ...], ["adversarial", "needs a discriminator"]),
        (["losses/adversarial", ...], ["discriminator without the adversarial loss", "remove it"]),
        (["ema_decay", ...], ["ema_refine", "set ema_decay"]),
        (["ema_decay", 1.5], ["ema_decay", "1.5"]),
        (["ema_decay", 1.0], ["ema_decay", "1.0"]),
        (["ema_decay", 0], ["ema_decay", "0"]),
        (["iterations", 0], ["iterations", "0"]),
        (["iterations", 1.5], ["iterations", "1.5"]),
        (["iterations", "many"], ["iterations", "'many'"]),
        (["iterations", ...], ["iterations", "required"]),
        (["batch_size", 0], ["batch_size", "0"]),
        (["patch_size", 100], ["patch_size 100", "multiple of 32"]),
        (["patch_size", 0], ["patch_size", "0"]),
        (["stage", "fine-tune"], ["stage", "'pretrain' or 'finetune'", "'fine-tune'"]),
        (["variant", "paper"], ["variant", "'release'", "'paper'"]),
        (["title", 3], ["title", "string", "3"]),
        (["optimizer/learning_rate", 0], ["optimizer.learning_rate", "0"]),
        (["optimizer/betas", [0.9]], ["optimizer.betas"]),
        (["optimizer/betas", [0.9, 1.0]], ["optimizer.betas.1", "1.0"]),
        (["optimizer/betas", 0.9], ["optimizer.betas", "0.9"]),
        (["schedule/gamma", 1.5], ["schedule.gamma", "1.5"]),
        (["schedule/milestones", [20, 10]], ["schedule.milestones must increase"]),
        (["schedule/milestones", [10, 10]], ["schedule.milestones must increase"]),
        (["schedule/milestones", [0]], ["schedule.milestones.0", "0"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    refused_method: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    refused_method("ldl", changes, *words)


def test_options_that_are_left_out_get_the_defaults_of_the_code(method_data: Callable[..., Any]) -> None:
    method = validate(Method, method_data("ldl", "losses/artifact", {"weight": 2}), "ldl")
    assert method.losses["artifact"] == {
        "weight": 2,
        "window": 7,
        "patch_weight": True,
        "patch_weight_root": 5,
        "ema_refine": True,
    }


def test_a_number_that_yaml_takes_for_a_string_is_accepted_everywhere(method_data: Callable[..., Any]) -> None:
    changes = ["optimizer/learning_rate", "1e-4", "losses/pixel/weight", "1e-2"]
    method = validate(Method, method_data("ldl", *changes), "ldl")
    assert (method.optimizer.learning_rate, method.losses["pixel"]["weight"]) == (1e-4, 1e-2)


def test_a_patch_of_a_method_without_discriminator_need_not_be_a_multiple_of_32(
    method_data: Callable[..., Any],
) -> None:
    assert validate(Method, method_data("psnr", "patch_size", 48), "psnr").patch_size == 48


def write_methods(folder: Path, **methods: dict[str, Any]) -> None:
    for name, data in methods.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")


def test_an_extending_method_changes_only_what_it_gives(tmp_path: Path) -> None:
    base = {"title": "base", "losses": {"pixel": {"weight": 1}, "artifact": {"weight": 1, "window": 7}}}
    middle = {"extends": "base", "losses": {"artifact": {"window": 5}}}
    write_methods(tmp_path, base=base, middle=middle, top={"extends": "middle", "title": "top"})
    assert read_method(tmp_path, "top") == {
        "title": "top",
        "losses": {"pixel": {"weight": 1}, "artifact": {"weight": 1, "window": 5}},
    }


@pytest.mark.parametrize("circle", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_methods_that_extend_each_other_in_a_circle_are_refused(
    tmp_path: Path, one_line: Callable[..., None], circle: dict[str, str]
) -> None:
    write_methods(tmp_path, **{name: {"extends": other} for name, other in circle.items()})
    with pytest.raises(UserError) as caught:
        read_method(tmp_path, "a")
    one_line(str(caught.value), str(tmp_path / "a.yaml"), "extend each other", "a -> ")


@pytest.mark.parametrize(
    ("extends", "words"), [("bsae", ['"bsae"', '"mine" extends', 'did you mean "base"?']), (3, ["3"]), (["base"], [])]
)
def test_a_method_that_extends_what_is_not_there_is_refused(
    tmp_path: Path, one_line: Callable[..., None], extends: Any, words: list[str]
) -> None:
    write_methods(tmp_path, base={}, mine={"extends": extends})
    with pytest.raises(UserError) as caught:
        read_method(tmp_path, "mine")
    one_line(str(caught.value), *words)


def test_an_unknown_method_is_refused_with_the_nearest_and_the_folder(
    tmp_path: Path, one_line: Callable[..., None]
) -> None:
    write_methods(tmp_path, ldl={}, psnr={})
    with pytest.raises(UserError) as caught:
        read_method(tmp_path, "ldll")
    one_line(str(caught.value), 'unknown method "ldll"', 'did you mean "ldl"?', str(tmp_path))


def test_overrides_adjust_what_a_method_has_and_add_nothing() -> None:
    method = {"losses": {"pixel": {"weight": 1}}, "iterations": 5}
    overrides = {
        "losses": {"pixel": {"weight": 2}, "artifact": {"weight": 1}},
        "discriminator": {"features": 8},
        "iterations": 6,
    }
    assert apply_overrides(method, overrides) == {"losses": {"pixel": {"weight": 2}}, "iterations": 6}
    assert method == {"losses": {"pixel": {"weight": 1}}, "iterations": 5}


def test_overrides_adjust_the_discriminator_a_method_has() -> None:
    method = {"losses": {}, "discriminator": {"network": "vgg", "features": 64}}
    assert apply_overrides(method, {"discriminator": {"features": 8}})["discriminator"] == {
        "network": "vgg",
        "features": 8,
    }


VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(base=MAPPINGS, over=MAPPINGS)
def test_merging_takes_every_value_of_the_upper_layer(base: dict[str, Any], over: dict[str, Any]) -> None:
    def holds(inner: Any, outer: Any) -> bool:
        if isinstance(inner, dict) and isinstance(outer, dict):
            return all(key in outer and holds(value, outer[key]) for key, value in inner.items())
        return bool(inner == outer)

    merged = merge(base, over)
    assert holds(over, merged)
    assert merged.keys() == base.keys() | over.keys()
    assert merge(base, {}) == base
    assert merge(merged, over) == merged
