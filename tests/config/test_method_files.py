"""Method files: what one extends, its variants, and how both are merged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gansr.config.catalog import Catalog
from gansr.config.method import Method
from gansr.config.method_files import apply_overrides, merge, read_method, variants
from gansr.config.schedule import CosineRestarts, MultiStep
from gansr.errors import UserError
from gansr.schema.loading import validate
from tests.run_parts import COSINE


def write_methods(folder: Path, **methods: dict[str, Any]) -> None:
    for name, data in methods.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")


# ---- extends


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


# ---- variants

BASE = {"title": "base", "iterations": 5, "losses": {"pixel": {"weight": 1}, "artifact": {"weight": 1}}}


def test_a_method_file_is_its_default_variant(tmp_path: Path) -> None:
    write_methods(tmp_path, m=BASE | {"variants": {"paper": {"iterations": 7, "losses": {"pixel": {"weight": 2}}}}})
    assert read_method(tmp_path, "m") == read_method(tmp_path, "m", "release") == BASE
    assert read_method(tmp_path, "m", "paper") == BASE | {
        "variant": "paper",
        "iterations": 7,
        "losses": {"pixel": {"weight": 2}, "artifact": {"weight": 1}},
    }
    assert variants(tmp_path, "m") == ["release", "paper"]


def test_the_paper_may_be_the_default(tmp_path: Path) -> None:
    write_methods(tmp_path, m=BASE | {"variant": "paper", "variants": {"release": {"iterations": 7}}})
    assert read_method(tmp_path, "m") == read_method(tmp_path, "m", "paper") == BASE | {"variant": "paper"}
    assert read_method(tmp_path, "m", "release") == BASE | {"variant": "release", "iterations": 7}
    assert variants(tmp_path, "m") == ["paper", "release"]


def test_a_method_without_variants_has_one(tmp_path: Path, one_line: Callable[..., None]) -> None:
    write_methods(tmp_path, m=BASE)
    assert variants(tmp_path, "m") == ["release"]
    with pytest.raises(UserError) as caught:
        read_method(tmp_path, "m", "paper")
    one_line(str(caught.value), "the method m", 'no variant "paper"', "valid: release")


def test_an_extending_method_inherits_the_variants_and_changes_them(tmp_path: Path) -> None:
    base = BASE | {"variants": {"paper": {"iterations": 7, "losses": {"pixel": {"weight": 2}}}}}
    top = {"extends": "m", "title": "top", "variants": {"paper": {"losses": {"pixel": {"weight": 3}}}}}
    write_methods(tmp_path, m=base, top=top, same={"extends": "m", "iterations": 6})
    assert variants(tmp_path, "top") == ["release", "paper"]
    paper = read_method(tmp_path, "top", "paper")
    assert (paper["title"], paper["iterations"], paper["losses"]["pixel"]) == ("top", 7, {"weight": 3})
    # what a file gives wins over a variant of the file that it extends
    assert read_method(tmp_path, "same")["iterations"] == 6
    assert read_method(tmp_path, "same", "paper")["iterations"] == 6
    assert read_method(tmp_path, "same", "paper")["losses"]["pixel"] == {"weight": 2}


def test_the_layers_of_the_perceptual_loss_are_one_setting(tmp_path: Path) -> None:
    layers = {"perceptual": {"weight": 1, "layers": {"conv1_2": 0.1, "conv5_4": 1.0}}}
    mine = {"extends": "base", "losses": {"perceptual": {"layers": {"conv5_4": 1.0}}}}
    write_methods(tmp_path, base={"losses": layers}, mine=mine)
    assert read_method(tmp_path, "mine")["losses"]["perceptual"] == {"weight": 1, "layers": {"conv5_4": 1.0}}


@pytest.mark.parametrize(
    ("variant", "advice"), [("papr", 'did you mean "paper"?'), ("publication", "valid: paper, release"), ("", "valid")]
)
def test_an_unknown_variant_is_refused_with_the_nearest(
    catalog: Catalog, one_line: Callable[..., None], variant: str, advice: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_method(catalog.methods, "ldl", variant)
    one_line(str(caught.value), "the method ldl", f'no variant "{variant}"', advice)


def test_a_variant_that_is_no_name_is_refused(tmp_path: Path, one_line: Callable[..., None]) -> None:
    write_methods(tmp_path, m=BASE | {"variant": ["release"]})
    with pytest.raises(UserError) as caught:
        variants(tmp_path, "m")
    one_line(str(caught.value), "m.yaml: variant: ['release'] is no name")


@pytest.mark.parametrize("default", ["release", "paper"])
def test_variants_that_name_the_default_are_refused(
    tmp_path: Path, one_line: Callable[..., None], default: str
) -> None:
    write_methods(tmp_path, m=BASE | {"variant": default, "variants": {"release": {}, "paper": {}}})
    for variant in (None, "release", "paper"):
        with pytest.raises(UserError) as caught:
            read_method(tmp_path, "m", variant)
        one_line(str(caught.value), str(tmp_path / "m.yaml"), "variants", f"{default} is the file itself")


@pytest.mark.parametrize("given", [["paper"], "paper", {"paper": None}, {"paper": 5}])
def test_variants_that_are_no_mappings_are_refused(tmp_path: Path, one_line: Callable[..., None], given: Any) -> None:
    write_methods(tmp_path, m=BASE | {"variants": given})
    with pytest.raises(UserError) as caught:
        read_method(tmp_path, "m")
    one_line(str(caught.value), str(tmp_path / "m.yaml"), "variants", "what it has different")


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"iteration": 5}, ['unknown key "iteration"', 'did you mean "iterations"?']),
        ({"losses": {"artefact": {"weight": 1}}}, ['unknown loss "artefact"', 'did you mean "artifact"?']),
        ({"schedule": {"milestones": [5, 4]}}, ["schedule.milestones must increase"]),
    ],
)
def test_a_wrong_variant_is_refused_when_a_model_uses_it(
    own_catalog: Catalog,
    edit_method: Callable[..., None],
    refused: Callable[..., str],
    different: dict[str, Any],
    words: list[str],
) -> None:
    edit_method("ldl", "variants/paper", different)
    message = refused(["models/2/variant", "paper"], *words, catalog=own_catalog)
    assert message.startswith(str(own_catalog.methods / "ldl.yaml"))


def test_a_variant_of_an_unknown_name_is_refused(
    own_catalog: Catalog, edit_method: Callable[..., None], one_line: Callable[..., None]
) -> None:
    edit_method("ldl", "variants/papr", {"iterations": 5})
    with pytest.raises(UserError) as caught:
        validate(Method, read_method(own_catalog.methods, "ldl", "papr"), "ldl.yaml")
    one_line(str(caught.value), "variant", "'release' or 'paper'", "'papr'")


# ---- a schedule of another kind


def schedule_of(folder: Path, name: str, variant: str | None = None) -> MultiStep | CosineRestarts:
    return validate(Method, read_method(folder, name, variant), name).schedule


def test_a_schedule_of_another_kind_takes_the_place_of_the_extended_one(own_catalog: Catalog) -> None:
    folder = own_catalog.methods
    write_methods(
        folder,
        cosine={"extends": "psnr", "schedule": COSINE},
        steps={"extends": "beby", "schedule": {"milestones": [5]}},
        again={"extends": "cosine", "schedule": {"gamma": 0.1}},
    )
    assert schedule_of(folder, "cosine") == CosineRestarts(**COSINE)
    assert schedule_of(folder, "steps") == MultiStep(milestones=(5,), gamma=0.5)
    assert schedule_of(folder, "again") == MultiStep(milestones=(), gamma=0.1)


def test_a_schedule_of_the_same_kind_keeps_the_other_keys(own_catalog: Catalog) -> None:
    folder = own_catalog.methods
    write_methods(
        folder,
        shorter={"extends": "beby", "schedule": {"warmup": 10}},
        faster={"extends": "psnr", "schedule": {"gamma": 0.1}},
        untouched={"extends": "beby", "schedule": {}},
    )
    beby, psnr = schedule_of(folder, "beby"), schedule_of(folder, "psnr")
    assert schedule_of(folder, "shorter") == beby.model_copy(update={"warmup": 10})
    assert schedule_of(folder, "faster") == psnr.model_copy(update={"gamma": 0.1})
    assert schedule_of(folder, "untouched") == beby


def test_a_variant_may_have_a_schedule_of_another_kind(own_catalog: Catalog, edit_method: Callable[..., None]) -> None:
    edit_method("beby", "variants/paper/schedule", {"milestones": [7]})
    edit_method("ldl", "variants/paper/schedule", COSINE)
    folder = own_catalog.methods
    assert schedule_of(folder, "beby", "paper") == MultiStep(milestones=(7,))
    assert schedule_of(folder, "beby_without_best_buddy", "paper") == MultiStep(milestones=(7,))
    assert schedule_of(folder, "ldl", "paper") == CosineRestarts(**COSINE)
    assert type(schedule_of(folder, "beby")) is CosineRestarts and type(schedule_of(folder, "ldl")) is MultiStep


# ---- merging


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


def test_a_wrong_value_in_an_unused_variant_is_found(own_catalog, edit_method, refused) -> None:
    edit_method("ldl", "variants/paper/schedule/milestones", [2, 1])
    refused([], "ldl.yaml (variant paper)", "must increase", catalog=own_catalog)


def test_schedules_of_two_kinds_are_not_mixed_inside_variants(tmp_path: Path) -> None:
    cosine = {"periods": 3, "warmup": 10, "warmup_factor": 0.1, "minimum": 1e-7}
    write_methods(
        tmp_path,
        base={"variants": {"paper": {"schedule": {"milestones": [5], "gamma": 0.5}, "batch_size": 3}}},
        mine={"extends": "base", "variants": {"paper": {"schedule": cosine}}},
    )
    found = read_method(tmp_path, "mine", "paper")
    assert found == {"schedule": cosine, "batch_size": 3, "variant": "paper"}


def test_another_discriminator_takes_the_place_of_the_old_one_as_a_whole(tmp_path: Path) -> None:
    old = {"network": "vgg", "features": 32, "stages": 6}
    write_methods(tmp_path, base={"discriminator": old}, mine={"extends": "base", "discriminator": {"features": 8}})
    assert read_method(tmp_path, "mine")["critics"] == {"adversarial": {**old, "features": 8}}
    for other in ({"discriminator": {"network": "unet_sn"}}, {"critics": {"adversarial": {"network": "unet_sn"}}}):
        changed = apply_overrides({"critics": {"adversarial": old}}, other)
        assert changed == {"critics": {"adversarial": {"network": "unet_sn"}}}
