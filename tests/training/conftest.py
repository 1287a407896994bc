import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from captured_data import NETWORKS
from PIL import Image
from training_data import PATCH, SPEC

from gansr.config.dataset import Dataset
from gansr.data.patch_store import build_patch_store
from gansr.data.prepare import prepare_images
from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from gansr.training import train as train_module
from gansr.training.train import TrainingInputs, train
from tests.training_jobs import train_job


@pytest.fixture
def on_the_cpu(monkeypatch):
    """Where sums are the same every time."""
    monkeypatch.setattr(train_module, "device", lambda number: torch.device("cpu"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    random = np.random.default_rng(0)
    (folder / "source").mkdir()
    for number, size in enumerate([(40, 48), (52, 36)]):
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / "source" / f"photo{number}.png")
    prepare_images(Dataset(role="train", folder=folder / "source"), "own", 4, folder / "images")
    build_patch_store([folder / "images"], 4, folder / "store")
    torch.manual_seed(0)
    save_weights(folder / "start.safetensors", build_generator(SPEC["generator"], 4).state_dict())
    (folder / "patches.json").write_text(json.dumps([PATCH]))
    return TrainingInputs(
        patches=folder / "store",
        start=folder / "start.safetensors",
        mad_patches=folder / "patches.json",
        mad_images=folder / "images",
    )


@pytest.fixture(scope="module")
def straight(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "device", lambda number: torch.device("cpu"))
        train(train_job(SPEC), "model", inputs, folder / "work", folder / "output")
    return folder / "output"


@pytest.fixture(scope="module")
def papers():
    """The papers' methods on small networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "speed")
        import training as benchmark

        def step_and_batch(network, name, engine):
            given = benchmark.method_of(name, 2, 64 if name != "beby" else 128)
            if "perceptual" in given["losses"]:
                given["losses"]["perceptual"]["width"] = 8
            for critic in given["critics"].values():
                critic["features"] = 4
            step = benchmark.fast_step(network, NETWORKS[network], given, engine)
            return step, benchmark.batch_of(given, engine.device)

        yield step_and_batch
    for name in ("training", "plain_step", "plain"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    for kind, scale in (("HR", 4), ("LR", 1)):
        (folder / "images" / kind).mkdir(parents=True)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        pixels = Image.fromarray(coarse).resize((16 * scale, 12 * scale), Image.Resampling.BICUBIC)
        pixels.save(folder / "images" / kind / "photo.png")
    build_patch_store([folder / "images"], 4, folder / "patches")
    return folder / "patches"
