"""Networks from their options, and generator weights to and from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gansr.atomic import atomic_file
from gansr.errors import UserError
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


def save_weights(file: Path, state: dict[str, Tensor]) -> None:
    """Write weights as safetensors, in one step."""
    contiguous = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with atomic_file(file) as partial:
        save_file(contiguous, partial)


def load_weights(network: nn.Module, file: Path) -> None:
    """Read weights from a safetensors file into a network of exactly these keys and shapes.

    Raises:
        UserError: the file is missing or broken, or its keys or shapes are another network's.
    """
    try:
        network.load_state_dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{file}: cannot read the weights ({error}); make them again") from None
    except RuntimeError as error:
        complaint = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise UserError(f"{file}: the weights are of another network ({complaint})") from None


def count_parameters(network: nn.Module) -> int:
    """The number of trainable numbers in a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def device() -> torch.device:
    """The GPU when there is one that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
