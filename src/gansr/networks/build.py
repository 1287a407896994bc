"""Build networks from their options, and find the device."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn


def build_generator(network_options: dict[str, Any], scale: int) -> nn.Module:
    """A generator with fresh weights (from torch's global random state)."""
    return _build("generators", network_options, scale)


def parameter_groups(network_options: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The parameter groups that a generator's file declares: by group, beginnings of the names of its parameters."""
    module = importlib.import_module(f"gansr.networks.generators.{network_options['network']}")
    return dict(getattr(module, "PARAMETER_GROUPS", {}))


def build_critic(network_options: dict[str, Any], patch_size: int, channels: int = 3) -> nn.Module:
    """A critic with fresh weights (from torch's global random state) for patches with so many channels."""
    return _build("critics", network_options, patch_size, channels)


def _build(folder: str, network_options: dict[str, Any], *given: int) -> nn.Module:
    options = {key: value for key, value in network_options.items() if key != "network"}
    module = importlib.import_module(f"gansr.networks.{folder}.{network_options['network']}")
    network: nn.Module = module.build(*given, **options)
    return network


def count_parameters(network: nn.Module) -> int:
    """The number of a network's parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def device(number: int = 0) -> torch.device:
    """The GPU of this number among those that this process may use; without any, the CPU."""
    return torch.device("cuda", number) if torch.cuda.is_available() else torch.device("cpu")
