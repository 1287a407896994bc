"""The job of a training from what a test says of it."""

from __future__ import annotations

from typing import Any

from gansr.config.method import Recipe
from gansr.plan.jobs.train import TrainJob, used_plugins, versions_of

# The shortest training: what it does is not what is tested.
NOTHING: dict[str, Any] = {
    "scale": 4,
    "seed": 0,
    "generator": {"network": "srresnet"},
    "method": {
        "losses": {"pixel": {"weight": 1}},
        "optimizer": {"learning_rate": 1e-4, "betas": [0.9, 0.99]},
        "iterations": 1,
        "batch_size": 1,
        "patch_size": 32,
    },
}


def train_job(given: dict[str, Any]) -> TrainJob:
    """With the versions of the plug-in files as they are."""
    versions = versions_of(used_plugins(given["generator"], Recipe.model_validate(given["method"])))
    return TrainJob.model_validate({"code": 1, "versions": versions, **given})
