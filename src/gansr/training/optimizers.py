"""Adam as a method asks for it, and one of its own for each parameter group of a generator."""

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
    """Adam of one parameter group: from which iteration on it updates, and with what factor on the learning rate.

    Before `starts`, counted from 1, it does nothing: its moments and their bias correction begin there, which is not
    what a learning rate of 0 would do.
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
        # a captured graph reads its learning rate from the device
        lr=torch.tensor(rate, device=engine.device) if engine.graph else rate,
        betas=tuple(options["betas"]),
        fused=True,
        capturable=engine.graph,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Have the next update made with this rate; a tensor that a captured graph reads stays the same tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Go on from a `state_dict()`; the learning rate is set anew in every iteration."""
    rates = [group["lr"] for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate  # a captured graph reads this very tensor, and a saved one is on the CPU


def generator_optimizers(
    generator: nn.Module, declared: Mapping[str, tuple[str, ...]], method: dict[str, Any], engine: Engine
) -> list[GroupOptimizer]:
    """One Adam for the whole generator, or where the method names parameter groups one for each group.

    Args:
        generator: the generator.
        declared: its file's PARAMETER_GROUPS: by the group's name, beginnings of the names of its parameters.
        method: the method; `groups` says how groups are updated.
        engine: where the training runs.

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
    """The parameters of each group, `rest` last; a group without parameters is left out where it is `rest`."""
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
