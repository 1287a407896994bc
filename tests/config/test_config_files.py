"""The files in config/ are valid, and the methods that are compared differ by what is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gansr.config.dataset import image_names, load_datasets
from gansr.config.loading import read_yaml, validate
from gansr.config.method import Method, read_method
from gansr.config.plan import Catalog, load_plan
from gansr.config.weights import load_weight_files

CONFIG = Path(__file__).parents[2] / "config"
METHODS = sorted(file.stem for file in (CONFIG / "methods").glob("*.yaml"))
RUNS = sorted(file for file in CONFIG.rglob("*.yaml") if file.parent.name != "methods" and "models" in read_yaml(file))


def method(name: str) -> dict[str, Any]:
    checked = validate(Method, read_method(CONFIG / "methods", name), name)
    return checked.model_dump(exclude={"title", "paper"})


def differences(one: Any, other: Any, place: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in differences(one.get(key), other.get(key), f"{place}/{key}" if place else key)
        }
    return set() if one == other else {place}


@pytest.mark.parametrize("file", sorted(CONFIG.rglob("*.yaml")), ids=lambda file: file.relative_to(CONFIG).as_posix())
def test_every_file_is_yaml_and_ends_with_a_newline(file: Path) -> None:
    assert read_yaml(file)
    assert file.read_text(encoding="utf-8").endswith("\n")


def test_there_is_a_method_for_every_row_of_the_ablation() -> None:
    assert {"psnr", "gan", "ldl", "ldl_m", "ldl_sigma_m"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_valid_and_says_what_it_is(name: str) -> None:
    checked = validate(Method, read_method(CONFIG / "methods", name), name)
    assert checked.title and checked.paper


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_every_run_is_valid(file: Path) -> None:
    data = read_yaml(file)
    try:
        load_plan(data, str(file), Catalog(CONFIG))
    except Exception as error:
        # a run of the papers' scale asks for data and weights that a checkout does not have
        if not any(words in str(error) for words in ("does not exist", "is not there")):
            raise


def test_the_default_run_needs_nothing_that_a_checkout_lacks() -> None:
    plan = load_plan(read_yaml(CONFIG / "config.yaml"), "config.yaml", Catalog(CONFIG))
    assert plan.run.run == "demo"


def test_the_bundled_datasets_are_valid_and_there() -> None:
    datasets = load_datasets(CONFIG / "datasets.yaml")
    assert {dataset.role for dataset in datasets.values()} == {"train", "benchmark"}
    for name, dataset in datasets.items():
        assert dataset.licence
        if dataset.scikit_image:
            assert image_names(dataset, name)


def test_the_weight_files_are_valid() -> None:
    assert load_weight_files(CONFIG / "weights.yaml")


def test_gan_differs_from_ldl_by_the_artifact_loss_alone() -> None:
    assert differences(method("gan"), method("ldl")) == {"losses/artifact"}


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("ldl_m", {"losses/artifact/patch_weight", "losses/artifact/ema_refine"}),
        ("ldl_sigma_m", {"losses/artifact/ema_refine"}),
    ],
)
def test_the_ablations_of_ldl_switch_parts_of_the_artifact_loss_off(name: str, switches: set[str]) -> None:
    assert differences(method("ldl"), method(name)) == switches
    artifact = method(name)["losses"]["artifact"]
    assert not any(artifact[place.rsplit("/", 1)[-1]] for place in switches)


def test_ldl_is_trained_as_the_authors_train_it() -> None:
    ldl = method("ldl")
    assert {name: loss["weight"] for name, loss in ldl["losses"].items()} == {
        "pixel": 0.01,
        "perceptual": 1.0,
        "adversarial": 0.005,
        "artifact": 1.0,
    }
    assert (ldl["iterations"], ldl["patch_size"], ldl["ema_decay"]) == (300_000, 128, 0.999)
    assert ldl["optimizer"]["learning_rate"] == 1e-4
