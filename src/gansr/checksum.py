"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from gansr.errors import UserError


def checksum(file: Path, algorithm: Literal["sha256", "md5"] = "sha256") -> str:
    """The checksum of a file's content, in hex digits.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
