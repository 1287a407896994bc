"""The GPU hours of a run, and the rates that they are estimated with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.rates import Rates, load_rates
from gansr.errors import UserError
from gansr.estimate.flops import training_flops
from gansr.estimate.gpu_hours import gpu_hours
from gansr.plan.plan import Plan
from gansr.schema import plugins

CONTENT: dict[str, Any] = {
    "gpu": "some GPU",
    "rates": {
        "srresnet": {"tflops": 5, "source": "measured"},
        "rrdb": {"tflops": 10, "source": "measured"},
    },
}
RANDOM_VGG19 = {"perceptual": {"weights": "random", "width": 4}}
PAPER_SIZE = {"network": "rrdb", "features": 64, "blocks": 23}


@pytest.fixture
def rates() -> Rates:
    return Rates.model_validate(CONTENT)


def test_a_models_hours_are_those_of_a_calculation_by_hand(planned: Callable[..., Plan], rates: Rates) -> None:
    """The PSNR-oriented RRDB of the papers: 1,000,000 iterations of 16 patches of 110.1 GFLOP at 10 TFLOP/s."""
    plan = planned("overrides/pretrain", {}, "generators/dense", PAPER_SIZE)
    by_hand = 1_000_000 * 16 * 110.1e9 / 10e12 / 3600
    assert by_hand == pytest.approx(48.9, abs=0.05)
    assert gpu_hours(plan, rates)["Dense"] == pytest.approx(by_hand, rel=0.005)


def test_every_trained_model_has_hours_and_no_interpolated_one(planned: Callable[..., Plan], rates: Rates) -> None:
    plan = planned()
    hours = gpu_hours(plan, rates)
    assert set(hours) == {"Base", "Base+GAN", "Base+LDL", "Dense", "Beby"}
    assert all(value is not None and value > 0 for value in hours.values())


def test_a_model_with_several_seeds_has_hours_for_each(planned: Callable[..., Plan], rates: Rates) -> None:
    plan = planned("seeds", [1, 2])
    hours = gpu_hours(plan, rates)
    assert hours.keys() == plan.trained.keys() and len(hours) == 10


@pytest.mark.parametrize(("key", "factor"), [("iterations", 3), ("batch_size", 2)])
def test_hours_grow_in_proportion_to(planned: Callable[..., Plan], rates: Rates, key: str, factor: int) -> None:
    finetune = {"patch_size": 64, "losses": RANDOM_VGG19, "iterations": 30_000, "batch_size": 4}
    few = gpu_hours(planned("overrides/finetune", finetune), rates)
    many = gpu_hours(planned("overrides/finetune", finetune | {key: factor * finetune[key]}), rates)
    for name in ("Base+GAN", "Base+LDL", "Beby"):
        assert many[name] == pytest.approx(factor * few[name])
    assert many["Base"] == few["Base"]


def test_hours_grow_with_what_a_method_adds(planned: Callable[..., Plan], rates: Rates) -> None:
    hours = gpu_hours(planned(), rates)
    narrower = gpu_hours(planned("overrides/finetune/discriminator", {"features": 8}), rates)
    assert hours["Base+LDL"] > hours["Base+GAN"] > narrower["Base+GAN"]


def test_a_network_without_a_rate_has_no_hours(planned: Callable[..., Plan]) -> None:
    rates = Rates.model_validate({**CONTENT, "rates": {"rrdb": CONTENT["rates"]["rrdb"]}})
    hours = gpu_hours(planned(), rates)
    assert hours["Base"] is None and hours["Base+LDL"] is None
    assert hours["Dense"] is not None


def test_a_network_whose_flops_are_not_known_has_no_hours(
    planned: Callable[..., Plan], rates: Rates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = planned()
    folder = plugins.PACKAGE / plugins.FOLDERS["generator"]
    for name in ("srresnet", "rrdb"):
        shutil.copy(folder / f"{name}.py", tmp_path)
    (tmp_path / "srresnet_of_mine.py").write_text("def build(scale): ...\n", encoding="utf-8")
    monkeypatch.setitem(plugins.FOLDERS, "generator", str(tmp_path))
    plan.trained["Base"].network_options["network"] = "srresnet_of_mine"
    assert training_flops(plan.trained["Base"], 4) is None
    assert gpu_hours(plan, rates)["Base"] is None
    assert gpu_hours(plan, rates)["Dense"] is not None


# ---- rates.yaml


def test_the_projects_file_has_a_rate_with_its_source_for_every_generator_network(catalog: Catalog) -> None:
    rates = load_rates(catalog.folder / "rates.yaml")
    assert list(rates.rates) and set(rates.rates) == set(plugins.names("generator"))
    assert rates.gpu
    # no GPU sustains a hundred TFLOP/s in float32, and none of these networks runs below one
    assert all(1 < rate.tflops < 100 and len(rate.source) > 20 for rate in rates.rates.values())


def test_rrdbs_rate_is_the_one_that_its_source_states(catalog: Catalog, planned: Callable[..., Plan]) -> None:
    """RealESRNet as its author trained it, 12 patches of HR 256 on each GPU, took 6 to 7 days."""
    pretrain = {"iterations": 1_000_000, "batch_size": 12, "patch_size": 256}
    plan = planned("overrides/pretrain", pretrain, "generators/dense", PAPER_SIZE)
    hours = gpu_hours(plan, load_rates(catalog.folder / "rates.yaml"))["Dense"]
    assert hours == pytest.approx(6.5 * 24, rel=0.02)


def test_swinirs_rate_is_the_one_that_its_source_states(catalog: Catalog, planned: Callable[..., Plan]) -> None:
    """SwinIR-M x4 as its author trained it, 4 patches of LR 48 on each GPU, took 0.95 days."""
    pretrain = {"iterations": 250_000, "batch_size": 4, "patch_size": 192}
    plan = planned("overrides/pretrain", pretrain, "generators/small", {"network": "swinir"})
    hours = gpu_hours(plan, load_rates(catalog.folder / "rates.yaml"))["Base"]
    assert hours == pytest.approx(0.95 * 24, rel=0.02)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("rates/rdb", {"tflops": 1, "source": "me"}, ['unknown generator network "rdb"', 'did you mean "rrdb"?']),
        ("rates/rrdb/tflops", 0, ["rates.rrdb.tflops", "0"]),
        ("rates/rrdb/source", "", ["rates.rrdb.source"]),
        ("rates/rrdb/source", ..., ["rates.rrdb.source", "required"]),
        ("rates/rrdb/tflop", 1, ['unknown key "tflop"', 'did you mean "tflops"?']),
        ("gpu", ..., ["gpu", "required"]),
    ],
)
def test_a_wrong_file_is_refused(
    tmp_path: Path,
    change: Callable[..., Any],
    one_line: Callable[..., None],
    place: str,
    value: Any,
    words: list[str],
) -> None:
    file = tmp_path / "rates.yaml"
    file.write_text(yaml.safe_dump(change(CONTENT, place, value)), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_rates(file)
    one_line(str(caught.value), str(file), *words)
