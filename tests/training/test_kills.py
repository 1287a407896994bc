"""A training that is killed at random moments, many times, ends in the bits of one that was not."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gansr.config.dataset import Dataset
from gansr.config.training_settings import ResultSettings
from gansr.data.patch_store import build_patch_store
from gansr.data.prepare import prepare_images
from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from tests.training_jobs import train_job

KILLS = 30
SPEC = {
    "scale": 4,
    "seed": 3,
    "mad_interval": 10,
    "generator": {"network": "srresnet", "features": 4, "blocks": 1},
    "method": {
        "losses": {
            "pixel": {"weight": 0.01},
            "artifact": {"weight": 1.0},
            "perceptual": {"weight": 1.0, "layers": {"conv1_2": 1.0}, "weights": "random", "width": 2},
            "adversarial": {"weight": 0.005},
        },
        "critics": {"adversarial": {"network": "vgg", "features": 2}},
        "groups": {},
        "ema_decay": 0.9,
        "optimizer": {"learning_rate": 1e-3, "betas": [0.9, 0.99]},
        "schedule": {"milestones": [40], "gamma": 0.5},
        "iterations": 120,
        "batch_size": 2,
        "patch_size": 32,
    },
    "training": ResultSettings().model_dump(),
}
# imports once; each attempt is a process forked from it, which dies by SIGKILL or comes to the end
ATTEMPTS = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from gansr.config.training_settings import WatchSettings
from gansr.plan.jobs.train import TrainJob
from gansr.training.train import TrainingInputs, train

job, folder, kills = TrainJob.from_json(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
inputs = TrainingInputs(
    folder / "store", folder / "start.safetensors", {}, folder / "patches.json", folder / "images"
)
moments, killed, attempts = random.Random(0), 0, 0
while True:
    attempts += 1
    child = os.fork()
    if child == 0:
        train(job, "model", inputs, folder / "work", folder / "output", WatchSettings(checkpoint_every=4))
        os._exit(0)
    if killed < kills:
        time.sleep(moments.uniform(0.02, 0.5))
        os.kill(child, signal.SIGKILL)
    _, state = os.waitpid(child, 0)
    if os.WIFSIGNALED(state):
        killed += 1
    elif os.WEXITSTATUS(state):
        sys.exit("an attempt failed")
    elif killed == kills or not kills:
        break
    else:  # done before the last kill: once more from the start
        import shutil
        shutil.rmtree(folder / "work")
        shutil.rmtree(folder / "output", ignore_errors=True)
print(json.dumps({"killed": killed, "attempts": attempts}))
"""


def prepare(folder):
    random = np.random.default_rng(0)
    (folder / "source").mkdir()
    Image.fromarray(random.integers(0, 256, (44, 48, 3), dtype=np.uint8)).save(folder / "source" / "photo.png")
    prepare_images(Dataset(role="train", folder=folder / "source"), "own", 4, folder / "images")
    build_patch_store([folder / "images"], 4, folder / "store")
    torch.manual_seed(0)
    save_weights(folder / "start.safetensors", build_generator(SPEC["generator"], 4).state_dict())
    patch = {"image": "photo", "top": 8, "left": 12, "size": 16, "type": "A"}
    (folder / "patches.json").write_text(json.dumps([patch]))


def attempted(folder, kills):
    folder.mkdir()
    prepare(folder)
    arguments = [sys.executable, "-c", ATTEMPTS, train_job(SPEC).to_json(), str(folder), str(kills)]
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=900, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
def test_random_kills_change_no_bit(tmp_path):
    attempted(tmp_path / "straight", 0)
    assert attempted(tmp_path / "killed", KILLS)["killed"] == KILLS
    straight, killed = (tmp_path / name / "output" for name in ("straight", "killed"))
    for name in ("generator.safetensors", "generator_ema.safetensors"):
        found, expected = load_file(killed / name), load_file(straight / name)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), name
    with np.load(killed / "snapshots.npz") as found, np.load(straight / "snapshots.npz") as expected:
        assert found.files == expected.files
        assert all(np.array_equal(found[key], expected[key]) for key in expected.files)
    logs = [
        [
            {key: value for key, value in json.loads(line).items() if key != "seconds"}
            for line in (folder / "log.jsonl").read_text().splitlines()
        ]
        for folder in (killed, straight)
    ]
    assert logs[0] == logs[1]
    assert len(logs[0]) == SPEC["method"]["iterations"]
