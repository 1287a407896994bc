"""The plan: what refers to what is checked as a whole, and a job depends on what it uses and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gansr.config.catalog import Catalog
from gansr.config.loading import read_yaml
from gansr.config.plan import canonical, load_plan
from gansr.config.planned import Plan
from gansr.config.slices import mad_slice

PATCH = {"image": "chelsea", "top": 0, "left": 0, "size": 96, "type": "A"}
TRAINED = {"Base", "Base+GAN", "Base+LDL", "Dense", "Beby"}
FINETUNED = {"Base+GAN", "Base+LDL", "Beby"}
# tables, figures and patches name the benchmark too
NO_REPORT = ["mad", ..., "tables", {}, "figures", {}]


def specs(plan: Plan) -> dict[str, str]:
    return {name: canonical(model.spec) for name, model in plan.models.items()}


def differing(one: Plan, other: Plan) -> set[str]:
    assert one.models.keys() == other.models.keys()
    return {name for name, spec in specs(one).items() if spec != specs(other)[name]}


# ---- what is refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["models/1/start", ...], ["model Base+GAN", "gan fine-tunes", "start: ..."]),
        (["models/4/method", "psnr"], ["model Beby", "psnr trains from scratch", "remove start"]),
        (["overrides/finetune/losses/perceptual", {"weights": "pretrained"}], ["vgg19-dcbb9e9d.pth", "download"]),
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


# ---- what a training depends on


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        (["seed", 1], TRAINED),
        (["scale", 2], TRAINED | {"Between"}),
        (["models/1/seed", 7], {"Base+GAN"}),
        (["models/1/variant", "paper"], {"Base+GAN"}),
        (["models/5/interpolate/alpha", 0.5], {"Between"}),
        (["generators/small/features", 8], {"Base", "Base+GAN", "Base+LDL", "Between"}),
        (["generators/dense/blocks", 2], {"Dense", "Beby"}),
        (["overrides/pretrain/iterations", 7], {"Base", "Dense"}),
        (["overrides/finetune/iterations", 9000], FINETUNED),
        (["overrides/finetune/ema_decay", 0.9], {"Base+GAN", "Base+LDL"}),
        (["overrides/finetune/schedule", {"warmup": 7}], {"Beby"}),
        (["overrides/finetune/schedule", {"gamma": 0.1}], {"Base+GAN", "Base+LDL"}),
        (["overrides/finetune/losses/best_buddy", {"beta": 0}], {"Beby"}),
        (["overrides/finetune/losses/adversarial", {"region_mask": "hr"}], FINETUNED),
        (["overrides/finetune/losses/artifact", {"weight": 3}], {"Base+LDL"}),
        (["overrides/finetune/discriminator", {"features": 8}], FINETUNED),
        (["mad/interval", 3], FINETUNED),
        (["mad/patches", [PATCH]], set()),
        (["mad/size", 48], set()),
        (["run", "other"], set()),
        (["metrics", ["ssim_y"]], set()),
        (["data_dir", "elsewhere"], set()),
        (["weights_dir", "elsewhere"], set()),
        (["tables", {}], set()),
        (["figures", {}], set()),
        (["models/2/tables", []], set()),
        (["models/2/published", {"ldl_table1": "RRDB+LDL (DF2K)"}], set()),
        # a value that is given although it is the default
        (["overrides/finetune/losses/artifact", {"window": 7, "detach_map": False}], set()),
        (["overrides/finetune/losses/best_buddy", {"alpha": 1, "beta": 1}], set()),
        (["overrides/finetune/discriminator", {"network": "vgg"}], set()),
        (["overrides/finetune/optimizer", {"learning_rate": "1e-4"}], set()),
    ],
)
def test_a_training_depends_on_what_it_uses_and_on_nothing_else(
    planned: Callable[..., Plan], changes: list[Any], affected: set[str]
) -> None:
    assert differing(planned(), planned(*changes)) == affected


def test_the_artifact_weight_concerns_ldl_only(
    planned: Callable[..., Plan], own_catalog: Catalog, edit_method: Callable[..., None]
) -> None:
    before = planned(catalog=own_catalog)
    edit_method("ldl", "losses/artifact/weight", 2.0)
    assert differing(before, planned(catalog=own_catalog)) == {"Base+LDL"}


def test_an_edit_of_ldl_reaches_the_methods_that_extend_it(
    planned: Callable[..., Plan], own_catalog: Catalog, edit_method: Callable[..., None]
) -> None:
    change = ["models/1/method", "ldl_m"]
    before = planned(*change, catalog=own_catalog)
    edit_method("ldl", "losses/artifact/weight", 2.0)
    assert differing(before, planned(*change, catalog=own_catalog)) == {"Base+LDL", "Base+GAN"}


@pytest.mark.parametrize("key", ["title", "paper"])
def test_words_about_a_method_train_nothing_again(
    planned: Callable[..., Plan], own_catalog: Catalog, edit_method: Callable[..., None], key: str
) -> None:
    before = planned(catalog=own_catalog)
    for method in ("psnr", "gan", "ldl"):
        edit_method(method, key, "other words")
    assert differing(before, planned(catalog=own_catalog)) == set()


def test_a_method_under_another_name_trains_the_same(planned: Callable[..., Plan], own_catalog: Catalog) -> None:
    (own_catalog.methods / "same.yaml").write_bytes((own_catalog.methods / "gan.yaml").read_bytes())
    change = ["models/1/method", "same"]
    assert differing(planned(catalog=own_catalog), planned(*change, catalog=own_catalog)) == set()


def shuffled(data: Any, order: random.Random) -> Any:
    if isinstance(data, dict):
        keys = list(data)
        order.shuffle(keys)
        return {key: shuffled(data[key], order) for key in keys}
    return [shuffled(item, order) for item in data] if isinstance(data, list) else data


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_keys_trains_nothing_again(
    planned: Callable[..., Plan], own_catalog: Catalog, run_data: Any, seed: int
) -> None:
    before = planned(catalog=own_catalog)
    order = random.Random(seed)
    for file in own_catalog.methods.glob("*.yaml"):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        file.write_text(yaml.safe_dump(shuffled(data, order), sort_keys=False), encoding="utf-8")
    assert differing(before, load_plan(shuffled(run_data, order), "run.yaml", own_catalog)) == set()


def test_a_training_spec_is_plain_data(planned: Callable[..., Plan]) -> None:
    for model in planned().models.values():
        assert json.loads(canonical(model.spec)) == model.spec


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(data=JSON, seed=st.integers(0, 1000))
def test_canonical_does_not_depend_on_the_order_of_keys(data: Any, seed: int) -> None:
    assert canonical(shuffled(data, random.Random(seed))) == canonical(data)
    assert json.loads(canonical(data)) == data
    assert "\n" not in canonical(data)


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


def test_every_model_is_scored_once_and_raw_weights_where_table_2_asks(planned: Callable[..., Plan]) -> None:
    assert planned().scored() == [
        ("Base", "ema"),
        ("Base+GAN", "ema"),
        ("Base+LDL", "ema"),
        ("Dense", "ema"),
        ("Beby", "raw"),
        ("Between", "raw"),
        ("Base+LDL", "raw"),
    ]


def test_the_weights_that_the_metrics_need_are_asked_for_and_no_others(planned: Callable[..., Plan]) -> None:
    def files(*metrics: str) -> list[str]:
        return [
            file.as_posix()
            for file in planned("metrics", list(metrics), "weights_dir", "w", "tables", {}).metric_weights
        ]

    assert files("psnr_y", "ssim_y", "pi") == []
    assert files("lpips_alex") == ["w/alexnet-owt-7be5be79.pth"]
    assert files("pi", "lpips_vgg", "lpips_alex") == ["w/vgg16-397923af.pth", "w/alexnet-owt-7be5be79.pth"]


def test_a_perceptual_loss_without_weight_needs_no_vgg19(planned: Callable[..., Plan]) -> None:
    perceptual = {"weights": "pretrained", "width": 64, "weight": 0}
    assert planned("overrides/finetune/losses/perceptual", perceptual)


def test_the_choice_of_mad_patches_does_not_depend_on_the_interval(planned: Callable[..., Plan]) -> None:
    one, other = planned().run.mad, planned("mad/interval", 3).run.mad
    assert one and other and mad_slice(one) == mad_slice(other)
    given_patches = planned("mad/patches", [PATCH]).run.mad
    assert given_patches and mad_slice(given_patches)["patches"] == [PATCH]


def test_the_default_run_is_valid(catalog: Catalog) -> None:
    plan = load_plan(read_yaml(catalog.folder / "config.yaml"), "config.yaml", catalog)
    assert {model.slug for model in plan.models.values()} >= {"RRDB+LDL_M", "RRDB+LDL_sigma_M"}
