"""A run's config file: unknown keys, wrong values and dangling names are refused, with advice."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansr.config.plan import Plan
from gansr.config.run import slug
from gansr.config.slices import table_slice

PATCH = {"image": "chelsea", "top": 0, "left": 0, "size": 96, "type": "A"}


def test_the_small_run_of_these_tests_is_valid(planned: Callable[..., Plan]) -> None:
    assert list(planned().models) == ["Base", "Base+GAN", "Base+LDL", "Dense"]


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("bencmarks", "benchmarks"),
        ("model", "models"),
        ("models/0/generatr", "generator"),
        ("models/1/strat", "start"),
        ("models/2/published", {"metod": "RRDB+LDL", "train_set": "DF2K"}),
        ("generators/small/feature", "features"),
        ("generators/dense/block", "blocks"),
        ("datasets/mine", {"role": "train", "foldr": "images"}),
        ("overrides/pretrain/iteration", "iterations"),
        ("overrides/finetune/optimizer/learning_rat", "learning_rate"),
        ("overrides/finetune/schedule/milestone", "milestones"),
        ("overrides/finetune/losses/perceptual/widht", "width"),
        ("overrides/finetune/losses/artifact/windw", "window"),
        ("overrides/finetune/discriminator/feature", "features"),
        ("mad/intervall", "interval"),
        ("mad/patches", [{key: value for key, value in PATCH.items() if key != "top"} | {"topp": 0}]),
        ("tables/ldl_table3", "ldl_table2"),
        ("tables/ldl_table1/referenc", "reference"),
        ("tables/ldl_table2/benchmrk", "benchmark"),
        ("tables/ldl_table2/rows/0/weigths", "weights"),
        ("figures/mad_stabilty", "mad_stability"),
        ("figures/mad_stability/dashd", "dashed"),
        ("figures/artifact_map/modl", "model"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_nearest_valid_one(
    refused: Callable[..., str], place: str, meant: Any
) -> None:
    if isinstance(meant, str):
        key = place.rsplit("/", 1)[-1]
        refused([place, 1], "run.yaml", f'unknown key "{key}"', f'did you mean "{meant}"?')
    else:
        misspelt = {"models/2/published": "metod", "datasets/mine": "foldr", "mad/patches": "topp"}[place]
        refused([place, meant], "run.yaml", f'unknown key "{misspelt}"', "did you mean")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("train_dataset", "photograps", ['dataset "photograps"', 'did you mean "photographs"?']),
        ("models/0/dataset", "photograps", ["model Base", 'dataset "photograps"', 'did you mean "photographs"?']),
        ("mad/benchmark", "phots", ["mad", 'benchmark "phots"', 'did you mean "photos"?']),
        ("tables/ldl_table2/benchmark", "phots", ["tables.ldl_table2", 'did you mean "photos"?']),
        ("metrics", ["psnr"], ["metrics.0", "psnr_y", "'psnr'"]),
        ("models/0/method", "psrn", ["model Base", 'method "psrn"', 'did you mean "psnr"?']),
        ("models/0/generator", "smal", ["model Base", 'generator "smal"', 'did you mean "small"?']),
        ("generators/small/network", "srresnt", ["generators", 'generator "srresnt"', 'mean "srresnet"?']),
        ("generators/small/network", ..., ["generators", "small", "network is missing", "rrdb, srresnet"]),
        ("models/1/start", "Bsae", ["model Base+GAN", 'start model "Bsae"', 'did you mean "Base"?']),
        ("models/2/tables", ["ldl_table9"], ["models.2.tables", "ldl_table1"]),
        ("tables/ldl_table1/reference", ["Bicubc"], ['"Bicubc"', 'did you mean "Bicubic"?']),
        ("tables/ldl_table2/rows/0/model", "Base+LLD", ["row 4", 'did you mean "Base+LDL"?']),
        ("figures/mad_stability/solid", "Base+GNA", ["figures.mad_stability", 'did you mean "Base+GAN"?']),
        ("figures/artifact_map/model", "Bse+LDL", ["figures.artifact_map", 'did you mean "Base+LDL"?']),
        ("overrides/finetun", {}, ["overrides", "finetun", "'pretrain' or 'finetune'"]),
        ("overrides/finetune/losses/artefact", {"weight": 2}, ['loss "artefact"', 'did you mean "artifact"?']),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(
    refused: Callable[..., str], place: str, value: Any, words: list[str]
) -> None:
    refused([place, value], "run.yaml", *words)


def test_an_unknown_benchmark_is_refused_with_the_nearest_dataset(refused: Callable[..., str]) -> None:
    changes = ["mad", ..., "tables", {}, "figures", {}, "benchmarks", ["phtos"]]
    refused(changes, "run.yaml", "benchmarks", '"phtos"', 'did you mean "photos"?')


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("run", "a/b", ["run", '"a/b"', "letters"]),
        ("run", "..", ["run", '".."']),
        ("run", "data", ["run", '"data"']),
        ("run", 7, ["run", "string", "7"]),
        ("run", ..., ["run", "required"]),
        ("scale", 3, ["scale", "2 or 4", "3"]),
        ("seed", -1, ["seed", "-1"]),
        ("seed", "zero", ["seed", "'zero'"]),
        ("benchmarks", [], ["benchmarks"]),
        ("benchmarks", "photos", ["benchmarks", "list"]),
        ("benchmarks", ["photos", "photos"], ["benchmarks", '"photos" is given twice']),
        ("metrics", [], ["metrics"]),
        ("metrics", ["psnr_y", "psnr_y"], ["metrics", '"psnr_y" is given twice']),
        ("models", {}, ["models", "list"]),
        ("models/0", "Base", ["models.0"]),
        ("models/0/name", "", ["models.0.name"]),
        ("models/0/name", None, ["models.0.name"]),
        ("models/0/seed", -3, ["models.0.seed", "-3"]),
        ("generators", {}, ["generators"]),
        ("generators/small", None, ["generators.small"]),
        # what a YAML key without a value gives
        ("generators/small/network", None, ["generators", "small", "network", "rrdb, srresnet"]),
        ("generators/small/network", 3, ["generators", "small", "rrdb, srresnet"]),
        ("generators/small/network", ["rrdb"], ["generators", "small", "rrdb, srresnet"]),
        ("generators/small/features", 0, ["generators", "small", "features", "0"]),
        ("generators/small/blocks", "many", ["generators", "small", "blocks", "'many'"]),
        ("overrides/finetune", 5, ["overrides.finetune", "5"]),
        ("overrides/finetune/losses", None, ["losses"]),
        ("overrides/finetune/losses", ["artifact"], ["losses"]),
        ("overrides/finetune/losses/artifact", 2, ["losses.artifact", "2"]),
        ("overrides/finetune/iterations", 0, ["overrides.finetune", "iterations", "0"]),
        ("overrides/finetune/optimizer", 1, ["overrides.finetune", "optimizer", "1"]),
        ("overrides/finetune/ema_decay", 1.5, ["overrides.finetune", "ema_decay", "1.5"]),
        ("overrides/finetune/patch_size", 72, ["overrides.finetune", "patch_size 72", "multiple of 32"]),
        ("overrides/finetune/losses/perceptual/weights", "imagenet", ["perceptual", "weights", "'imagenet'"]),
        ("mad/interval", 0, ["mad.interval", "0"]),
        ("mad/size", 98, ["mad.size: 98", "multiple of the scale 4"]),
        ("mad/patches", "automatic", ["mad.patches", "'auto'", "'automatic'"]),
        ("mad/patches", [], ["mad.patches"]),
        ("mad/patches", [PATCH | {"top": 2}], ["mad.patches.0.top: 2", "multiple of the scale 4"]),
        ("mad/patches", [PATCH, PATCH | {"left": 5}], ["mad.patches.1.left: 5", "multiple of the scale 4"]),
        ("mad/patches", [PATCH | {"size": 50}], ["mad.patches.0.size: 50", "multiple of the scale 4"]),
        ("mad/patches", [PATCH | {"top": -4}], ["mad.patches.0.top", "-4"]),
        ("mad/patches", [PATCH | {"type": "D"}], ["mad.patches.0.type", "'D'"]),
        ("tables/ldl_table2/rows", [], ["tables.ldl_table2.rows"]),
        ("tables/ldl_table2/rows/0/weights", "emma", ["tables.ldl_table2.rows.0.weights", "'raw' or 'ema'"]),
        ("mad", ..., ["figures.mad_stability", "add the section mad"]),
        ("figures/mad_stability/dashed", ..., ["figures.mad_stability.dashed", "required"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    refused: Callable[..., str], place: str, value: Any, words: list[str]
) -> None:
    refused([place, value], "run.yaml", *words)


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
    ],
)
def test_names_of_models_that_would_share_files_are_refused(
    refused: Callable[..., str], run_data: dict[str, Any], name: str, words: list[str]
) -> None:
    models = [*run_data["models"], {"name": "Base (GAN)", "generator": "dense", "method": "psnr"}]
    models.append({"name": name, "generator": "dense", "method": "psnr"})
    refused(["models", models], "run.yaml", "models", *words)


def test_a_model_starts_from_another_model_of_its_own_generator(refused: Callable[..., str]) -> None:
    refused(["models/1/start", "Dense"], "model Base+GAN", "Dense", "start from a small model")
    refused(["models/1/start", "Base+GAN"], "model Base+GAN", "starts from itself")


def test_models_that_start_from_each_other_are_refused(refused: Callable[..., str]) -> None:
    refused(["models/1/start", "Base+LDL", "models/2/start", "Base+GAN"], "Base+GAN", "Base+LDL")


def test_two_rows_of_a_table_with_one_label_are_refused(refused: Callable[..., str]) -> None:
    rows = [{"row": 4, "model": "Base+LDL", "weights": weights} for weights in ("raw", "ema")]
    refused(["tables/ldl_table2/rows", rows], "tables.ldl_table2", "4")


def test_defaults_are_what_an_absent_key_means(planned: Callable[..., Plan]) -> None:
    run = planned("tables", ..., "figures", ..., "mad", ...).run
    assert (run.seed, run.data_dir, run.tables.ldl_table1, run.mad) == (0, Path("results/data"), None, None)


def test_a_row_number_is_a_label(planned: Callable[..., Plan]) -> None:
    (number,) = table_slice(planned(), "ldl_table2")["rows"]
    (text,) = table_slice(planned("tables/ldl_table2/rows/0/row", "4"), "ldl_table2")["rows"]
    assert number["row"] == text["row"] == "4"


@given(st.text(max_size=60))
def test_a_slug_holds_only_safe_characters_and_is_its_own_slug(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9._+-]+", made)
    assert made not in {".", ".."} and not made.startswith(".")
    assert slug(made) == made


@given(st.text("abcXYZ019+-", min_size=1))
def test_a_safe_name_is_its_own_slug(name: str) -> None:
    assert slug(name) == name
