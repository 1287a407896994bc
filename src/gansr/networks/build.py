"""Networks from their options."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from gansr.options import entry_point


def build_generator(network_options: dict[str, Any], scale: int) -> nn.Module:
    """A generator with fresh weights (from torch's global random state)."""
    options = {key: value for key, value in network_options.items() if key != "network"}
    network: nn.Module = entry_point("generator", network_options["network"])(scale, **options)
    return network


def build_discriminator(network_options: dict[str, Any], patch_size: int) -> nn.Module:
    """A discriminator with fresh weights (from torch's global random state)."""
    options = {key: value for key, value in network_options.items() if key != "network"}
    build = entry_point("discriminator", network_options["network"])
    network: nn.Module = build(patch_size, **options)
    return network


def count_parameters(network: nn.Module) -> int:
    """The number of trainable numbers in a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def device() -> torch.device:
    """The GPU when there is one that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
