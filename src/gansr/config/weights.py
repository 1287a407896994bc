"""Pretrained weights of perceptual networks: files the user provides, verified before use."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt

from gansr.config.loading import read_yaml, validate
from gansr.config.section import Section
from gansr.errors import UserError

METRIC_WEIGHTS = {"lpips_alex": "alexnet", "lpips_vgg": "vgg16"}  # the networks that metrics need


class WeightFile(Section):
    """One file in the folder `weights_dir`."""

    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: PositiveInt
    address: str
    licence: str


class WeightsFile(Section):
    """The content of config/weights.yaml."""

    weights: dict[str, WeightFile]


def load_weight_files(file: Path) -> dict[str, WeightFile]:
    """The weight files that config/weights.yaml lists, by the name of the network."""
    return validate(WeightsFile, read_yaml(file), str(file)).weights


def verify(path: Path, expected: WeightFile) -> None:
    """Refuse a weight file whose content is not the expected one.

    Raises:
        UserError: the file is missing or has another sha256.
    """
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise UserError(f"{path}: {size} bytes, expected {expected.bytes}; the download broke off: repeat it")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot read the weights ({error.strerror}); put the file there") from None
    if found != expected.sha256:
        raise UserError(
            f"{path}: sha256 is {found}, expected {expected.sha256}; the file is another one: download it again"
        )
