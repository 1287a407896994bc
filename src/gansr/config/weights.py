"""Pretrained weights that others publish: what each file is, and where it comes from."""

from __future__ import annotations

from pathlib import Path

from gansr.config.remote_file import RemoteFile
from gansr.schema.loading import read_yaml, validate
from gansr.schema.section import Section


class WeightFile(RemoteFile):
    """One file in the folder `weights_dir`."""

    licence: str


class WeightsFile(Section):
    """The content of config/weights.yaml."""

    weights: dict[str, WeightFile]


def load_weight_files(file: Path) -> dict[str, WeightFile]:
    """The weight files that config/weights.yaml lists, by the name of the network."""
    return validate(WeightsFile, read_yaml(file), str(file)).weights
