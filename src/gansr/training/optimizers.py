"""Adam with a method's settings; a generator has one, or one for each of its parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gansr.config.method_checks import REST
from gansr.errors import UserError
from gansr.training.engine import Engine


@dataclass(frozen=True)
class GroupOptimizer:
    """The Adam of one parameter group, the first iteration in which it updates, and a factor on the learning rate.

    Before iteration `starts` (counted from 1) it is not called, so that its moments and their bias correction begin at
    `starts`. With a learning rate of 0 they would begin earlier.
    """

    optimizer: torch.optim.Adam
    starts: int = 1
    rate: float = 1.0


def make_adam(method: dict[str, Any], engine: Engine, parameters: Iterable[nn.Parameter]) -> torch.optim.Adam:
    """Adam with the method's settings."""
    options = method["optimizer"]
    rate = float(options["learning_rate"])
    return torch.optim.Adam(
        parameters,
        # a captured graph reads the learning rate from a tensor on the device
        lr=torch.tensor(rate, device=engine.device) if engine.graph else rate,
        betas=tuple(options["betas"]),
        fused=True,
        capturable=engine.graph,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next update; a tensor is filled in place, because a captured graph reads it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load a `state_dict()`, except the learning rate, which is set in every iteration."""
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # keep the tensor that a captured graph reads; the loaded one is on the CPU


def generator_optimizers(
    generator: nn.Module, declared: Mapping[str, tuple[str, ...]], method: dict[str, Any], engine: Engine
) -> list[GroupOptimizer]:
    """One Adam for the whole generator, or where the method names parameter groups one for each group.

    Args:
        generator: the generator.
        declared: PARAMETER_GROUPS of its file: for each group, beginnings of the names of its parameters.
        method: the method, whose `groups` has the settings of groups.
        engine: the engine of the training.

    Raises:
        UserError: a group has no parameter, or a parameter is in two groups.
    """
    if not method["groups"]:
        return [GroupOptimizer(make_adam(method, engine, generator.parameters()))]
    members = _members(generator, declared)
    made = []
    for name, parameters in members.items():
        given = method["groups"].get(name, {})
        optimizer = make_adam(method, engine, parameters)
        made.append(GroupOptimizer(optimizer, given.get("starts", 1), given.get("rate", 1.0)))
    return made


def _members(generator: nn.Module, declared: Mapping[str, tuple[str, ...]]) -> dict[str, list[nn.Parameter]]:
    """The parameters of each group; the last group, `rest`, is left out if it is empty."""
    members: dict[str, list[nn.Parameter]] = {name: [] for name in (*declared, REST)}
    for key, parameter in generator.named_parameters():
        groups = [name for name, beginnings in declared.items() if key.startswith(tuple(beginnings))]
        if len(groups) > 1:
            raise UserError(f"PARAMETER_GROUPS: {key} is in {groups[0]} and in {groups[1]}; give it to one of them")
        members[groups[0] if groups else REST].append(parameter)
    for name, parameters in members.items():
        if not parameters and name != REST:
            raise UserError(f"PARAMETER_GROUPS: no parameter of the generator begins as {name} says; correct it")
    return {name: parameters for name, parameters in members.items() if parameters}
