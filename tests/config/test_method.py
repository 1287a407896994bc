"""A method: options known, and parts that fit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.method import Method
from gansr.schema.loading import validate


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
        ("critics/adversarial/featurs", "features"),
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
        (["losses/artifact/residual", "unsigned"], ["artifact", "residual", "'signed'", "'unsigned'"]),
        (["losses/artifact/detach_map", "maybe"], ["artifact", "detach_map", "'maybe'"]),
        (["critics/adversarial/network", "vgggg"], ["discriminator", 'unknown critic "vgggg"', '"vgg"?']),
        (["critics/adversarial/network", ...], ["discriminator", "network is missing", "vgg"]),
        (["critics/adversarial/network", None], ["discriminator", "network", "vgg"]),
        (["critics/adversarial/features", 0], ["discriminator", "vgg", "features", "0"]),
        (["critics/adversarial/stages", 4], ["discriminator", "vgg", "stages", "5 or 6", "4"]),
        (["critics/adversarial/stages", 6, "patch_size", 96], ["patch_size 96", "multiple of 64", "6 times"]),
        (["critics/adversarial", ...], ["adversarial", "needs a discriminator"]),
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
        (["batch_size", 1], ["batch_size", "at least 2"]),
        (["patch_size", 100], ["patch_size 100", "multiple of 32", "5 times"]),
        (["patch_size", 0], ["patch_size", "0"]),
        (["stage", "fine-tune"], ["stage", "'pretrain' or 'finetune'", "'fine-tune'"]),
        (["variant", "papers"], ["variant", "'release' or 'paper'", "'papers'"]),
        (["title", 3], ["title", "string", "3"]),
        (["optimizer/learning_rate", 0], ["optimizer.learning_rate", "0"]),
        (["optimizer/betas", [0.9]], ["optimizer.betas"]),
        (["optimizer/betas", [0.9, 1.0]], ["optimizer.betas.1", "1.0"]),
        (["optimizer/betas", 0.9], ["optimizer.betas", "0.9"]),
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
        "residual": "channel_abs_sum",
        "window": 7,
        "patch_weight": True,
        "patch_weight_root": 5,
        "ema_refine": True,
        "detach_map": False,
    }
    method = validate(Method, method_data("beby", "losses/best_buddy", {"weight": 2}), "beby")
    assert method.losses["best_buddy"] == {"weight": 2, "alpha": 1, "beta": 1, "pyramid": "torch_bicubic"}
    method = validate(Method, method_data("beby", "critics/adversarial", {"network": "vgg"}), "beby")
    assert method.critics == {"adversarial": {"network": "vgg", "features": 64, "stages": 5}}


def test_a_number_that_yaml_takes_for_a_string_is_accepted_everywhere(method_data: Callable[..., Any]) -> None:
    changes = ["optimizer/learning_rate", "1e-4", "losses/pixel/weight", "1e-2"]
    method = validate(Method, method_data("ldl", *changes), "ldl")
    assert (method.optimizer.learning_rate, method.losses["pixel"]["weight"]) == (1e-4, 1e-2)


def test_a_patch_of_a_method_without_discriminator_need_not_be_a_multiple_of_32(
    method_data: Callable[..., Any],
) -> None:
    assert validate(Method, method_data("psnr", "patch_size", 48), "psnr").patch_size == 48


def test_a_patch_is_a_multiple_of_what_the_discriminator_of_six_stages_halves(
    method_data: Callable[..., Any],
) -> None:
    assert validate(Method, method_data("beby", "patch_size", 64), "beby").patch_size == 64
    assert (
        validate(Method, method_data("beby", "patch_size", 96, "critics/adversarial/stages", 5), "beby").patch_size
        == 96
    )


def test_a_patch_is_a_multiple_of_what_the_u_net_halves(
    method_data: Callable[..., Any], refused_method: Callable[..., str]
) -> None:
    changes = ["critics/adversarial", {"network": "unet_sn"}, "losses/artifact/window", 7]
    assert validate(Method, method_data("ldl", *changes, "patch_size", 24), "ldl").patch_size == 24
    refused_method("ldl", [*changes, "patch_size", 20], "patch_size 20", "multiple of 8", "3 times")
    refused_method("ldl", ["critics/adversarial", {"network": "unet_sn", "stages": 5}], 'unknown key "stages"')


@pytest.mark.parametrize("mask", ["lr", "hr"])
def test_a_window_of_the_region_mask_larger_than_the_patch_is_refused(
    refused_method: Callable[..., str], method_data: Callable[..., Any], mask: str
) -> None:
    changes = ["critics/adversarial", {"network": "unet_sn"}, "losses/perceptual", ..., "losses/best_buddy", ...]
    changes += ["losses/adversarial/view/of", mask, "patch_size", 8]
    words = ["losses.adversarial.view: window 11", "larger than patch_size 8"]
    refused_method("beby", changes, *words)
    assert validate(Method, method_data("beby", *changes, "losses/adversarial/view", None), "beby")
    assert validate(Method, method_data("beby", *changes, "losses/adversarial/view/window", 7), "beby")


# ---- best-buddy loss

WITHOUT_GAN = ["losses/adversarial", ..., "losses/perceptual", ..., "critics/adversarial", ...]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["alpha", 0, "beta", 0], ["best_buddy", "alpha and beta are both 0", "raise one"]),
        (["alpha", -1], ["best_buddy", "alpha", "greater than or equal to 0", "-1"]),
        (["beta", -0.5], ["best_buddy", "beta", "-0.5"]),
        (["alpha", float("inf")], ["best_buddy", "alpha", "finite"]),
        (["weight", -1], ["best_buddy", "weight", "-1"]),
        (["pyramid", "bicubic"], ["best_buddy", "pyramid", "'torch_bicubic' or 'matlab_bicubic'", "'bicubic'"]),
        (["alhpa", 2], ["best_buddy", 'unknown key "alhpa"', 'did you mean "alpha"?']),
    ],
)
def test_a_wrong_best_buddy_loss_is_refused(
    refused_method: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    places = [f"losses/best_buddy/{item}" if n % 2 == 0 else item for n, item in enumerate(changes)]
    refused_method("beby", places, *words)


@pytest.mark.parametrize(
    ("patch_size", "pyramid", "words"),
    [
        (8, "torch_bicubic", ["best_buddy", "patch_size", "at least 12"]),
        (11, "torch_bicubic", ["best_buddy", "patch_size", "at least 12"]),
        (8, "matlab_bicubic", ["best_buddy", "patch_size", "at least 12"]),
        (14, "matlab_bicubic", ["best_buddy", "patch_size", "multiple of 4"]),
    ],
)
def test_a_patch_that_holds_no_buddy_is_refused(
    refused_method: Callable[..., str], patch_size: int, pyramid: str, words: list[str]
) -> None:
    changes = [*WITHOUT_GAN, "patch_size", patch_size, "losses/best_buddy/pyramid", pyramid]
    refused_method("beby", changes, *words)


@pytest.mark.parametrize(
    "changes",
    [
        ["patch_size", 12],
        ["patch_size", 14],
        ["patch_size", 16, "losses/best_buddy/pyramid", "matlab_bicubic"],
        # one of the two distances is enough
        ["losses/best_buddy/alpha", 0],
        ["losses/best_buddy/beta", 0],
        # without weight nothing is asked of it
        ["losses/best_buddy/weight", 0, "losses/best_buddy/alpha", 0, "losses/best_buddy/beta", 0],
        ["losses/best_buddy/weight", 0, "patch_size", 8],
    ],
)
def test_a_best_buddy_loss_at_the_limits_is_valid(method_data: Callable[..., Any], changes: list[Any]) -> None:
    assert validate(Method, method_data("beby", *WITHOUT_GAN, *changes), "beby")


# ---- artifact loss


def test_refinement_by_the_ema_model_needs_one(refused_method: Callable[..., str]) -> None:
    refused_method("ldl", ["ema_decay", None], "losses.artifact: ema_refine", "set ema_decay")
    refused_method("ldl", ["ema_decay", ..., "losses/artifact/weight", 1e-9], "losses.artifact: ema_refine")


def test_an_artifact_loss_without_weight_or_refinement_needs_no_ema_model(method_data: Callable[..., Any]) -> None:
    assert validate(Method, method_data("ldl", "ema_decay", ..., "losses/artifact/weight", 0), "ldl").ema_decay is None
    assert validate(Method, method_data("ldl_m", "ema_decay", ...), "ldl_m").ema_decay is None


def test_a_window_larger_than_the_patch_is_refused(refused_method: Callable[..., str]) -> None:
    without = ["losses/adversarial", ..., "losses/perceptual", ..., "critics/adversarial", ..., "patch_size", 8]
    refused_method("ldl", [*without, "losses/artifact/window", 9], "losses.artifact: window 9", "patch_size 8")


def test_a_method_without_any_weight_is_refused(refused_method: Callable[..., str]) -> None:
    refused_method("psnr", ["losses/pixel/weight", 0], "losses", "all weights are 0", "positive weight")
