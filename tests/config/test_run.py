"""A run's config file: unknown keys, wrong values and dangling names are refused, with advice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr.plan.plan import Plan
from tests.table_jobs import entries_of

PATCH = {"image": "chelsea", "top": 0, "left": 0, "size": 96, "type": "A"}


def test_the_small_run_of_these_tests_is_valid(planned: Callable[..., Plan]) -> None:
    assert list(planned().models) == ["Base", "Base+GAN", "Base+LDL", "Dense", "Beby", "Between"]


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("bencmarks", "benchmarks"),
        ("model", "models"),
        ("models/0/generatr", "generator"),
        ("models/1/strat", "start"),
        ("models/4/variannt", "variant"),
        ("models/5/interpolat", "interpolate"),
        ("models/5/interpolate/alhpa", "alpha"),
        ("models/5/interpolate/betwen", "between"),
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
        ("tables/beby_table3", "beby_table2"),
        ("tables/beby_table1/column", "columns"),
        ("tables/beby_table1/columns/0/colum", "column"),
        ("tables/beby_table1/columns/0/modle", "model"),
        ("tables/beby_table2/refrence", "reference"),
        ("figures/mad_stability/model", "models"),
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
        misspelt = {"datasets/mine": "foldr", "mad/patches": "topp"}[place]
        refused([place, meant], "run.yaml", f'unknown key "{misspelt}"', "did you mean")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("train_dataset", "photograps", ['dataset "photograps"', 'did you mean "photographs"?']),
        ("models/0/dataset", "photograps", ["model Base", 'dataset "photograps"', 'did you mean "photographs"?']),
        ("mad/benchmark", "phots", ["mad", 'benchmark "phots"', 'did you mean "photos"?']),
        ("tables/ldl_table2/benchmark", "phots", ["tables.ldl_table2", 'did you mean "photos"?']),
        ("metrics", ["psnr"], ["metrics.0", 'unknown metric "psnr"', 'did you mean "psnr_y"?']),
        ("metrics", ["psnr_y", "lpips"], ["metrics.1", 'unknown metric "lpips"', 'did you mean "lpips_vgg"?']),
        ("metrics", ["psnr_y", "sharpness"], ["metrics.1", 'unknown metric "sharpness"', "valid: dists, fid"]),
        ("metrics", [4], ["metrics.0", "4"]),
        ("models/0/method", "psrn", ["model Base", 'method "psrn"', 'did you mean "psnr"?']),
        ("models/0/generator", "smal", ["model Base", 'generator "smal"', 'did you mean "small"?']),
        ("generators/small/network", "srresnt", ["generators", 'generator "srresnt"', 'mean "srresnet"?']),
        ("generators/small/network", ..., ["generators", "small", "network is missing", "rrdb, srresnet, swinir"]),
        ("models/1/start", "Bsae", ["model Base+GAN", 'start model "Bsae"', 'did you mean "Base"?']),
        ("models/2/tables", ["ldl_table9"], ["models.2.tables", "ldl_table1"]),
        # the ablation tables name their models themselves
        (
            "models/2/tables",
            ["beby_table1"],
            ["models.2.tables", '"beby_table1" is no table', 'mean "beby_table2"?'],
        ),
        ("models/1/variant", "papr", ["models.1.variant", "'release' or 'paper'", "'papr'"]),
        ("tables/ldl_table1/reference", ["Bicubc"], ['"Bicubc"', 'did you mean "Bicubic"?']),
        ("tables/ldl_table2/rows/0/model", "Base+LLD", ["row 4", 'did you mean "Base+LDL"?']),
        ("tables/beby_table1/columns/0/model", "Bebi", ["column Beby-GAN", '"Bebi"', 'did you mean "Beby"?']),
        ("tables/beby_table2/reference", ["Desne"], ["tables.beby_table2.reference", 'did you mean "Dense"?']),
        ("figures/mad_stability/models", ["Base+GNA"], ["figures.mad_stability", 'did you mean "Base+GAN"?']),
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
        ("generators/small/network", None, ["generators", "small", "network", "rrdb, srresnet, swinir"]),
        ("generators/small/network", 3, ["generators", "small", "rrdb, srresnet, swinir"]),
        ("generators/small/network", ["rrdb"], ["generators", "small", "rrdb, srresnet, swinir"]),
        ("generators/small/features", 0, ["generators", "small", "features", "0"]),
        ("generators/small/heads", 2, ["generators", "small", 'unknown key "heads"']),
        ("generators/small", {"network": "swinir", "features": 10, "heads": 4}, ["small", "features 10", "heads 4"]),
        ("generators/small", {"network": "swinir", "heads": 7}, ["small", "features 180", "heads 7"]),
        ("generators/small", {"network": "swinir", "drop_path": 1}, ["small", "swinir", "drop_path", "less than 1"]),
        ("generators/small", {"network": "swinir", "drop_path": -0.1}, ["small", "swinir", "drop_path", "-0.1"]),
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
        ("figures/mad_stability/models", ..., ["figures.mad_stability.models", "required"]),
        ("figures/mad_stability/models", [], ["figures.mad_stability.models", "at least 1"]),
        ("figures/mad_stability/models", "Base+GAN", ["figures.mad_stability.models", "list", "'Base+GAN'"]),
        ("figures/mad_stability/models", ["Base+GAN"] * 7, ["figures.mad_stability.models", "at most 6", "7"]),
        ("figures/mad_stability/models", ["Base+GAN"] * 2, ["figures.mad_stability", '"Base+GAN" is given twice']),
        # the two curves that earlier versions drew
        ("figures/mad_stability", {"solid": "Base+GAN", "dashed": "Base+LDL"}, ['unknown key "solid"', "models"]),
        ("models/2/tables", "ldl_table1", ["models.2.tables", "'ldl_table1'"]),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    refused: Callable[..., str], place: str, value: Any, words: list[str]
) -> None:
    refused([place, value], "run.yaml", *words)


def test_two_rows_of_a_table_with_one_label_are_refused(refused: Callable[..., str]) -> None:
    rows = [{"row": 4, "model": "Base+LDL", "weights": weights} for weights in ("raw", "ema")]
    refused(["tables/ldl_table2/rows", rows], "tables.ldl_table2", "4")


def test_defaults_are_what_an_absent_key_means(planned: Callable[..., Plan]) -> None:
    run = planned("tables", ..., "figures", ..., "mad", ...).run
    assert (run.seed, run.data_dir, run.tables, run.mad) == (0, Path("results/data"), {}, None)


def test_a_row_number_is_a_label(planned: Callable[..., Plan]) -> None:
    (number,) = entries_of(planned(), "ldl_table2")
    (text,) = entries_of(planned("tables/ldl_table2/rows/0/row", "4"), "ldl_table2")
    assert number.name == text.name == "4"
