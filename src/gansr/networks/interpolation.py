"""Network interpolation (ESRGAN, section 3.4): weights between those of two generators."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml
from torch import Tensor

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.errors import UserError
from gansr.networks.build import build_generator, count_parameters
from gansr.networks.weight_files import load_weights, save_weights
from gansr.paths import ModelPaths
from gansr.plan.jobs.train import InterpolateJob


def interpolate_weights(first: dict[str, Tensor], second: dict[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """(1 - alpha) * first + alpha * second for every tensor; alpha 0 gives exactly the first, and 1 the second.

    Tensors of whole numbers (index tables, for instance) must be equal and are copied.

    Raises:
        ValueError: keys or shapes differ, or whole numbers do.
    """
    if first.keys() != second.keys():
        missing = sorted(first.keys() ^ second.keys())
        raise ValueError(f"only one of them has {missing[0]}" + (f" ({len(missing)} such)" if len(missing) > 1 else ""))
    between = {}
    for key, one in first.items():
        two = second[key]
        if one.shape != two.shape:
            raise ValueError(f"{key} has the shapes {tuple(one.shape)} and {tuple(two.shape)}")
        if one.is_floating_point() and two.is_floating_point():
            # the sum of two products is exact at both ends, where lerp is not
            between[key] = (one.double() * (1 - alpha) + two.double() * alpha).to(one.dtype)
        elif torch.equal(one, two):
            between[key] = one
        else:
            raise ValueError(f"{key} holds whole numbers that differ")
    return between


def interpolate_models(job: InterpolateJob, name: str, first: Path, second: Path, output: Path) -> None:
    """Write generator.safetensors, generator_ema.safetensors (equal to it) and spec.yaml of an interpolated model.

    Args:
        job: the generator, and alpha.
        name: the model's name.
        first: weights that stand for alpha 0.
        second: weights that stand for alpha 1.
        output: the model's folder.

    Raises:
        UserError: a file is unreadable or of another network, or the two do not fit together.
    """
    generator = build_generator(job.generator, job.scale)
    states = []
    for file in (first, second):
        load_weights(generator, file)
        states.append({key: value.clone() for key, value in generator.state_dict().items()})
    try:
        between = interpolate_weights(states[0], states[1], job.interpolate.alpha)
    except ValueError as error:
        raise UserError(f"{name}: cannot interpolate between {first} and {second}: {error}") from None
    output.mkdir(parents=True, exist_ok=True)
    files = ModelPaths(output)
    for kind in ("raw", "ema"):
        save_weights(files.weights(kind), between)
    description = {
        "model": name,
        "job": job.model_dump(mode="json"),
        "inputs": {"first_sha256": checksum(first), "second_sha256": checksum(second)},
        "parameters": count_parameters(generator),
    }
    write_text(files.spec, yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
