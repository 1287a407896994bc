"""The models of a run: names that are safe for files, variants, and models that others start from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansr.config.model import Model, slug
from gansr.plan.plan import Plan
from gansr.plan.table_jobs import table_job
from tests.table_jobs import entries_of

SWINIR = {"network": "swinir", "features": 4, "groups": 1, "blocks": 1, "heads": 2}
NO_REPORT = ["mad", ..., "tables", {}, "figures", {}]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Base", ['"Base" is used twice']),
        ("Base GAN", ['"Base GAN"', '"Base (GAN)"', '"Base_GAN"']),
        ("Bicubic", ['"Bicubic"', "rename"]),
        ("bicubic", ['"bicubic"', '"Bicubic"', "rename"]),
        # the raw weights of Base+LDL are scored in the folder Base+LDL_raw
        ("Base+LDL_raw", ['"Base+LDL_raw"', "rename"]),
        ("Base+LDL raw", ['"Base+LDL raw"', "rename"]),
        # file names that differ by case alone are one file on some systems
        ("base", ['"base"', '"Base"', "rename"]),
        # columns of the tables
        ("metric", ['"metric" is reserved', "rename"]),
        ("benchmark", ['"benchmark" is reserved']),
        ("row", ['"row" is reserved']),
        ("{model}", ['"{model}"', "braces"]),
    ],
)
def test_names_of_models_that_would_share_files_are_refused(
    refused: Callable[..., str], run_data: dict[str, Any], name: str, words: list[str]
) -> None:
    models = [*run_data["models"], {"name": "Base (GAN)", "generator": "dense", "method": "psnr"}]
    models.append({"name": name, "generator": "dense", "method": "psnr"})
    refused(["models", models], "run.yaml", "models", *words)


@given(st.text(max_size=60))
def test_a_slug_holds_only_safe_characters_and_is_its_own_slug(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9._+-]+", made)
    assert made not in {".", ".."} and not made.startswith(".")
    assert slug(made) == made


@given(st.text("abcXYZ019+-", min_size=1))
def test_a_safe_name_is_its_own_slug(name: str) -> None:
    assert slug(name) == name


@pytest.mark.parametrize("key", ["generator", "method"])
def test_a_trained_model_has_a_generator_and_a_method(refused: Callable[..., str], key: str) -> None:
    refused([f"models/0/{key}", ...], "models.0", "Base", f"{key} is missing", "interpolated")


def test_a_model_is_a_column_of_both_comparison_tables_unless_it_says_otherwise(planned: Callable[..., Plan]) -> None:
    def columns(plan: Plan, table: str) -> set[str]:
        return {entry.name for entry in entries_of(plan, table)}

    assert Model(name="a", generator="small", method="psnr").tables is None
    for table in ("ldl_table1", "beby_table2"):
        assert {"Base+GAN", "Base+LDL", "Beby", "Between"} <= columns(planned(), table)
        assert "Beby" in columns(planned("models/4/tables", [table]), table)
        assert "Beby" not in columns(planned("models/4/tables", []), table)
    one = planned("models/4/tables", ["beby_table2"])
    assert "Beby" in columns(one, "beby_table2") and "Beby" not in columns(one, "ldl_table1")


# ---- variants


def test_a_variant_changes_what_is_trained_and_is_named_in_the_notes(planned: Callable[..., Plan]) -> None:
    before, after = planned(), planned("models/2/variant", "paper")
    assert before.trained["Base+LDL"].method.losses["artifact"]["residual"] == "channel_abs_sum"
    assert after.trained["Base+LDL"].method.losses["artifact"]["residual"] == "signed"
    changed = {name for name, model in before.models.items() if model.job != after.models[name].job}
    assert changed == {"Base+LDL"}

    def notes(plan: Plan) -> list[str]:
        return [table_job(plan, table).models["Base+LDL"] for table in ("ldl_table1", "ldl_table2", "beby_table2")]

    overridden = ", with losses.perceptual.weights random, losses.perceptual.width 4"
    assert notes(before) == [f"LDL (release){overridden}"] * 3
    assert notes(after) == [f"LDL (paper){overridden}"] * 3


def test_a_run_compares_both_variants_of_a_method(planned: Callable[..., Plan]) -> None:
    paper = {"name": "Paper", "generator": "dense", "method": "beby", "variant": "paper", "start": "Dense"}
    models = planned("models/6", paper).trained
    assert (models["Beby"].method.variant, models["Paper"].method.variant) == ("release", "paper")
    assert models["Beby"].method.losses["adversarial"]["view"]["of"] == "lr"
    assert models["Paper"].method.losses["adversarial"]["view"]["of"] == "hr"
    # the run's overrides concern both
    for model in (models["Beby"], models["Paper"]):
        assert model.method.patch_size == 64


def test_naming_the_default_variant_changes_nothing(planned: Callable[..., Plan]) -> None:
    before, after = planned(), planned("models/0/variant", "release", "models/4/variant", "release")
    assert {name: model.job.to_json() for name, model in before.models.items()} == {
        name: model.job.to_json() for name, model in after.models.items()
    }


def test_a_variant_that_the_method_does_not_have_is_refused(refused: Callable[..., str]) -> None:
    refused(["models/0/variant", "paper"], "run.yaml", "model Base", "psnr", 'no variant "paper"', "valid: release")


# ---- start


def test_a_model_starts_from_another_model_of_its_own_generator(refused: Callable[..., str]) -> None:
    refused(["models/1/start", "Dense"], "model Base+GAN", "Dense", "start from a small model")
    refused(["models/1/start", "Base+GAN"], "model Base+GAN", "starts from itself")


def test_models_that_start_from_each_other_are_refused(refused: Callable[..., str]) -> None:
    refused(["models/1/start", "Base+LDL", "models/2/start", "Base+GAN"], "Base+GAN", "Base+LDL")


def test_a_long_chain_of_starts_is_valid_and_a_circle_at_its_end_is_not(
    planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    chain: list[Any] = []
    for number in range(6, 12):
        start = "Base" if number == 6 else f"M{number - 1}"
        chain += [f"models/{number}", {"name": f"M{number}", "generator": "small", "method": "gan", "start": start}]
    assert planned(*chain).trained["M11"].start == "M10"
    refused([*chain, "models/6/start", "M11"], "made from each other", "M11", "M6 -> ")


def test_a_generator_of_the_same_size_under_another_name_may_be_started_from(planned: Callable[..., Plan]) -> None:
    twin = ["generators/twin", {"network": "srresnet", "features": 4, "blocks": 1}]
    assert planned(*twin, "models/1/generator", "twin").trained["Base+GAN"].start == "Base"


# ---- stochastic depth of SwinIR


def swin(drop_path: float, **changes: Any) -> list[Any]:
    """The changes that give the run a SwinIR of its own and one that starts from it."""
    return [
        *NO_REPORT,
        *["generators/swin", SWINIR | {"drop_path": drop_path}],
        *["generators/still", SWINIR | {"drop_path": 0} | changes],
        *["models/6", {"name": "Swin", "generator": "swin", "method": "psnr"}],
    ]


@pytest.mark.parametrize("method", ["ldl", "ldl_sigma_m", "gan", "psnr"])
def test_swinir_without_stochastic_depth_takes_every_method(planned: Callable[..., Plan], method: str) -> None:
    model = {"name": "Next", "generator": "swin", "method": method}
    planned(*swin(0), "models/7", model | ({} if method == "psnr" else {"start": "Swin"}))


def test_refinement_by_the_ema_model_refuses_stochastic_depth_and_names_the_way_out(
    refused: Callable[..., str],
) -> None:
    model = {"name": "Next", "generator": "swin", "method": "ldl", "start": "Swin"}
    words = ["run.yaml", "model Next", "losses.artifact compares", "generators.swin", "drop_path 0.1"]
    for variant in ("release", "paper"):
        refused([*swin(0.1), "models/7", model | {"variant": variant}], *words, "use a generator with drop_path 0")


@pytest.mark.parametrize("artifact", [{"ema_refine": False}, {"weight": 0}])
def test_without_refinement_stochastic_depth_is_allowed(planned: Callable[..., Plan], artifact: dict[str, Any]) -> None:
    model = {"name": "Next", "generator": "swin", "method": "ldl", "start": "Swin"}
    planned(*swin(0.1), "models/7", model, "overrides/finetune/losses/artifact", artifact)


def test_the_way_out_is_one_a_model_without_stochastic_depth_starts_from_one_with(
    planned: Callable[..., Plan],
) -> None:
    plan = planned(*swin(0.1), "models/7", {"name": "Next", "generator": "still", "method": "ldl", "start": "Swin"})
    assert plan.trained["Next"].job.generator["drop_path"] == 0
    assert plan.trained["Swin"].job.generator["drop_path"] == 0.1


@pytest.mark.parametrize("change", [{"features": 6}, {"groups": 2}, {"blocks": 2}, {"heads": 1}])
def test_a_swinir_of_another_size_is_no_start(refused: Callable[..., str], change: dict[str, int]) -> None:
    model = {"name": "Next", "generator": "still", "method": "ldl", "start": "Swin"}
    words = ["model Next", "starts from Swin", "whose generator is swin, not still", "start from a still model"]
    refused([*swin(0.1, **change), "models/7", model], *words)


def test_stochastic_depth_is_part_of_what_is_trained(planned: Callable[..., Plan]) -> None:
    one, other = (planned(*swin(drop_path)).models["Swin"].job for drop_path in (0.1, 0.2))
    assert one.to_json() != other.to_json()
