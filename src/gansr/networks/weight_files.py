"""Write weights to files and read them; reading executes no code from a file."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from gansr.atomic import atomic_file
from gansr.errors import UserError


def save_weights(file: Path, state: dict[str, Tensor]) -> None:
    """Write weights as safetensors, in one step."""
    contiguous = {key: value.detach().cpu().contiguous() for key, value in state.items()}
    with atomic_file(file) as partial:
        partial.write_bytes(save(contiguous))  # not save_file, which hides the system's error (disk full)


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


def read_torch_file(file: Path, remedy: str) -> dict[str, Any]:
    """The mapping in a file of torch's own format, opened without executing what is in it.

    Args:
        file: a .pt or .pth file.
        remedy: the end of an error message: what the user should do.

    Raises:
        UserError: the file is missing, broken, or holds something else than tensors and plain data.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error}); {remedy}") from None
    except (
        *(pickle.UnpicklingError, struct.error, EOFError, RuntimeError, ValueError, KeyError, IndexError),
        *(TypeError, AssertionError),  # raised by torch's own reader for some corrupted files
    ):
        # torch's own message is not shown, because it advises to load the file with weights_only=False
        raise UserError(f"{file}: broken, or holds more than tensors and plain data; {remedy}") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: holds no mapping of names to tensors; {remedy}")
    return content
