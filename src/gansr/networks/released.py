"""Generators whose weights others have released, under this project's file and parameter names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.errors import UserError
from gansr.networks.build import build_generator, count_parameters
from gansr.networks.weight_files import read_torch_file, save_weights
from gansr.paths import ModelPaths
from gansr.plan.jobs.train import AdoptJob
from gansr.schema import plugins

WRAPPERS = ("params_ema", "params", "state_dict")  # keys under which public checkpoints hold a generator's weights


def adopt_released_model(job: AdoptJob, name: str, weights: Path, output: Path) -> None:
    """Write generator.safetensors, generator_ema.safetensors (equal to it) and spec.yaml of a released model.

    Where a checkpoint holds raw and EMA weights, the EMA weights are taken, because these are the released model.

    Args:
        job: the generator, and the released file.
        name: the model's name.
        weights: the released checkpoint, in torch's own format; nothing in it is executed.
        output: the model's folder.

    Raises:
        UserError: the file is unreadable, or holds the weights of another network than the job describes.
    """
    generator = build_generator(job.generator, job.scale)
    state = _generator_weights(read_torch_file(weights, "remove it and run again"))
    try:
        generator.load_state_dict(_own_names(generator, job.generator["network"], state))
    except (RuntimeError, KeyError, ValueError, AttributeError) as error:
        complaint = (str(error).splitlines() or ["names of no known network"])[-1].strip()
        raise UserError(
            f"{weights}: not the weights of {name}'s generator ({complaint}); give the generator the size of the "
            f"released one and the scale it was trained for"
        ) from None
    output.mkdir(parents=True, exist_ok=True)
    files = ModelPaths(output)
    for kind in ("raw", "ema"):
        save_weights(files.weights(kind), generator.state_dict())
    description = {
        "model": name,
        "job": job.model_dump(mode="json"),
        "inputs": {"released_sha256": checksum(weights)},
        "parameters": count_parameters(generator),
    }
    write_text(files.spec, yaml.safe_dump(description, sort_keys=False, allow_unicode=True))


def _generator_weights(content: dict[str, Any]) -> dict[str, Tensor]:
    """The weights in a checkpoint, which holds them at its top level or under one of the keys in WRAPPERS."""
    wrapped = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    return {str(key): value for key, value in wrapped.items() if isinstance(value, Tensor)}


def _own_names(generator: nn.Module, network: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the generator's own parameter names.

    A generator's file declares how published names are translated: RELEASED_NAMES maps beginnings of published names to
    those used here; with SPANDREL = True spandrel, which knows the names of every common repository, does it.
    """
    if state.keys() == generator.state_dict().keys():
        return state
    if plugins.fact("generator", network, "SPANDREL", False):
        return _spandrels_names(state)
    names = plugins.fact("generator", network, "RELEASED_NAMES", {})
    return {_renamed(key, names): value for key, value in state.items()}


def _renamed(key: str, names: dict[str, str]) -> str:
    for theirs, ours in names.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key


def _spandrels_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights as spandrel names them, whoever published them.

    Raises:
        ValueError: spandrel knows no network with these names, or cannot build it.
    """
    # imported here, because spandrel imports every network that it knows, which takes seconds
    from spandrel import ModelLoader, UnsupportedModelError

    try:
        with torch.random.fork_rng():
            adopted: nn.Module = ModelLoader(device="cpu").load_from_state_dict(state).model
    except UnsupportedModelError as error:
        raise ValueError(str(error)) from None
    return dict(adopted.state_dict())
