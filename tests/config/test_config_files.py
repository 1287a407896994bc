"""The files in config/ are valid, and the methods that are compared differ by what is compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansr.config.catalog import Catalog
from gansr.config.dataset import load_datasets
from gansr.config.dataset_files import image_files
from gansr.config.method import Method
from gansr.config.method_files import read_method, variants
from gansr.config.weights import load_weight_files
from gansr.plan.load import load_plan
from gansr.schema.loading import read_yaml, validate

CONFIG = Path(__file__).parents[2] / "config"
METHODS = sorted(file.stem for file in (CONFIG / "methods").glob("*.yaml"))
VARIANTS = [(name, variant) for name in METHODS for variant in variants(CONFIG / "methods", name)]
BOTH = pytest.mark.parametrize("variant", ["release", "paper"])
RUNS = sorted(file for file in CONFIG.rglob("*.yaml") if file.parent.name != "methods" and "models" in read_yaml(file))


def method(name: str, variant: str) -> dict[str, Any]:
    checked = validate(Method, read_method(CONFIG / "methods", name, variant), name)
    return checked.model_dump(exclude={"title", "paper"})


@pytest.mark.parametrize("file", sorted(CONFIG.rglob("*.yaml")), ids=lambda file: file.relative_to(CONFIG).as_posix())
def test_every_file_is_yaml_and_ends_with_a_newline(file: Path) -> None:
    assert read_yaml(file)
    assert file.read_text(encoding="utf-8").endswith("\n")


def test_there_is_a_method_for_every_row_of_the_ablations() -> None:
    assert {"psnr", "gan", "ldl", "ldl_m", "ldl_sigma_m"} <= set(METHODS)
    assert {"beby", "beby_without_best_buddy", "beby_without_region_mask"} <= set(METHODS)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_every_method_is_valid_in_every_variant_and_says_what_it_is(name: str, variant: str) -> None:
    checked = validate(Method, read_method(CONFIG / "methods", name, variant), name)
    assert checked.title and checked.paper
    assert checked.variant == variant


def test_a_fine_tuning_method_follows_the_authors_code_and_lists_what_the_paper_has_different() -> None:
    finetuning = [name for name in METHODS if method(name, "release")["stage"] == "finetune"]
    assert {"gan", "ldl", "beby"} <= set(finetuning)
    assert all(variants(CONFIG / "methods", name) == ["release", "paper"] for name in finetuning)


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_every_run_is_valid_without_any_of_its_data(file: Path) -> None:
    assert load_plan(read_yaml(file), str(file), Catalog(CONFIG)).models


def test_the_default_run_needs_nothing_that_a_checkout_lacks() -> None:
    plan = load_plan(read_yaml(CONFIG / "config.yaml"), "config.yaml", Catalog(CONFIG))
    assert plan.run.run == "demo"


def test_the_bundled_datasets_are_valid_and_there() -> None:
    datasets = load_datasets(CONFIG / "datasets.yaml")
    assert {dataset.role for dataset in datasets.values()} == {"train", "benchmark"}
    for name, dataset in datasets.items():
        assert dataset.licence
        if dataset.scikit_image:
            assert image_files(dataset, name)


def test_the_weight_files_are_valid() -> None:
    assert load_weight_files(CONFIG / "weights.yaml")


def test_the_columns_of_the_published_tables_are_named_as_a_run_names_them() -> None:
    catalog = Catalog(CONFIG)
    assert {"SRResNet+LDL (DIV2K)", "RRDB+LDL (DIV2K)", "RRDB+LDL (DF2K)"} <= set(
        catalog.published_labels("ldl_table1")
    )
    assert catalog.published_labels("beby_table2") == [
        *("SRResNet", "RRDB", "RCAN", "SRGAN", "ESRGAN-PI", "ESRGAN", "RankSRGAN", "Beby-GAN-PI", "Beby-GAN"),
    ]


@BOTH
def test_gan_differs_from_ldl_by_the_artifact_loss_alone(differences: Callable[..., set[str]], variant: str) -> None:
    assert differences(method("gan", variant), method("ldl", variant)) == {"losses/artifact"}


@BOTH
@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("ldl_m", {"losses/artifact/patch_weight", "losses/artifact/ema_refine"}),
        ("ldl_sigma_m", {"losses/artifact/ema_refine"}),
    ],
)
def test_the_ablations_of_ldl_switch_parts_of_the_artifact_loss_off(
    differences: Callable[..., set[str]], variant: str, name: str, switches: set[str]
) -> None:
    assert differences(method("ldl", variant), method(name, variant)) == switches
    artifact = method(name, variant)["losses"]["artifact"]
    assert not any(artifact[place.rsplit("/", 1)[-1]] for place in switches)


@BOTH
def test_without_best_buddies_the_pixel_loss_takes_their_place_with_the_same_weight(
    differences: Callable[..., set[str]], variant: str
) -> None:
    full, ablated = method("beby", variant), method("beby_without_best_buddy", variant)
    assert differences(full, ablated) == {"losses/best_buddy/weight", "losses/pixel"}
    assert ablated["losses"]["best_buddy"]["weight"] == 0
    assert ablated["losses"]["pixel"] == {"weight": full["losses"]["best_buddy"]["weight"]}


@BOTH
def test_without_region_awareness_the_discriminator_sees_everything(
    differences: Callable[..., set[str]], variant: str
) -> None:
    full, ablated = method("beby", variant), method("beby_without_region_mask", variant)
    assert differences(full, ablated) == {"losses/adversarial/view"}
    assert "view" not in ablated["losses"]["adversarial"]


def leaves(data: Any, place: str = "") -> dict[str, Any]:
    if not isinstance(data, dict):
        return {place: data}
    return {k: v for key in data for k, v in leaves(data[key], f"{place}/{key}" if place else key).items()}


LDL_AND_PAPER = {"variant", "losses/artifact/residual", "optimizer/betas", "schedule/milestones"}
BEBY_AND_PAPER = {
    *("variant", "losses/best_buddy/weight", "losses/best_buddy/pyramid"),
    *("losses/adversarial/objective", "losses/adversarial/view/of"),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gan", LDL_AND_PAPER - {"losses/artifact/residual"}),
        ("ldl", LDL_AND_PAPER),
        ("ldl_m", LDL_AND_PAPER),
        ("ldl_sigma_m", LDL_AND_PAPER),
        ("beby", BEBY_AND_PAPER),
        ("beby_without_best_buddy", BEBY_AND_PAPER - {"losses/best_buddy/weight"} | {"losses/pixel/weight"}),
        ("beby_without_region_mask", BEBY_AND_PAPER - {"losses/adversarial/view/of"}),
    ],
)
def test_the_variants_of_a_method_differ_in_what_is_known_to_differ(
    differences: Callable[..., set[str]], name: str, expected: set[str]
) -> None:
    assert differences(method(name, "release"), method(name, "paper")) == expected


def is_within(place: str, given: set[str]) -> bool:
    """Whether a place is one of those given, or inside one."""
    return any(place == other or place.startswith(f"{other}/") for other in given)


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("psnr")])
def test_the_variants_of_a_method_differ_in_exactly_what_its_file_lists(
    differences: Callable[..., set[str]], name: str
) -> None:
    listed: dict[str, Any] = {}
    following: str | None = name
    given: set[str] = set()
    while following is not None:  # what a method extends lists variants too, and the method's own values win over them
        raw = read_yaml(CONFIG / "methods" / f"{following}.yaml")
        inherited = leaves(raw.pop("variants", {}).get("paper", {}))
        listed = {place: value for place, value in inherited.items() if not is_within(place, given)} | listed
        given |= set(leaves(raw))
        following = raw.get("extends")
    release, paper = method(name, "release"), method(name, "paper")
    found = leaves(paper)
    for place, value in listed.items():
        assert found[place] == (tuple(value) if isinstance(value, list) else value), place
    # a listed value may be the default's
    same = {place for place in listed if leaves(release)[place] == found[place]}
    assert differences(release, paper) == set(listed) - same | {"variant"}
