"""The plan: what refers to what is checked as a whole, and what is scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gansr.config.catalog import Catalog
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import mad_patches_job
from gansr.schema.loading import read_yaml
from tests.run_parts import PATCH

# tables, figures and patches name the benchmark too
NO_REPORT = ["mad", ..., "tables", {}, "figures", {}]


# ---- what is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["models/1/start", ...], ["model Base+GAN", "gan fine-tunes", "start: ..."]),
        (["models/4/method", "psnr"], ["model Beby", "psnr trains from scratch", "remove start"]),
        (
            ["overrides/finetune/losses/perceptual", {"weights": "pretrained"}, "download", False],
            ["vgg19-dcbb9e9d.pth is not there", "download: true", "https://"],
        ),
        (["overrides/finetune/ema_decay", None], ["ema_refine", "ema_decay"]),
        (["overrides/pretrain/losses", {"artifact": {"weight": 1}}], ["overrides.pretrain", '"artifact"', "pixel"]),
        (["overrides/pretrain/discriminator", {"features": 8}], ["overrides.pretrain", "discriminator"]),
        ([*NO_REPORT, "benchmarks", ["photographs"]], ["benchmarks", "photographs", "role train"]),
        (["train_dataset", "photos"], ["photos", "role benchmark"]),
        (["datasets/photos", {"role": "benchmark", "folder": "x"}], ['"photos" is already', "rename yours"]),
        (["mad/patches", [PATCH | {"image": "chelsee"}]], ['image "chelsee"', 'did you mean "chelsea"?']),
        (["mad/patches", [PATCH, PATCH | {"top": 400}]], ["mad.patches.1", "outside chelsea", "300"]),
        (["mad/patches", [PATCH | {"left": 4000}]], ["mad.patches.0", "outside chelsea"]),
        # a patch of 50 HR pixels is no whole number of LR pixels
        (["overrides/pretrain/patch_size", 50], ["model Base", "patch_size 50", "scale 4"]),
        # only fine-tuning keeps snapshots, which both figures read
        (["figures/mad_stability/models", ["Base+GAN", "Base"]], ["figures.mad_stability", "Base is not fine-tuned"]),
        (["figures/artifact_map/model", "Dense"], ["figures.artifact_map", "Dense is not fine-tuned"]),
        (["figures/artifact_map/model", "Beby"], ["figures.artifact_map", "Beby has no EMA model", "set ema_decay"]),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    refused: Callable[..., str], changes: list[Any], words: list[str]
) -> None:
    refused(changes, "run.yaml", *words)


def test_an_override_for_a_stage_without_models_is_refused(refused: Callable[..., str], run_data: Any) -> None:
    base = [model for model in run_data["models"] if model.get("method") == "psnr"]
    refused(["models", base, "figures", {}, "tables", {}], "run.yaml", "overrides.finetune", "no model", "remove it")


def test_ema_weights_of_a_model_without_them_are_refused(refused: Callable[..., str]) -> None:
    row = {"row": 5, "model": "Base+GAN", "weights": "ema"}
    changes = ["tables/ldl_table2/rows", [row], "overrides/finetune/ema_decay", None, "figures/artifact_map", None]
    without_refinement = ["overrides/finetune/losses/artifact", {"ema_refine": False}]
    refused([*changes, *without_refinement], "tables.ldl_table2 row 5", "Base+GAN", "set weights: raw")


def test_an_error_of_a_dataset_of_the_run_names_the_folder(refused: Callable[..., str], tmp_path: Path) -> None:
    place = str(tmp_path / "absent")
    changes = ["datasets/mine", {"role": "train", "folder": place}, "train_dataset", "mine"]
    refused(changes, "run.yaml", "mine", place, "does not exist")


@pytest.mark.parametrize(
    ("train", "test", "leaked"),
    [
        ({"scikit_image": ["coffee", "retina"]}, {"scikit_image": ["coffee", "rocket"]}, "coffee"),
        ({"scikit_image": ["motorcycle_left"]}, {"scikit_image": ["motorcycle_right"]}, "motorcycle_left"),
        ({"folder": "{hr}"}, {"folder": "{hr}/../hr"}, "{hr}"),
    ],
)
def test_a_benchmark_that_holds_training_images_is_refused(
    refused: Callable[..., str], tmp_path: Path, train: Any, test: Any, leaked: str
) -> None:
    folder = tmp_path / "hr"
    folder.mkdir()
    Image.new("RGB", (256, 256)).save(folder / "a.png")

    def here(dataset: dict[str, Any]) -> dict[str, Any]:
        return {key: value.format(hr=folder) if key == "folder" else value for key, value in dataset.items()}

    changes = [
        *NO_REPORT,
        *["datasets/ours", {"role": "train", **here(train)}, "train_dataset", "ours"],
        *["datasets/test", {"role": "benchmark", **here(test)}, "benchmarks", ["test"]],
    ]
    refused(changes, "run.yaml", "benchmark test", "ours", leaked.format(hr=folder))


def test_a_broken_method_file_is_named(
    own_catalog: Catalog, edit_method: Callable[..., None], refused: Callable[..., str]
) -> None:
    edit_method("gan", "iteration", 5)
    message = refused([], 'unknown key "iteration"', "iterations", catalog=own_catalog)
    assert message.startswith(str(own_catalog.methods / "gan.yaml"))


def test_a_missing_file_of_the_catalog_is_named(own_catalog: Catalog, refused: Callable[..., str]) -> None:
    (own_catalog.folder / "datasets.yaml").unlink()
    refused([], str(own_catalog.folder / "datasets.yaml"), "no such file", catalog=own_catalog)


def test_a_mad_patch_on_the_border_is_inside(planned: Callable[..., Plan]) -> None:
    # chelsea has 300 x 451 pixels, of which x4 keeps 300 x 448
    planned("mad/patches", [PATCH | {"top": 204, "left": 352}])


def test_a_mad_patch_in_the_rows_that_the_scale_crops_is_refused(refused: Callable[..., str]) -> None:
    refused(["mad/patches", [PATCH | {"left": 356}]], "outside chelsea", "448")


def test_a_patch_smaller_than_swinirs_window_is_refused(refused: Callable[..., str]) -> None:
    swinir = {"network": "swinir", "features": 4, "groups": 1, "blocks": 1, "heads": 1}
    refused(["generators/dense", swinir, "overrides/pretrain/patch_size", 16], "model Dense", "dense", "at least 32")


# ---- what is scored


def test_models_are_tested_with_ema_weights_where_they_have_them(planned: Callable[..., Plan]) -> None:
    plan = planned()
    assert plan.tested_weights("Base+LDL") == "ema"
    assert plan.scored_slug("Base+LDL", "ema") == "Base+LDL"
    assert plan.scored_slug("Base+LDL", "raw") == "Base+LDL_raw"
    assert plan.scored_slug("Bicubic", "raw") == "Bicubic"
    without = planned("overrides/pretrain/ema_decay", None)
    assert without.tested_weights("Base") == "raw"
    assert without.scored_slug("Base", "raw") == "Base"


def test_every_model_is_tested_once_and_raw_weights_where_table_2_asks(planned: Callable[..., Plan]) -> None:
    more = ["datasets/more", {"role": "benchmark", "scikit_image": ["coffee"]}, "benchmarks", ["photos", "more"]]
    pairs = [
        ("Bicubic", "raw"),
        ("Base", "ema"),
        ("Base+GAN", "ema"),
        ("Base+LDL", "ema"),
        ("Dense", "ema"),
        ("Beby", "raw"),
        ("Between", "raw"),
    ]
    everywhere = [(*pair, benchmark) for pair in pairs for benchmark in ("photos", "more")]
    assert planned(*more).tests() == [*everywhere, ("Base+LDL", "raw", "photos")]


def test_the_weights_that_the_metrics_need_are_fetched_and_no_others(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    def names(download: bool, *metrics: str) -> list[str]:
        changes = ["download", download, "metrics", list(metrics), "weights_dir", str(tmp_path), "tables", {}]
        return planned(*changes).metric_weights

    assert names(True, "psnr_y", "ssim_y") == []
    assert names(True, "lpips_alex") == ["alexnet"]
    assert names(True, "psnr_y", "lpips_vgg", "lpips_alex") == ["vgg16", "alexnet"]
    # a metric may need several files, and several metrics one
    assert names(True, "pi") == ["niqe", "nrqm"]
    assert names(True, "ma", "pi", "niqe") == ["nrqm", "niqe"]
    assert names(True, "dists", "lpips_vgg") == ["vgg16", "dists"]
    assert names(True, "kid", "fid") == ["inception"]
    assert names(False, "lpips_vgg", "lpips_alex", "dists") == []
    (tmp_path / "vgg16-397923af.pth").touch()
    assert names(False, "lpips_vgg", "lpips_alex", "dists") == ["vgg16"]


def test_a_perceptual_loss_without_weight_needs_no_vgg19(planned: Callable[..., Plan]) -> None:
    perceptual = {"weights": "pretrained", "width": 64, "weight": 0}
    assert planned("overrides/finetune/losses/perceptual", perceptual)


def test_the_choice_of_mad_patches_does_not_depend_on_the_interval(planned: Callable[..., Plan]) -> None:
    assert mad_patches_job(planned()) == mad_patches_job(planned("mad/interval", 3))
    given = mad_patches_job(planned("mad/patches", [PATCH]))
    assert json.loads(given.to_json())["patches"] == [PATCH]


def test_the_default_run_is_valid(catalog: Catalog) -> None:
    plan = load_plan(read_yaml(catalog.folder / "config.yaml"), "config.yaml", catalog)
    assert {model.slug for model in plan.models.values()} >= {"RRDB+LDL_M", "RRDB+LDL_sigma_M"}
