"""Pretrained weights that others publish: what each file is, and what needs it."""

from __future__ import annotations

from pathlib import Path

from gansr.config.loading import read_yaml, validate
from gansr.config.remote_file import RemoteFile
from gansr.config.section import Section

METRIC_WEIGHTS = {  # the files that metrics need; LPIPS' heads come inside the lpips package
    "lpips_alex": ("alexnet",),
    "lpips_vgg": ("vgg16",),
    "dists": ("vgg16", "dists"),
    "fid": ("inception",),
    "kid": ("inception",),
    "niqe": ("niqe",),
    "ma": ("nrqm",),
    "pi": ("niqe", "nrqm"),
}
NETWORK_METRICS = ("lpips_alex", "lpips_vgg", "dists", "fid", "kid")  # which a GPU computes faster


class WeightFile(RemoteFile):
    """One file in the folder `weights_dir`."""

    licence: str


class WeightsFile(Section):
    """The content of config/weights.yaml."""

    weights: dict[str, WeightFile]


def load_weight_files(file: Path) -> dict[str, WeightFile]:
    """The weight files that config/weights.yaml lists, by the name of the network."""
    return validate(WeightsFile, read_yaml(file), str(file)).weights
