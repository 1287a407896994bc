"""Several processes train what one alone would: the same command, started by torchrun, with gloo on a CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from gansr.config.training_settings import ResultSettings
from gansr.data.patch_store import build_patch_store
from gansr.training.world import World
from tests.training_jobs import train_job

ADVERSARIAL = {
    "pixel": {"weight": 1.0},
    "adversarial": {"weight": 0.1, "objective": "plain"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    for kind, scale in (("HR", 4), ("LR", 1)):
        (folder / "images" / kind).mkdir(parents=True)
        coarse = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
        pixels = Image.fromarray(coarse).resize((16 * scale, 12 * scale), Image.Resampling.BICUBIC)
        pixels.save(folder / "images" / kind / "photo.png")
    build_patch_store([folder / "images"], 4, folder / "patches")
    return folder / "patches"


def spec(processes, losses=None, critic=None, iterations=12):
    return {
        "scale": 4,
        "seed": 0,
        "mad_interval": None,
        "generator": {"network": "srresnet", "features": 4, "blocks": 1},
        "method": {
            "losses": losses or {"pixel": {"weight": 1.0}},
            "critics": {} if critic is None else {"adversarial": critic},
            "groups": {},
            "ema_decay": 0.9,
            "optimizer": {"learning_rate": 1e-3, "betas": [0.9, 0.99]},
            "schedule": {"milestones": [], "gamma": 0.5},
            "iterations": iterations,
            "batch_size": 4,
            "patch_size": 32,
        },
        "training": ResultSettings(gpus=processes).model_dump(),
    }


def command(given, store, folder):
    return [
        *(sys.executable, "-m", "gansr", "train", "--job", train_job(given).to_json(), "--name", "model"),
        *("--patches", str(store), "--state", str(folder / "state" / "model")),
        *("--output", str(folder / "output"), "--log", str(folder / "log.txt")),
    ]


def environment():
    return {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")} | {"GPU_POOL": ""}


def trained(given, store, folder):
    result = subprocess.run(
        command(given, store, folder), capture_output=True, text=True, timeout=600, env=environment(), check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return folder / "output"


def largest_difference(one, other, name="generator.safetensors"):
    first, second = load_file(one / name), load_file(other / name)
    assert first.keys() == second.keys()
    return max(float((first[key] - second[key]).abs().max()) for key in first)


def log_lines(output):
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def test_two_processes_are_one_with_the_whole_batch(store, tmp_path):
    """Without statistics of a batch the arithmetic is the same up to the order of sums."""
    one, two = (trained(spec(n), store, tmp_path / str(n)) for n in (1, 2))
    assert largest_difference(one, two) < 1e-6
    assert largest_difference(one, two, "generator_ema.safetensors") < 1e-6
    losses = [[line["losses"]["pixel"] for line in log_lines(output)] for output in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    description = yaml.safe_load((two / "spec.yaml").read_text())
    assert description["processes"] == 2
    assert (tmp_path / "2" / "log.txt").read_text().count("gansr train") == 1


@pytest.mark.slow
def test_a_discriminator_without_batch_statistics_is_trained_together(store, tmp_path):
    critic = {"network": "unet_sn", "features": 2}
    one, two = (trained(spec(n, ADVERSARIAL, critic, 4), store, tmp_path / str(n)) for n in (1, 2))
    # Adam divides by roots of squared gradients: where these are tiny, their last digits tell
    assert largest_difference(one, two) < 1e-4
    for first, second in zip(log_lines(one), log_lines(two), strict=True):
        assert second["losses"] == pytest.approx(first["losses"], rel=1e-3)


@pytest.mark.slow
def test_two_processes_that_are_stopped_go_on_bit_for_bit(store, tmp_path):
    critic = {"network": "vgg", "features": 2}
    losses = {"pixel": {"weight": 1.0}, "adversarial": {"weight": 0.1}}
    given = spec(2, losses, critic, iterations=300)
    straight = trained(given, store, tmp_path / "straight")
    folder = tmp_path / "stopped"
    process = subprocess.Popen(command(given, store, folder), env=environment(), stderr=subprocess.PIPE, text=True)
    progress = None
    for _ in range(6000):
        progress = next(iter((folder / "state" / "model").glob("*/progress.json")), None)
        if progress is not None:
            break
        time.sleep(0.1)
    assert progress is not None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode != 0
    assert "state saved" in (folder / "log.txt").read_text()
    assert not (folder / "output").exists()
    output = trained(given, store, folder)
    (resumed,) = yaml.safe_load((output / "spec.yaml").read_text())["resumed_at"]
    assert 0 < resumed < 300
    assert largest_difference(output, straight) == 0


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_workers_end_with_their_launcher(store, tmp_path):
    process = subprocess.Popen(
        command(spec(2, iterations=100_000), store, tmp_path), env=environment(), stderr=subprocess.DEVNULL
    )
    for _ in range(6000):
        if list((tmp_path / "state" / "model").glob("*/progress.json")):
            break
        time.sleep(0.1)
    (told,) = (tmp_path / "state" / "model").glob("*/progress.json")
    worker = json.loads(told.read_text())["process"]
    assert worker != process.pid
    process.kill()
    process.wait()
    for _ in range(100):
        if not is_running(worker):
            break
        time.sleep(0.1)
    else:
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker outlived torchrun")


def test_alone_nothing_is_asked_of_others():
    world = World()
    assert world.is_first and world.is_alone
    assert world.any(True) and not world.any(False)
    assert world.gather("mine") == ["mine"]
    assert world.share(6) == slice(0, 6)
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(world.mean(values), values)
    network = torch.nn.Linear(1, 1)
    assert world.parallel(network) is network


def test_shares_are_equal_and_cover_the_batch():
    shares = [World(rank, 3).share(12) for rank in range(3)]
    assert [index for share in shares for index in range(12)[share]] == list(range(12))
    assert {len(range(12)[share]) for share in shares} == {4}
