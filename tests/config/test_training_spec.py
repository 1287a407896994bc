"""A training depends on what it uses and on nothing else: its spec says which."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gansr.canonical import canonical
from gansr.config.catalog import Catalog
from gansr.plan.load import load_plan
from gansr.plan.plan import Plan
from tests.run_parts import PATCH

TRAINED = {"Base", "Base+GAN", "Base+LDL", "Dense", "Beby"}
FINETUNED = {"Base+GAN", "Base+LDL", "Beby"}


def specs(plan: Plan) -> dict[str, str]:
    return {name: model.job.to_json() for name, model in plan.models.items()}


def differing(one: Plan, other: Plan) -> set[str]:
    assert one.models.keys() == other.models.keys()
    return {name for name, spec in specs(one).items() if spec != specs(other)[name]}


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
        (["overrides/finetune/losses/adversarial", {"objective": "plain"}], FINETUNED),
        (["overrides/finetune/losses/adversarial", {"view": {"of": "hr"}}], {"Beby"}),
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


def test_what_the_snakefile_writes_is_the_job_that_the_command_line_reads(planned: Callable[..., Plan]) -> None:
    for model in planned().models.values():
        assert type(model.job).from_json(model.job.to_json()).to_json() == model.job.to_json()


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
