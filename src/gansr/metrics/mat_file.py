"""Read MATLAB's .mat files, which may be broken."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from gansr.errors import UserError

# what SciPy and the reading of its result raise on files that are broken or hold something else
BROKEN = (OSError, ValueError, KeyError, IndexError, TypeError, NotImplementedError, MatReadError, zlib.error)


def read_mat(file: Path) -> dict[str, Any]:
    """The variables of a file, by name.

    Raises:
        UserError: the file is not there.
        BROKEN: one of these exceptions: the file is broken or no .mat file.
    """
    if not file.is_file():
        raise UserError(f"{file}: not there; put it there and run again")
    content: dict[str, Any] = loadmat(file)
    return content
