"""A small training with every one of LDL's terms, ways to stop it, and what two of them have alike."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gansr.config.training_settings import ResultSettings
from gansr.training.loop import InterruptedTrainingError
from gansr.training.step import TrainingStep
from gansr.training.train import train
from tests.training_jobs import train_job

SPEC = {
    "scale": 4,
    "seed": 3,
    "mad_interval": 2,
    "training": ResultSettings().model_dump(),
    "generator": {"network": "srresnet", "features": 4, "blocks": 1},
    "method": {
        "losses": {
            "pixel": {"weight": 0.01},
            "artifact": {"weight": 1.0},
            "perceptual": {"weight": 1.0, "layers": {"conv2_2": 1.0}, "weights": "random", "width": 4},
            "adversarial": {"weight": 0.005},
        },
        "critics": {"adversarial": {"network": "vgg", "features": 2}},
        "groups": {},
        "ema_decay": 0.9,
        "optimizer": {"learning_rate": 1e-3, "betas": [0.9, 0.99]},
        "schedule": {"milestones": [4], "gamma": 0.5},
        "iterations": 6,
        "batch_size": 2,
        "patch_size": 32,
    },
}
PATCH = {"image": "photo0", "top": 8, "left": 12, "size": 16, "type": "A"}


def changed_spec(**changes):
    return {**SPEC, "method": {**SPEC["method"], **changes}}


def stop_at(monkeypatch, iteration, number=signal.SIGTERM):
    """The signal arrives within this iteration, as a scheduler's would."""
    plain = TrainingStep.__call__
    calls = []

    def interrupted(step, lr, hr):
        calls.append(1)
        if len(calls) == iteration:
            os.kill(os.getpid(), number)
        return plain(step, lr, hr)

    monkeypatch.setattr(TrainingStep, "__call__", interrupted)
    return calls


def interrupt(spec, inputs, work, iteration, number=signal.SIGTERM):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, iteration, number)
        with pytest.raises(InterruptedTrainingError, match=f"model: stopped at iteration {iteration}, state saved"):
            train(train_job(spec), "model", inputs, work, work.parent / "unused")
    assert not (work.parent / "unused").exists()
    (folder,) = work.iterdir()
    return folder


def log_lines(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def assert_same_training(folder, straight):
    for name in ("generator.safetensors", "generator_ema.safetensors"):
        found, expected = load_file(folder / name), load_file(straight / name)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), name
    with np.load(folder / "snapshots.npz") as found, np.load(straight / "snapshots.npz") as expected:
        assert found.files == expected.files
        for key in expected.files:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
    assert log_lines(folder) == log_lines(straight)
