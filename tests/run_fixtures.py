"""A small valid run, ways to spoil it, and what every message of an error must be like."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.method import Method
from gansr.config.method_files import merge, read_method
from gansr.errors import UserError
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan

ROOT = Path(__file__).parents[1]

RUN: dict[str, Any] = {
    "run": "test",
    "scale": 4,
    "weights_dir": "no-such-folder",
    "train_dataset": "photographs",
    "benchmarks": ["photos"],
    "metrics": ["psnr_y", "lpips_alex"],
    "generators": {
        "small": {"network": "srresnet", "features": 4, "blocks": 1},
        "dense": {"network": "rrdb", "features": 4, "blocks": 1},
    },
    "models": [
        {"name": "Base", "generator": "small", "method": "psnr"},
        {"name": "Base+GAN", "generator": "small", "method": "gan", "start": "Base"},
        {"name": "Base+LDL", "generator": "small", "method": "ldl", "start": "Base"},
        {"name": "Dense", "generator": "dense", "method": "psnr"},
        {"name": "Beby", "generator": "dense", "method": "beby", "start": "Dense"},
        {"name": "Between", "interpolate": {"between": ["Base", "Base+GAN"], "alpha": 0.25}},
    ],
    "overrides": {
        "pretrain": {"patch_size": 64},
        "finetune": {"patch_size": 64, "losses": {"perceptual": {"weights": "random", "width": 4}}},
    },
    "mad": {"benchmark": "photos", "interval": 2, "size": 96, "patches": "auto"},
    "tables": {
        "ldl_table1": {"reference": ["Bicubic", "Base"]},
        "ldl_table2": {"benchmark": "photos", "rows": [{"row": 4, "model": "Base+LDL", "weights": "raw"}]},
        "beby_table1": {"columns": [{"column": "Beby-GAN", "model": "Beby"}]},
        "beby_table2": {"reference": ["Bicubic", "Dense"]},
    },
    "figures": {
        "mad_stability": {"models": ["Base+GAN", "Base+LDL"]},
        "artifact_map": {"model": "Base+LDL"},
    },
}


def changed(data: Any, place: str, value: Any) -> Any:
    """A copy of `data` with the value at a place such as models/0/name set; `...` removes it.

    The place after the last of a list is the end of it.
    """
    result = copy.deepcopy(data)
    *parents, last = place.split("/")
    inside = result
    for key in parents:
        inside = inside[int(key)] if isinstance(inside, list) else inside.setdefault(key, {})
    key = int(last) if isinstance(inside, list) else last
    if value is ...:
        del inside[key]
    elif isinstance(inside, list) and key == len(inside):
        inside.append(value)
    else:
        inside[key] = value
    return result


def check_message(message: str, *words: str) -> None:
    assert "\n" not in message and "Traceback" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def leaf_differences(one: Any, other: Any, place: str = "") -> set[str]:
    """The places, such as losses/pixel/weight, where two mappings have different values or only one has any."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in leaf_differences(one.get(key), other.get(key), f"{place}/{key}" if place else key)
        }
    return set() if one == other else {place}


@pytest.fixture
def differences() -> Callable[..., set[str]]:
    return leaf_differences


@pytest.fixture
def run_data() -> dict[str, Any]:
    return copy.deepcopy(RUN)


@pytest.fixture
def change() -> Callable[..., Any]:
    return changed


@pytest.fixture
def one_line() -> Callable[..., None]:
    return check_message


@pytest.fixture
def catalog() -> Catalog:
    """The project's own folder config, wherever the tests run."""
    return Catalog(ROOT / "config")


@pytest.fixture
def own_catalog(tmp_path: Path) -> Catalog:
    """A copy of the folder config that a test may edit."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return Catalog(tmp_path / "config")


@pytest.fixture
def planned(catalog: Catalog) -> Callable[..., Plan]:
    """The plan of the small run after some changes: place, value, place, value ..."""

    def make(*changes: Any, catalog: Catalog = catalog) -> Plan:
        data: Any = RUN
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            data = changed(data, place, value)
        return load_plan(data, "run.yaml", catalog)

    return make


@pytest.fixture
def refused(planned: Callable[..., Plan]) -> Callable[..., str]:
    """The message with which the changed run is refused; it opens with the file and holds the words."""

    def check(changes: list[Any], *words: str, **keywords: Any) -> str:
        with pytest.raises(UserError) as caught:
            planned(*changes, **keywords)
        check_message(str(caught.value), *words)
        return str(caught.value)

    return check


@pytest.fixture
def method_data(catalog: Catalog) -> Callable[..., dict[str, Any]]:
    """The mapping of a method of the project, in one of its variants, after some changes."""

    def make(name: str, *changes: Any, variant: str | None = None) -> dict[str, Any]:
        data: Any = merge({}, read_method(catalog.methods, name, variant))
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            data = changed(data, place, value)
        return data  # type: ignore[no-any-return]

    return make


@pytest.fixture
def edit_method(own_catalog: Catalog) -> Callable[..., None]:
    """Change values in a method file of `own_catalog`."""

    def edit(name: str, *changes: Any) -> None:
        file = own_catalog.methods / f"{name}.yaml"
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            data = changed(data, place, value)
        file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")

    return edit


@pytest.fixture
def refused_method(method_data: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """The message with which a changed method file is refused."""
    from gansr.schema.loading import validate

    def check(name: str, changes: list[Any], *words: str) -> str:
        with pytest.raises(UserError) as caught:
            validate(Method, method_data(name, *changes), "mine.yaml")
        check_message(str(caught.value), "mine.yaml", *words)
        return str(caught.value)

    return check
