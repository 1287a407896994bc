"""Whether a file is the one that was published, and what is recorded of it where nobody published a checksum."""

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
    """A file that is there: size in bytes, checksum, the address it came from, and what it was checked against.

    Without an address it was put there by hand. `verified_by` "first fetch" is the recorded checksum of the first
    copy, where none is published.
    """

    file: str
    bytes: int
    sha256: str
    address: str | None
    verified_by: VerifiedBy


class WrongBytesError(Exception):
    """What a file is instead of the expected."""


@dataclass(frozen=True)
class Record:
    """What is known of the first copy of a file: its checksum, and the address it was downloaded from."""

    sha256: str
    source: str | None

    @staticmethod
    def beside(final: Path) -> Path:
        """Where the record of a file is kept."""
        return final.with_name(f"{final.name}.sha256")

    @classmethod
    def read(cls, final: Path, expected: RemoteFile) -> Record | None:
        """The record beside a file; what is no record matters only where the file is held to it."""
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
    """The sha256 of a file that is the expected one, and how that is known."""
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
    """Refuse what is plainly no archive, an error page say, where no checksum tells."""
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
