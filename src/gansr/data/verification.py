"""Check that a file is the published one; where no checksum is published, record and compare that of the first copy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.config.remote_file import RemoteFile
from gansr.errors import UserError

FIRST_BYTES = {".zip": (0, b"PK"), ".tar": (257, b"ustar"), ".gz": (0, b"\x1f\x8b"), ".tgz": (0, b"\x1f\x8b")}

VerifiedBy = Literal["sha256", "md5", "first fetch"]


@dataclass(frozen=True)
class Receipt:
    """A verified file: its size in bytes, checksum, the address that it came from, and what it was verified by.

    `address` is None for a file that was put there by hand. `verified_by` is "first fetch" where no checksum is
    published and that of the first copy was recorded.
    """

    file: str
    bytes: int
    sha256: str
    address: str | None
    verified_by: VerifiedBy


class WrongBytesError(Exception):
    """A file is not the expected one; the message says in what it differs."""


@dataclass(frozen=True)
class Record:
    """The record beside a file: the checksum of its first copy, and the address that it was downloaded from."""

    sha256: str
    source: str | None

    @staticmethod
    def beside(final: Path) -> Path:
        """Where the record of a file is kept."""
        return final.with_name(f"{final.name}.sha256")

    @classmethod
    def read(cls, final: Path, expected: RemoteFile) -> Record | None:
        """The record beside a file; None if there is none.

        A damaged record is an error only where no sha256 is published, because then the file is compared with it.
        """
        sidecar = cls.beside(final)
        if not sidecar.exists():
            return None
        text = sidecar.read_text(encoding="utf-8", errors="replace")
        line = re.search(rf"^([0-9a-fA-F]{{64}}) [ *]{re.escape(final.name)}$", text, re.MULTILINE)
        if line is None:
            if expected.sha256 is not None:
                return None
            raise UserError(f"{sidecar}: holds no sha256 of {final.name}; correct or remove it")
        source = re.search(r"^# from (\S+)$", text, re.MULTILINE)
        return cls(line[1].lower(), source[1] if source else None)

    def write(self, final: Path) -> None:
        """Write the record, in the form of sha256sum."""
        origin = f"# from {self.source}\n" if self.source else ""  # a comment to sha256sum
        write_text(self.beside(final), f"{origin}{self.sha256}  {final.name}\n")


def identify(file: Path, expected: RemoteFile, record: Record | None) -> tuple[str, VerifiedBy]:
    """The sha256 of a file, and by what it was verified.

    Raises:
        WrongBytesError: the file is not the expected one.
    """
    size = file.stat().st_size
    if size == 0 or size != (expected.bytes or size):
        raise WrongBytesError(f"has {size} bytes instead of {expected.bytes}" if size else "is empty")
    sha256 = checksum(file)
    if expected.sha256 is not None:
        _compare("sha256", sha256, expected.sha256)
        return sha256, "sha256"
    if expected.md5 is not None:
        _compare("md5", checksum(file, "md5"), expected.md5)
    if record is None and expected.md5 is None:
        _require_kind(file, expected.file)
    if record is not None:
        sidecar = Record.beside(Path(expected.file))
        _compare("sha256", sha256, record.sha256, f" of the first copy (remove {sidecar} if this one is right)")
    return sha256, "md5" if expected.md5 is not None else "first fetch"


def _require_kind(file: Path, name: str) -> None:
    """Refuse a file without a known checksum that is clearly no archive, for instance a web page with an error."""
    ending = next((ending for ending in FIRST_BYTES if name.endswith(ending)), None)
    if ending is not None:
        offset, first = FIRST_BYTES[ending]
        with file.open("rb") as stream:
            stream.seek(offset)
            if stream.read(len(first)) != first:
                raise WrongBytesError(f"is no {ending} file")


def _compare(algorithm: str, found: str, wanted: str, advice: str = "") -> None:
    if found != wanted:
        raise WrongBytesError(f"has {algorithm} {found} instead of {wanted}{advice}")
