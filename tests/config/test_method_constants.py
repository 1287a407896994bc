"""The numbers of the papers and of their authors' code, written out once more: an edit of a method file is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.method import Method
from gansr.schema.loading import validate

LDL_LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}

# csjliang/LDL, options/train/LDL/train_Synthetic_LDL.yml and basicsr/losses/LDL_loss.py
LDL: dict[str, Any] = {
    "variant": "release",
    "stage": "finetune",
    "losses": {
        "pixel": {"weight": 0.01},
        "perceptual": {"weight": 1.0, "layers": LDL_LAYERS, "weights": "pretrained", "width": 64},
        "adversarial": {"weight": 0.005, "objective": "relativistic_average"},
        "artifact": {
            "weight": 1.0,
            "residual": "channel_abs_sum",
            "window": 7,
            "patch_weight": True,
            "patch_weight_root": 5,
            "ema_refine": True,
            "detach_map": False,
        },
    },
    "critics": {"adversarial": {"network": "vgg", "features": 64, "stages": 5}},
    "groups": {},
    "ema_decay": 0.999,
    "optimizer": {"learning_rate": 1e-4, "betas": (0.9, 0.99)},
    "schedule": {"milestones": (), "gamma": 0.5},  # constant
    "iterations": 300_000,
    "batch_size": 64,  # 16 on each of 4 GPUs
    "patch_size": 128,
}
# Simple-SR, exps/BebyGAN/config.py and train.py
BEBY: dict[str, Any] = {
    "variant": "release",
    "stage": "finetune",
    "losses": {
        "best_buddy": {"weight": 1.0, "alpha": 1.0, "beta": 1.0, "pyramid": "torch_bicubic"},
        "back_projection": {"weight": 1.0},
        "perceptual": {
            "weight": 1.0,
            "layers": {"conv3_4": 1 / 8, "conv4_4": 1 / 4, "conv5_4": 1 / 2},
            "weights": "pretrained",
            "width": 64,
        },
        "adversarial": {
            "weight": 0.005,
            "objective": "relativistic_average",
            "view": {"name": "region_mask", "of": "lr", "window": 11, "threshold": 0.025},
        },
    },
    "critics": {"adversarial": {"network": "vgg", "features": 32, "stages": 6}},
    "groups": {},
    "ema_decay": None,
    "optimizer": {"learning_rate": 1e-4, "betas": (0.9, 0.999)},
    "schedule": {"periods": 3, "warmup": 2000, "warmup_factor": 0.1, "minimum": 1e-7},
    "iterations": 600_000,
    "batch_size": 8,
    "patch_size": 192,
}
# What the papers print. LDL: "the same ... optimizer settings as in ESRGAN", whose section 4.1 halves the rate
# at 50k, 100k, 200k and 300k, and the signed residual of Eq. 2. Beby-GAN: lambda_1 of section 4.1, the mask of
# Eq. 5 from HR, one symbol S for Eq. 1 and 4, and Eq. 7 to 9 without halves.
LDL_PAPER = {
    "losses/artifact/residual": "signed",
    "optimizer/betas": (0.9, 0.999),
    "schedule/milestones": (50_000, 100_000, 200_000, 300_000),
}
BEBY_PAPER = {
    "losses/best_buddy/weight": 0.1,
    "losses/best_buddy/pyramid": "matlab_bicubic",
    "losses/adversarial/objective": "relativistic_average_printed",
    "losses/adversarial/view/of": "hr",
}
LDL_M = {"losses/artifact/patch_weight": False, "losses/artifact/ema_refine": False}
LDL_SIGMA_M = {"losses/artifact/ema_refine": False}
WITHOUT_BEST_BUDDY = {"losses/best_buddy/weight": 0.0, "losses/pixel": {"weight": 1.0}}
WITHOUT_REGION_MASK = {"losses/adversarial/view": ...}


@pytest.mark.parametrize(
    ("name", "variant", "base", "changes"),
    [
        ("ldl", "release", LDL, {}),
        ("ldl", "paper", LDL, LDL_PAPER),
        ("gan", "release", LDL, {"losses/artifact": ...}),
        ("gan", "paper", LDL, LDL_PAPER | {"losses/artifact": ...}),
        ("ldl_m", "release", LDL, LDL_M),
        ("ldl_m", "paper", LDL, LDL_PAPER | LDL_M),
        ("ldl_sigma_m", "release", LDL, LDL_SIGMA_M),
        ("ldl_sigma_m", "paper", LDL, LDL_PAPER | LDL_SIGMA_M),
        ("beby", "release", BEBY, {}),
        ("beby", "paper", BEBY, BEBY_PAPER),
        ("beby_without_best_buddy", "release", BEBY, WITHOUT_BEST_BUDDY),
        ("beby_without_best_buddy", "paper", BEBY, BEBY_PAPER | WITHOUT_BEST_BUDDY | {"losses/pixel": {"weight": 0.1}}),
        ("beby_without_region_mask", "release", BEBY, WITHOUT_REGION_MASK),
        ("beby_without_region_mask", "paper", BEBY, BEBY_PAPER | WITHOUT_REGION_MASK),
    ],
)
def test_a_method_holds_exactly_the_known_numbers(
    method_data: Callable[..., Any],
    change: Callable[..., Any],
    name: str,
    variant: str,
    base: dict[str, Any],
    changes: dict[str, Any],
) -> None:
    expected = base | {"variant": variant}
    for place, value in changes.items():
        expected = change(expected, place, value)
    found = validate(Method, method_data(name, variant=variant), name)
    assert found.model_dump(exclude={"title", "paper"}) == expected


def test_the_psnr_oriented_generator_is_trained_as_esrgans(method_data: Callable[..., Any]) -> None:
    found = validate(Method, method_data("psnr"), "psnr")
    assert found.model_dump(exclude={"title", "paper"}) == {
        "variant": "release",
        "stage": "pretrain",
        "losses": {"pixel": {"weight": 1.0}},
        "critics": {},
        "groups": {},
        "ema_decay": 0.999,  # LDL's code starts from EMA weights
        "optimizer": {"learning_rate": 2e-4, "betas": (0.9, 0.99)},
        "schedule": {"milestones": (200_000, 400_000, 600_000, 800_000), "gamma": 0.5},
        "iterations": 1_000_000,
        "batch_size": 16,
        "patch_size": 128,
    }
