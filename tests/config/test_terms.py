"""Terms by name, critics, views, judges and parameter groups in a method, and every refusal of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.method import Method
from gansr.config.method_files import read_method
from gansr.config.term import OF_EVERY_TERM, Term
from gansr.plan.plan import Plan
from gansr.schema import plugins
from gansr.schema.loading import validate

MASK = {"name": "region_mask", "of": "lr", "window": 11, "threshold": 0.025}
SECOND = {"loss": "adversarial", "weight": 0.01, "view": {"name": "region_mask", "of": "hr"}}
TWO = ["losses/textured", SECOND, "critics/textured", {"network": "unet_sn"}]


def ldl(method_data: Callable[..., Any], *changes: Any) -> Method:
    return validate(Method, method_data("ldl", *changes), "ldl")


# ---- terms


def test_a_term_is_its_name_file_weight_view_and_options(method_data: Callable[..., Any]) -> None:
    again = {"loss": "pixel", "weight": 2, "view": {"name": "region_mask"}}
    method = ldl(method_data, "losses/textured_pixel", again, "losses/artifact/weight", 0)
    terms = {term.name: term for term in method.terms}
    assert terms["textured_pixel"] == Term("textured_pixel", "pixel", 2.0, MASK, {})
    assert terms["pixel"] == Term("pixel", "pixel", 0.01, None, {})
    assert terms["adversarial"].options == {"objective": "relativistic_average"}
    assert [term.name for term in method.used_terms] == ["pixel", "perceptual", "adversarial", "textured_pixel"]


def test_a_loss_that_is_the_name_and_a_view_that_is_none_are_left_out(method_data: Callable[..., Any]) -> None:
    method = ldl(method_data, "losses/pixel", {"loss": "pixel", "weight": 1, "view": None})
    assert method.losses["pixel"] == {"weight": 1}


def test_a_file_may_serve_twice_with_options_of_its_own(method_data: Callable[..., Any]) -> None:
    other = {"loss": "artifact", "weight": 1, "window": 11}
    method = ldl(method_data, "losses/wide_artifact", other)
    assert method.losses["artifact"]["window"] == 7
    assert method.losses["wide_artifact"]["window"] == 11
    assert method.losses["wide_artifact"]["residual"] == "channel_abs_sum"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["losses/pixl", {"weight": 1}], ['unknown loss "pixl"', 'did you mean "pixel"?']),
        (["losses/second", {"loss": "pixl", "weight": 1}], ['unknown loss "pixl"', 'did you mean "pixel"?']),
        (["losses/second", {"loss": ["pixel"], "weight": 1}], ["losses", "unknown loss"]),
        (["losses/second", {"weight": 1}], ['unknown loss "second"']),
        (["losses/second", {"loss": "pixel"}], ["losses", "second.weight", "required"]),
        (["losses/second", {"loss": "artifact", "weight": 1, "windw": 7}], ["second", '"windw"', '"window"?']),
        (["losses/second", {"loss": "artifact", "weight": 1, "window": 8}], ["losses: second", "window", "8"]),
        (["losses/a term", {"loss": "pixel", "weight": 1}], ['"a term" cannot name a term', "letters"]),
        (["losses/discriminator", {"loss": "pixel", "weight": 1}], ['"discriminator" cannot name a term']),
        # the check of a file speaks of the term
        (
            ["losses/artifact", ..., "losses/second", {"loss": "artifact", "weight": 1}, "ema_decay", None],
            ["losses.second: ema_refine", "set ema_decay"],
        ),
        (
            ["losses/second", {"loss": "best_buddy", "weight": 1, "alpha": 0, "beta": 0}],
            ["losses.second: alpha and beta are both 0"],
        ),
        (
            ["losses/second", {"loss": "perceptual", "weight": 1, "layers": {"conv1_1": 1}, "width": 8}],
            ["losses.second: the pretrained VGG19 has width 64", "random"],
        ),
    ],
)
def test_a_wrong_term_is_refused(refused_method: Callable[..., str], changes: list[Any], words: list[str]) -> None:
    refused_method("ldl", changes, *words)


def test_no_loss_has_an_option_that_every_term_has() -> None:
    for name in plugins.names("loss"):
        assert not set(OF_EVERY_TERM) & set(plugins.schema("loss", name).model_fields), name


def test_a_method_goes_through_plain_data_and_back(method_data: Callable[..., Any]) -> None:
    groups = {"tail": {"starts": 5, "rate": 2}}
    method = ldl(method_data, *TWO, "losses/pixel/view", {"name": "region_mask"}, "groups", groups)
    assert validate(Method, method.model_dump(mode="json"), "again") == method


# ---- critics


def test_a_second_adversarial_term_has_a_critic_of_its_own(method_data: Callable[..., Any]) -> None:
    method = ldl(method_data, *TWO)
    assert method.critics == {
        "adversarial": {"network": "vgg", "features": 64, "stages": 5},
        "textured": {"network": "unet_sn", "features": 64},
    }
    without = ldl(method_data, *TWO, "losses/adversarial/weight", 0)
    assert set(without.used_critics) == {"textured"}
    assert set(without.critics) == {"adversarial", "textured"}


def test_a_discriminator_is_short_for_the_critic_of_the_adversarial_term(own_catalog: Catalog) -> None:
    raw = yaml.safe_load((own_catalog.methods / "gan.yaml").read_text(encoding="utf-8"))
    raw.pop("variants")
    assert "discriminator" in raw
    short = validate(Method, raw, "short")
    spelt_out = {key: value for key, value in raw.items() if key != "discriminator"}
    assert short == validate(Method, spelt_out | {"critics": {"adversarial": raw["discriminator"]}}, "spelt out")
    assert short == validate(Method, read_method(own_catalog.methods, "gan"), "read")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["losses/second", {"loss": "adversarial", "weight": 1}], ["losses.second needs a critic", "critics.second"]),
        (["critics/pixel", {"network": "vgg"}], ["critics.pixel", "the loss pixel has no critic", "remove it"]),
        (
            [*TWO, "critics/texturd", {"network": "vgg"}],
            ["critics.texturd: there is no loss term of this name", 'did you mean "textured"?'],
        ),
        (["discriminator", {"network": "vgg"}], ["discriminator is short for critics.adversarial", "give one"]),
        (["critics/adversarial/network", "vggg"], ["critics", "discriminator", 'unknown critic "vggg"', '"vgg"?']),
        ([*TWO, "critics/textured/featurs", 1], ["critics: textured", 'unknown key "featurs"', '"features"?']),
        ([*TWO, "critics/textured", "vgg"], ["critics.textured", "dictionary"]),
        (["critics", ["vgg"]], ["critics"]),
        # the checks of its file hold for every critic
        ([*TWO, "critics/textured", {"network": "vgg", "stages": 6}, "patch_size", 96], ["multiple of 64", "6 times"]),
        (["critics", "vgg", "discriminator", {"network": "vgg"}], ["critics", "no mapping"]),
        (["discriminater", {"network": "vgg"}], ['unknown key "discriminater"', 'did you mean "discriminator"?']),
        (["critic", {}], ['unknown key "critic"', 'did you mean "critics"?']),
    ],
)
def test_a_wrong_critic_is_refused(refused_method: Callable[..., str], changes: list[Any], words: list[str]) -> None:
    refused_method("ldl", changes, *words)


def test_a_critic_that_normalises_needs_two_patches_whichever_term_it_serves(
    refused: Callable[..., str], planned: Callable[..., Plan], own_catalog: Catalog, edit_method: Callable[..., None]
) -> None:
    edit_method("gan", "discriminator", {"network": "unet_sn"})
    changes = ["models/1/training", {"gpus": 64}]  # as many as there are patches
    assert planned(*changes, catalog=own_catalog)
    edit_method("gan", "losses/second", {"loss": "adversarial", "weight": 1}, "critics/second", {"network": "vgg"})
    words = ["model Base+GAN", "the discriminator needs 2 at least", "training.gpus"]
    refused(changes, *words, catalog=own_catalog)


# ---- views


def test_a_view_is_a_name_with_options(method_data: Callable[..., Any]) -> None:
    method = ldl(method_data, "losses/adversarial/view", {"name": "region_mask", "window": 5})
    assert method.losses["adversarial"]["view"] == MASK | {"window": 5}


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("region_mask", ["adversarial.view", "'region_mask' is no view", "{name: region_mask}"]),
        (5, ["adversarial.view", "5 is no view"]),
        ({"window": 5}, ["adversarial.view: name is missing", "region_mask"]),
        ({"name": None}, ["adversarial.view: name is None", "region_mask"]),
        ({"name": "region_msk"}, ["adversarial.view", 'unknown view "region_msk"', 'did you mean "region_mask"?']),
        ({"name": "base"}, ["adversarial.view", 'unknown view "base"']),
        (MASK | {"widow": 3}, ["adversarial.view: region_mask", '"widow"', 'did you mean "window"?']),
        (MASK | {"of": "sr"}, ["adversarial.view: region_mask", "'lr' or 'hr'", "'sr'"]),
        (MASK | {"window": 10}, ["adversarial.view: region_mask", "window", "10"]),
        (MASK | {"threshold": -1}, ["adversarial.view: region_mask", "threshold", "-1"]),
    ],
)
def test_a_wrong_view_is_refused(refused_method: Callable[..., str], view: Any, words: list[str]) -> None:
    refused_method("ldl", ["losses/adversarial/view", view], *words)
    refused_method("ldl", ["losses/pixel/view", view], words[0].replace("adversarial", "pixel"), *words[1:][-1:])


def test_a_view_that_does_not_fit_the_patch_is_asked_of_terms_with_weight_alone(
    method_data: Callable[..., Any], refused_method: Callable[..., str]
) -> None:
    small = [
        "losses/perceptual",
        ...,
        "losses/artifact",
        ...,
        "patch_size",
        8,
        "critics",
        {},
        "losses/adversarial",
        ...,
    ]
    second = {"loss": "pixel", "weight": 1, "view": MASK}
    refused_method("ldl", [*small, "losses/second", second], "losses.second.view: window 11", "patch_size 8")
    assert ldl(method_data, *small, "losses/second", second | {"weight": 0})


def test_a_view_says_how_many_channels_it_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "from gansr.losses.views.base import View\n"
        "def channels(options): return 3 * options['level']\n"
        "class Bands(View):\n    def __init__(self, *, level: int = 1) -> None: ...\n"
    )
    (tmp_path / "bands_of_a_test.py").write_text(text, encoding="utf-8")
    assert Term("pixel", "pixel", 1.0, MASK, {}).channels == 3
    assert Term("pixel", "pixel", 1.0, None, {}).channels == 3
    monkeypatch.setitem(plugins.FOLDERS, "view", str(tmp_path))
    assert Term("pixel", "pixel", 1.0, {"name": "bands_of_a_test", "level": 2}, {}).channels == 6


# ---- judges


def test_judges_are_those_of_terms_with_weight(method_data: Callable[..., Any]) -> None:
    assert ldl(method_data).judges == ["vgg19"]
    assert ldl(method_data, "losses/perceptual/weights", "random").judges == []
    assert ldl(method_data, "losses/perceptual/weight", 0).judges == []
    second = {"loss": "perceptual", "weight": 1, "layers": {"conv1_1": 1}}
    assert ldl(method_data, "losses/second", second).judges == ["vgg19"]
    assert ldl(method_data, "losses/second", second, "losses/perceptual/weights", "random").judges == ["vgg19"]


def test_every_plugin_that_a_method_uses_is_known(method_data: Callable[..., Any]) -> None:
    method = ldl(method_data, *TWO, "losses/artifact/weight", 0)
    assert method.plugin_files == [
        *(("loss", name) for name in ("pixel", "perceptual", "adversarial")),
        ("view", "region_mask"),
        *(("critic", name) for name in ("vgg", "unet_sn")),
    ]


# ---- parameter groups and outputs, which a generator's file declares


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"tail": {"starts": 300_001}}, ["groups.tail.starts 300001", "beyond the 300000 iterations"]),
        ({"tail": {"starts": 0}}, ["groups.tail.starts", "0"]),
        ({"tail": {"starts": "soon"}}, ["groups.tail.starts", "'soon'"]),
        ({"tail": {"rate": 0}}, ["groups.tail.rate", "0"]),
        ({"tail": {"start": 5}}, ["groups.tail", 'unknown key "start"', 'did you mean "starts"?']),
        ({"tail": 5}, ["groups.tail"]),
        (["tail"], ["groups"]),
    ],
)
def test_a_wrong_group_is_refused(refused_method: Callable[..., str], groups: Any, words: list[str]) -> None:
    refused_method("ldl", ["groups", groups], *words)


@pytest.fixture
def branching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A generator with an output and a parameter group, and a loss `branch_of_a_test` that reads the output."""
    for kind, text in (
        ("generator", 'OUTPUTS = ("edges",)\nPARAMETER_GROUPS = {"fusion": ("f_",)}\ndef build(scale): ...\n'),
        ("loss", 'NEEDS_OUTPUTS = ("edges",)\nclass Branch(LossTerm): ...\n'),
    ):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "branch_of_a_test.py").write_text(text, encoding="utf-8")
    monkeypatch.setitem(plugins.FOLDERS, "generator", str(tmp_path / "generator"))
    monkeypatch.setitem(plugins.FOLDERS, "loss", str(tmp_path / "loss"))
    return {"network": "branch_of_a_test"}


def of_branch(method_data: Callable[..., Any], **changes: Any) -> Method:
    losses = {"edges": {"loss": "branch_of_a_test", "weight": 1}}
    return validate(Method, {**method_data("psnr"), "losses": losses, **changes}, "mine")


def test_a_generator_with_the_output_and_the_group_is_accepted(
    branching: dict[str, Any], method_data: Callable[..., Any]
) -> None:
    of_branch(method_data, groups={"fusion": {"starts": 5}, "rest": {"rate": 0.5}}).check_generator(branching)


def test_an_unknown_group_is_refused_with_the_nearest(
    branching: dict[str, Any], method_data: Callable[..., Any]
) -> None:
    method = of_branch(method_data, groups={"fussion": {"starts": 5}})
    with pytest.raises(ValueError, match=r'^groups: branch_of_a_test has no group "fussion"; did you mean "fusion"'):
        method.check_generator(branching)


def test_a_generator_without_the_output_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, branching: dict[str, Any], method_data: Callable[..., Any]
) -> None:
    for name, text in (("plain_of_a_test", ""), ("other_of_a_test", 'OUTPUTS = ("depth",)\n')):
        (tmp_path / "generator" / f"{name}.py").write_text(f"{text}def build(scale): ...\n", encoding="utf-8")
    method = of_branch(method_data)
    for name, has in (("plain_of_a_test", "nothing"), ("other_of_a_test", "only depth")):
        with pytest.raises(ValueError, match=f"^losses.edges needs the output edges and {name} gives {has} beside SR"):
            method.check_generator({"network": name})


def test_groups_of_a_generator_that_declares_none_are_refused(
    refused: Callable[..., str], own_catalog: Catalog, edit_method: Callable[..., None]
) -> None:
    edit_method("gan", "groups", {"tail": {"starts": 5}})
    words = ["model Base+GAN", "groups.tail", "srresnet has no parameter groups", "generators.small"]
    refused([], *words, catalog=own_catalog)
