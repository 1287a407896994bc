"""What a dry run says that its jobs need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gansr.config.catalog import Catalog
from gansr.estimate.disk import PNG, Disk
from gansr.estimate.needs import Jobs, _rounded, needs
from gansr.networks.build import build_generator, count_parameters
from gansr.plan.plan import Plan

ALL = ["train_dataset", "df2k", "benchmarks", ["set5", "uh4k"], "mad", ..., "figures", {}]
TABLE2 = ["tables/ldl_table2/benchmark", "set5"]


@pytest.fixture
def plan(planned: Callable[..., Plan]) -> Plan:
    return planned(*ALL, *TABLE2)


def jobs(**what: list[str]) -> Jobs:
    kinds = ("trained", "fetched", "weights", "prepared", "patch_stores", "upscaled")
    return Jobs(total=7, **{kind: what.get(kind, []) for kind in kinds})


def test_a_shared_archive_is_counted_once(plan: Plan) -> None:
    disk = Disk(plan)
    assert disk.archives(["set5", "set14", "urban100"], []) == 250112000
    assert disk.archives(["div2k", "div2k100"], ["alexnet"]) == 3530603713 + 448993893 + 244408911


def test_an_archive_of_unknown_size_is_taken_for_png_of_its_pixels(plan: Plan) -> None:
    megapixels = plan.datasets["flickr2k"].megapixels
    assert megapixels and Disk(plan).archives(["flickr2k"], []) == megapixels * 1e6 * PNG


def test_a_patch_store_has_three_bytes_per_pixel_of_all_parts(plan: Plan) -> None:
    disk = Disk(plan)
    pixels = sum((plan.datasets[name].megapixels or 0) * 1e6 for name in ("div2k", "flickr2k"))
    assert disk.patch_stores(["df2k"]) == pytest.approx(pixels * 3 * (1 + 1 / 16))
    assert disk.images(["div2k", "flickr2k"]) == pytest.approx(pixels * PNG * (1 + 1 / 16))


def test_the_pixels_of_a_users_folder_are_counted(planned: Callable[..., Plan], tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (200, 100)).save(tmp_path / f"{number}.png")
    own = ["datasets/own", {"role": "train", "folder": str(tmp_path)}, "train_dataset", "own"]
    assert Disk(planned(*own)).patch_stores(["own"]) == pytest.approx(3 * 20000 * 3 * (1 + 1 / 16))


def test_what_is_not_known_is_named_and_not_guessed(plan: Plan) -> None:
    disk = Disk(plan)
    assert disk.sr_images(["set5", "set5"]) == pytest.approx(2 * 0.57e6 * PNG)
    assert disk.archives([], ["nrqm"]) == 0
    plan.datasets["uh4k"] = plan.datasets["uh4k"].model_copy(update={"megapixels": None})
    assert disk.images(["uh4k"]) == 0
    assert disk.unknown == {"NRQM_model.mat", "uh4k"}


def test_the_needs_are_told_a_line_each(plan: Plan, catalog: Catalog) -> None:
    todo = jobs(trained=["Base", "Beby"], fetched=["div2k", "uh4k"], upscaled=["set5"])
    total, gpu, disk, by_hand = needs(plan, todo, catalog.rates, gpus=4)
    assert total == "7 jobs"
    assert "GPU hours for 2 trainings" in gpu and catalog.rates.gpu in gpu and "hours on 4" in gpu
    assert disk.startswith("about 3.6 GB") and "to download 3.5" in disk and "models at most" in disk
    assert by_hand.startswith("by hand: uh4k: UH4K") and "put its images into datasets/uh4k" in by_hand


def test_the_hours_of_the_trainings_to_do_are_shared_by_the_gpus(
    plan: Plan, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = {"Base": 6.0, "Dense": 2.0, "Beby": None, "Base+LDL": 50.0}
    monkeypatch.setattr("gansr.estimate.needs.gpu_hours", lambda plan, rates: hours)
    todo = jobs(trained=["Base", "Dense", "Beby"])
    _, one, *_ = needs(plan, todo, catalog.rates, gpus=1)
    _, four, *_ = needs(plan, todo, catalog.rates, gpus=4)
    assert one.startswith("8.0 GPU hours for 3 trainings") and "hours on" not in one
    assert four.startswith("8.0 GPU hours for 3 trainings") and "; 2.0 hours on 4; without Beby" in four


@pytest.mark.parametrize(
    ("what", "names", "told"),
    [
        ("fetched", ["div2k100"], "0.45 GB of disk (to download 0.45)"),
        ("weights", ["vgg19"], "0.57 GB of disk (to download 0.57)"),
        ("prepared", ["div2k"], "4.0 GB of disk (prepared images 4.0)"),  # 2200 megapixels
        ("patch_stores", ["div2k"], "7.0 GB of disk (patch stores 7.0)"),
        ("upscaled", ["div2k", "div2k"], "7.5 GB of disk (SR images 7.5)"),
    ],
)
def test_the_disk_line_tells_every_kind_of_file(
    plan: Plan, catalog: Catalog, what: str, names: list[str], told: str
) -> None:
    assert needs(plan, jobs(**{what: names}), catalog.rates, gpus=1)[2] == f"about {told}"


def test_nothing_to_train_takes_no_gpu_hours(plan: Plan, catalog: Catalog) -> None:
    _, gpu, _ = needs(plan, jobs(), catalog.rates, gpus=1)
    assert gpu.startswith("0.00 GPU hours for 0 trainings")


@pytest.mark.parametrize(
    ("value", "text"), [(5612, "5,600"), (137.2, "140"), (9.99, "10"), (6.27, "6.3"), (0.456, "0.46"), (0, "0.00")]
)
def test_an_estimate_has_two_digits(value: float, text: str) -> None:
    assert _rounded(value) == text


def test_a_model_of_the_papers_takes_its_weights_and_its_checkpoint(planned: Callable[..., Plan]) -> None:
    full = {"network": "rrdb", "features": 64, "blocks": 23}
    plan = planned("generators/dense", full)
    parameters = 16_697_987
    assert 1 <= Disk(plan).models(["Dense"]) / (6 * 4 * parameters) < 1.1
    # Beby-GAN's discriminator has 5,291,913 parameters
    assert 1 <= Disk(plan).models(["Beby"]) / (4 * (6 * parameters + 3 * 5_291_913)) < 1.1


@pytest.mark.parametrize("network", ["srresnet", "rrdb", "swinir"])
def test_a_generator_has_no_more_parameters_than_multiply_adds_per_lr_pixel(
    planned: Callable[..., Plan], network: str
) -> None:
    plan = planned("generators/small", {"network": network}, "overrides/pretrain/patch_size", 128)
    generator = build_generator(plan.run.generators["small"], 4)
    assert Disk(plan).models(["Base"]) >= 6 * 4 * count_parameters(generator)
