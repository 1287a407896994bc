"""Files that others publish: downloaded once, resumed where they broke off, verified before they get their name.

FILE                 verified, or put there by hand
FILE.sha256          its checksum for `sha256sum -c`, and the address that it came from
.FILE.partial        what has arrived of a transfer
.FILE.partial.json   the address that this came from, and what tells whether the file there has changed since
.FILE.lock           owned by the process that transfers
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import requests
import urllib3

from gansr.atomic import write_text
from gansr.checksum import checksum
from gansr.config.remote_file import RemoteFile
from gansr.errors import UserError
from gansr.progress import Progress

logger = logging.getLogger("gansr")

CONNECT_TIMEOUT = 20.0  # seconds
READ_TIMEOUT = 60.0  # seconds of silence
ATTEMPTS = 4  # at one address, in a row
BACKOFF = 1.0  # seconds before the second attempt, twice that before the third
WORTHWHILE = 2**20  # an attempt that brings so many new bytes is not counted as failed
CHUNK = 2**20  # bytes
OVERLOADED = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that may be over soon
BY_HAND = "put there by hand"

VerifiedBy = Literal["sha256", "md5", "first fetch"]


@dataclass(frozen=True)
class Receipt:
    """A file that is there: its size in bytes, its checksum, where it came from, and what it was checked against.

    `verified_by` "first fetch" is the recorded checksum of the first copy, where none is published.
    """

    file: str
    bytes: int
    sha256: str
    source: str
    verified_by: VerifiedBy


class _TransferError(Exception):
    """Why an address does not give the file, and whether another attempt may."""

    def __init__(self, reason: str, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class _WrongBytesError(_TransferError):
    """What a file is instead of the expected."""


def obtain(expected: RemoteFile, folder: Path, download: bool = True) -> Receipt:
    """Have a published file in `folder`: the one that is there, or downloaded from the first mirror that gives it.

    Nothing unverified gets the file's name, and a file that is there is never overwritten. A download that
    breaks off, also by SIGKILL, is resumed by the next call; of two processes that download the same file,
    the second waits for the first.

    Raises:
        UserError: the file that is there is another one; it is not there and may not or cannot be
            downloaded; the disk is full or the folder cannot be written to.
    """
    final = folder / expected.file
    if os.path.lexists(final):
        return verify(expected, folder)
    by_hand = f"put {expected.file} into {folder}"
    if not expected.addresses:
        raise UserError(f"{final}: not there, and nothing tells where to download it; {expected.ask or by_hand}")
    if not download:
        raise UserError(f"{final}: not there; {by_hand} from {expected.addresses[0]}, or set download: true")
    with _disk_errors(final):
        folder.mkdir(parents=True, exist_ok=True)
        with _own(final):
            if not os.path.lexists(final):
                return _download(_Transfer(expected, folder))
    return verify(expected, folder)  # another process has downloaded it


def verify(expected: RemoteFile, folder: Path) -> Receipt:
    """Check that the file in `folder` is the expected one; without a published sha256 its own is recorded.

    Raises:
        UserError: the file is not there, is another one, or its checksum cannot be recorded.
    """
    final = folder / expected.file
    if not final.is_file():
        wrong = "not a file; move it away" if os.path.lexists(final) else "not there; put it there"
        raise UserError(f"{final}: {wrong} and run again")
    with _disk_errors(final):
        record = _Record.read(final, expected)
        try:
            sha256, verified_by = _identify(final, expected, record)
        except _WrongBytesError as error:
            raise UserError(f"{final}: {error}; move it away and run again") from None
        if record is None and expected.sha256 is None:
            with _own(final):
                _Record(sha256, None).write(final)
        same = record is not None and record.sha256 == sha256
        source = record.source if record is not None and same else None
        return Receipt(expected.file, final.stat().st_size, sha256, source or BY_HAND, verified_by)


@dataclass(frozen=True)
class _Record:
    """What is known of the first copy of a file: its checksum, and the address it was downloaded from."""

    sha256: str
    source: str | None

    @staticmethod
    def beside(final: Path) -> Path:
        return final.with_name(f"{final.name}.sha256")

    @classmethod
    def read(cls, final: Path, expected: RemoteFile) -> _Record | None:
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
        origin = f"# from {self.source}\n" if self.source else ""  # a comment to sha256sum
        write_text(self.beside(final), f"{origin}{self.sha256}  {final.name}\n")


def _identify(file: Path, expected: RemoteFile, record: _Record | None) -> tuple[str, VerifiedBy]:
    """The sha256 of a file that is the expected one, and how that is known."""
    size = file.stat().st_size
    if size == 0 or size != (expected.bytes or size):
        raise _WrongBytesError(f"has {size} bytes instead of {expected.bytes}" if size else "is empty")
    sha256 = checksum(file)
    if expected.sha256 is not None:
        _compare("sha256", sha256, expected.sha256)
        return sha256, "sha256"
    if expected.md5 is not None:
        _compare("md5", checksum(file, "md5"), expected.md5)
    if record is not None:
        sidecar = _Record.beside(Path(expected.file))
        _compare("sha256", sha256, record.sha256, f" of the first copy (remove {sidecar} if this one is right)")
    return sha256, "md5" if expected.md5 is not None else "first fetch"


def _compare(algorithm: str, found: str, wanted: str, advice: str = "") -> None:
    if found != wanted:
        raise _WrongBytesError(f"has {algorithm} {found} instead of {wanted}{advice}")


class _Transfer:
    """What has arrived of a file, in `folder` under a hidden name, and from which address."""

    def __init__(self, expected: RemoteFile, folder: Path) -> None:
        self.expected, self.folder = expected, folder
        self.final = folder / expected.file
        self.partial = folder / f".{expected.file}.partial"
        self.origin = folder / f".{expected.file}.partial.json"
        self.record = _Record.read(self.final, expected)
        self.verifiable = bool(expected.sha256 or expected.md5 or self.record)

    @property
    def size(self) -> int:
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def discard(self) -> None:
        self.partial.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)

    def require_room(self, total: int) -> None:
        missing, free = total - self.size, shutil.disk_usage(self.folder).free
        if missing > free:
            raise UserError(
                f"{self.folder}: {missing} bytes are needed for {self.expected.file} and {free} are free; make room"
            )

    def receive(self, address: str) -> bool:
        """Let the rest arrive from an address; tells whether all was sent at once."""
        have = self._resumable_from(address)
        if have and have == self.expected.bytes:
            return False
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", **self._if_unchanged(address)}
        with _response(address, headers) as response:
            if response.status_code == 416 and response.headers.get("Content-Range", "") == f"bytes */{have}":
                return False  # what is there is the whole file
            start, total = self._offered(response, have)
            if start == 0:
                self._begin(address, response.headers)
            self._append(response, total)
        if total is not None and self.size < total:
            raise _TransferError(f"broke off after {self.size} of {total} bytes", again=True)
        return start == 0

    def _resumable_from(self, address: str) -> int:
        """How many bytes need not be sent again.

        Those of another mirror or of an unknown version are kept only where a checksum tells what comes of it.
        """
        have = self.size
        if have > (self.expected.bytes or have):
            return 0
        return have if self.verifiable or self._if_unchanged(address) else 0

    def _if_unchanged(self, address: str) -> dict[str, str]:
        """The condition under which an address sends the rest of what it has sent before."""
        try:
            origin = json.loads(self.origin.read_text(encoding="utf-8"))
            same, version = origin["address"] == address, str(origin["version"])
        except (OSError, ValueError, KeyError, TypeError):  # lost with the machine
            return {}
        return {"If-Range": version} if same and version else {}

    def _offered(self, response: Any, have: int) -> tuple[int, int | None]:
        """Where in the file the body of a response starts, and the size of the file if known."""
        status, headers, published = response.status_code, response.headers, self.expected.bytes
        if status == 206 or (status == 416 and have):
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
            if span is None or int(span[1]) != have or self._has_changed(response):
                self.discard()
                raise _TransferError(f"sends another range than asked for (HTTP {status})", again=True)
            start: int = have
            total: int | None = int(span[2])
        elif status == 200:
            length = headers.get("Content-Length", "")
            start, total = 0, int(length) if length.isdecimal() else None
        else:
            raise _TransferError(f"HTTP {status}", again=status in OVERLOADED)
        if total is not None and total != (published or total):
            raise _TransferError(f"has {total} bytes instead of {published}")
        self._refuse_what_cannot_be_the_file(headers, published or total)
        return start, published or total

    def _has_changed(self, response: Any) -> bool:
        """Whether a server sends the rest of another version, though asked not to."""
        asked, sent = response.request.headers.get("If-Range", ""), response.headers.get("ETag", "")
        return asked.startswith('"') and sent.startswith('"') and asked != sent

    def _refuse_what_cannot_be_the_file(self, headers: Any, total: int | None) -> None:
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml") and not (self.expected.sha256 or self.expected.md5):
            raise _TransferError("sends a web page instead of the file")
        encoding = headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity" and not self.expected.file.endswith((".gz", ".tgz")):  # of those it is the content
            raise _TransferError(f"sends the file encoded with {encoding}, though asked not to")
        if total is None and not self.verifiable and "Transfer-Encoding" not in headers:
            raise _TransferError("tells no length, without which half a file looks like a whole one")

    def _begin(self, address: str, headers: Any) -> None:
        self.partial.write_bytes(b"")  # before the bytes of another version could be taken for this one's
        write_text(self.origin, json.dumps({"address": address, "version": _version(headers)}))

    def _append(self, response: Any, total: int | None) -> None:
        if total is not None:
            self.require_room(total)
        with self.partial.open("ab") as stream:
            counter = Progress(f"download {self.expected.file}", total, start=self.size, unit="B")
            try:
                for chunk in _body(response):
                    stream.write(chunk)
                    counter.advance(steps=len(chunk))
                    if total is not None and counter.done > total:
                        raise _WrongBytesError(f"sends more than {total} bytes")
            finally:
                counter.close()

    def finish(self, address: str) -> Receipt:
        """Verify what has arrived and give it its name; wrong bytes are removed."""
        try:
            sha256, verified_by = _identify(self.partial, self.expected, self.record)
        except _WrongBytesError:
            self.discard()
            raise
        if os.path.lexists(self.final):
            raise UserError(f"{self.final}: was put there while it was downloaded; run again to use it")
        with self.partial.open("rb") as stream:
            os.fsync(stream.fileno())
        size = self.size
        if self.record is not None or not _Record.beside(self.final).exists():
            _Record(sha256, address).write(self.final)
        self.partial.rename(self.final)
        self.discard()
        return Receipt(self.expected.file, size, sha256, address, verified_by)


def _version(headers: Any) -> str:
    """What a server can be asked to compare before it sends the rest: a strong ETag, or a date."""
    etag = str(headers.get("ETag", ""))
    return etag if etag.startswith('"') else str(headers.get("Last-Modified", ""))


def _download(transfer: _Transfer) -> Receipt:
    """The file from the first mirror that gives it."""
    expected = transfer.expected
    if expected.bytes is not None:
        transfer.require_room(expected.bytes)
    failures = []
    for address in expected.addresses:
        try:
            return _download_from(address, transfer)
        except _TransferError as error:
            logger.info("%s: %s", address, error)
            failures.append(f"{address} ({error})")
    raise UserError(
        f"{transfer.final}: cannot be downloaded: {', '.join(failures)}; run again later, or put {expected.file} "
        f"into {transfer.folder} by hand"
    )


def _download_from(address: str, transfer: _Transfer, anew: bool = False) -> Receipt:
    """The file from one mirror; when the parts of several transfers do not fit together, once more as a whole."""
    at_once = _receive_in_attempts(address, transfer)
    try:
        return transfer.finish(address)
    except _WrongBytesError as error:
        if at_once or anew:
            raise
        logger.info("%s: %s; downloading it once more from its start", address, error)
    return _download_from(address, transfer, anew=True)


def _receive_in_attempts(address: str, transfer: _Transfer) -> bool:
    failed, most = 0, transfer.size
    while True:
        try:
            return transfer.receive(address)
        except _WrongBytesError:
            transfer.discard()
            raise
        except _TransferError as error:
            failed = 1 if transfer.size >= most + WORTHWHILE else failed + 1
            most = max(most, transfer.size)
            if not error.again or failed >= ATTEMPTS:
                raise
            logger.info("%s: %s; trying again", address, error)
            time.sleep(BACKOFF * 2 ** (failed - 1))


@contextmanager
def _response(address: str, headers: dict[str, str]) -> Iterator[Any]:
    """The head of a response; the body is still to come."""
    try:
        response: Any = requests.get(address, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    except requests.exceptions.SSLError as error:
        raise _TransferError(_reason(error)) from None
    except requests.RequestException as error:
        passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        raise _TransferError(_reason(error), again=isinstance(error, passing)) from None
    with response:
        yield response


def _body(response: Any) -> Iterator[bytes]:
    """The body as it arrives, in the bytes that were sent: requests would decode them."""
    try:
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        raise _TransferError(f"broke off: {_reason(error)}", again=True) from None


def _reason(error: BaseException) -> str:
    """One phrase: the innermost error, which is mostly the operating system's."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} s"
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return f"silent for {READ_TIMEOUT:g} s"
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


@contextmanager
def _own(final: Path) -> Iterator[None]:
    """Be the only process that works on a file; the lock is the kernel's and ends with its holder."""
    lock, waiting = final.parent / f".{final.name}.lock", False
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waiting:
                    logger.info("%s: waiting for another process that downloads it", final)
                waiting = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is_open_as(lock, descriptor):
                continue  # its last owner has removed it
            try:
                yield
                return
            finally:
                lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _is_open_as(file: Path, descriptor: int) -> bool:
    try:
        return file.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


@contextmanager
def _disk_errors(final: Path) -> Iterator[None]:
    """What the operating system says of the disk, as a user's error."""
    folder = final.parent
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"{folder}: the disk is full; make room and run again, {final.name} goes on where it stopped"
            ) from None
        raise UserError(
            f"{folder}: {final.name} cannot be kept there ({error.strerror}); make it writable or choose another folder"
        ) from None
