"""Extract images from an archive that others have made, which may be broken or malicious."""

from __future__ import annotations

import errno
import fnmatch
import gzip
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

from gansr.errors import UserError
from gansr.progress import Progress

CHUNK = 2**20  # bytes
LONGEST_HEADER = 2**20  # bytes of a tar's extended header
READ_AT_ONCE = {  # extended headers, which tarfile reads into memory as a whole, so that their size is limited here
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}
FEW = 5  # names in a message, at most
READ_ERRORS = (  # what the libraries raise for broken or malicious archives
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
)


class _ArchiveError(Exception):
    """What is wrong with an archive, and what to do about it."""


def unpack(archive: Path, pattern: str, folder: Path) -> list[Path]:
    """Extract the files of a zip, tar or tar.gz whose paths match a pattern into a folder without subfolders.

    `*` stands for any part of one file's or folder's name and `**` for any number of folders, also none. Upper and
    lower case are not distinguished, and hidden files are left out. The new name of a file is its path below the
    folders that the pattern gives literally, with "_" for "/": with the pattern `OST/*/*.png`, `OST/animal/0001.png`
    becomes `animal_0001.png`.

    A tar is read once from start to end. Memory: the list of members, and 1 MB for any size of the files. All files
    appear together when the last one is complete; after an error there are none.

    Args:
        archive: zip, tar or tar.gz, recognised by its content.
        pattern: for paths in the archive.
        folder: an existing folder.

    Returns:
        The new files, sorted.

    Raises:
        UserError: the archive is broken, encrypted or of another kind; it holds a path that leads elsewhere, a
            link or device that matches, two files that get one name, none that matches, or more than a file
            declares or the disk takes; a file of that name is there already.
    """
    selection = _Selection(pattern)
    with _user_errors(archive, folder), tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as staging:
        _extract(archive, selection, Path(staging))
        names = sorted(selection.chosen)
        for name in names:
            if os.path.lexists(folder / name):
                raise UserError(f"{folder / name}: is there already; move it away and run again")
        for name in names:
            Path(staging, name).rename(folder / name)
        return [folder / name for name in names]


@dataclass(frozen=True)
class _Member:
    path: str
    size: int  # bytes that it declares
    kind: Literal["file", "folder", "link or device"]
    open: Callable[[], IO[bytes]]


class _Selection:
    """Which members are extracted, and under which names."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.wanted = [part for part in pattern.casefold().split("/") if part not in ("", ".")]
        plain = [not re.search(r"[*?\[]", part) for part in self.wanted[:-1]]
        self.depth = plain.index(False) if False in plain else len(plain)
        self.chosen: dict[str, str] = {}
        self.others: dict[str, str] = {}  # for an error message: some files that do not match, one of each folder

    def name_of(self, member: _Member) -> str | None:
        """The new name of a member that matches.

        Raises:
            _ArchiveError: its path leads out of the archive, matching or not; or it matches and is no plain file.
        """
        path = member.path.replace("\\", "/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if path.startswith("/") or re.match("[A-Za-z]:/", path) or ".." in parts:
            raise _ArchiveError(f"holds {_shown(path)}, a path that leads out of it; do not use it, get another copy")
        if member.kind == "folder" or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            return None
        if not self._matches(parts):
            if len(self.others) < FEW:
                self.others.setdefault("/".join(parts[:-1]), _shown("/".join(parts)))
            return None
        if member.kind != "file":
            raise _ArchiveError(f"{_shown(path)} in it is a {member.kind}; get a copy that holds the file itself")
        return "_".join(parts[self.depth :])

    def _matches(self, parts: list[str]) -> bool:
        return _match([part.casefold() for part in parts], self.wanted)

    def choose(self, member: _Member) -> str | None:
        """The new name of a member that matches; an error if another member has got this name."""
        name = self.name_of(member)
        if name is not None:
            if name in self.chosen:
                both = f"{_shown(self.chosen[name])} and {_shown(member.path)}"
                raise _ArchiveError(f"{both} would both be {_shown(name)}; give a pattern that only one matches")
            self.chosen[name] = member.path
        return name


def _match(parts: list[str], wanted: list[str]) -> bool:
    """Whether a path matches a pattern, both in parts."""
    if not parts or not wanted:
        return not parts and not wanted
    if wanted[0] == "**":
        return _match(parts, wanted[1:]) or _match(parts[1:], wanted)
    return fnmatch.fnmatchcase(parts[0], wanted[0]) and _match(parts[1:], wanted[1:])


def _shown(name: str) -> str:
    """A name that can be printed: bytes that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def _extract(archive: Path, selection: _Selection, staging: Path) -> None:
    with archive.open("rb") as raw:
        counter = Progress(f"unpack {archive.name}", archive.stat().st_size, unit="B")
        try:
            for member in _members(raw, selection, staging):
                name = selection.choose(member)
                if name is not None:
                    _write(member, staging / name)
                counter.advance(steps=max(raw.tell() - counter.done, 0))
        finally:
            counter.close()
    if not selection.chosen:
        held = ", ".join(selection.others.values()) or "nothing"
        raise _ArchiveError(f'no file matches "{selection.pattern}", there is for instance {held}; correct the pattern')


def _write(member: _Member, file: Path) -> None:
    _require_room(member.size, file.parent)
    written = 0
    with member.open() as source, file.open("xb") as stream:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            stream.write(chunk)
    if written != member.size:
        raise _ArchiveError(f"{_shown(member.path)} in it is not of the size that it declares; get another copy")


def _require_room(size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise _ArchiveError(f"{size} bytes are needed to unpack it and {free} are free; make room in {folder.parent}")


def _members(raw: BinaryIO, selection: _Selection, staging: Path) -> Iterator[_Member]:
    """The members of a zip, tar or tar.gz; each must be read before the next one is asked for."""
    head = raw.read(tarfile.BLOCKSIZE)
    raw.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip_members(raw, selection, staging)
    elif head.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=raw) as unzipped:
            yield from _tar_members(unzipped)
            while unzipped.read(CHUNK):  # read to the end, where gzip compares its checksum
                continue
    elif _is_tar(head):
        yield from _tar_members(raw)
    else:
        raise _ArchiveError("no zip, tar or tar.gz, perhaps a web page or another kind of archive; replace it by one")


def _zip_members(raw: BinaryIO, selection: _Selection, staging: Path) -> Iterator[_Member]:
    """The members of a zip, whose list is checked as a whole before the first one is extracted."""
    with zipfile.ZipFile(raw) as opened:
        members = [_zip_member(opened, info) for info in opened.infolist()]
        _require_room(sum(member.size for member in members if selection.name_of(member) is not None), staging)
        yield from members


def _zip_member(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    unix_kind = stat.S_IFMT(info.external_attr >> 16)
    kind: Literal["file", "folder", "link or device"] = "file" if unix_kind in (0, stat.S_IFREG) else "link or device"
    if unix_kind == stat.S_IFDIR or info.filename.endswith(("/", "\\")):
        kind = "folder"
    return _Member(info.filename, info.file_size, kind, partial(_open_zipped, opened, info))


def _open_zipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.flag_bits & 1:
        raise _ArchiveError(f"{_shown(info.filename)} in it is encrypted; unpack it by hand, or get another copy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others take memory without bounds
        raise _ArchiveError(f"{_shown(info.filename)} in it is neither stored nor deflated; pack it anew with zip")
    return opened.open(info)


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _StrictHeader(tarfile.TarInfo):
    """A tar header that raises an error if it is broken.

    tarfile itself takes a broken header for the end of the archive; here only a block of zeros ends it.
    """

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> _StrictHeader:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise
            raise tarfile.ReadError(str(error)) from None
        if header.type in READ_AT_ONCE and header.size > LONGEST_HEADER:
            raise tarfile.ReadError("extended header too long")
        return header


class _Stream:
    """A stream that raises EOFError at its end.

    Otherwise tarfile would try to skip a member of any declared size beyond the end, in an endless loop.
    """

    def __init__(self, stream: BinaryIO | gzip.GzipFile) -> None:
        self.stream = stream

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        if not content:
            raise EOFError
        return content


def _tar_members(stream: BinaryIO | gzip.GzipFile) -> Iterator[_Member]:
    bounded: Any = _Stream(stream)  # tarfile's types ask for more than it uses
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_StrictHeader) as opened:
        for info in opened:
            kind: Literal["file", "folder", "link or device"] = "file" if info.isreg() else "link or device"
            if info.isdir():
                kind = "folder"
            yield _Member(info.name, info.size, kind, partial(_open_tarred, opened, info))


def _open_tarred(opened: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(info)
    assert stream is not None  # it is a file
    return stream


@contextmanager
def _user_errors(archive: Path, folder: Path) -> Iterator[None]:
    """Turn errors of the archive or the disk into UserErrors."""
    try:
        yield
    except _ArchiveError as error:
        raise UserError(f"{archive}: {error}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{archive}: the disk is full; make room in {folder} and run again") from None
        if error.strerror is not None:
            raise UserError(f"{archive}: cannot be unpacked into {folder} ({error.strerror}); correct that") from None
        raise _broken(archive, error) from None  # gzip's
    except READ_ERRORS as error:
        raise _broken(archive, error) from None


def _broken(archive: Path, error: Exception) -> UserError:
    reason = str(error) or "it ends too early"
    return UserError(f"{archive}: broken or cut short ({reason}); move it away and run again")
