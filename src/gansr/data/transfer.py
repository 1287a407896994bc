"""The transfer of one file from an address into a folder, in one or more attempts.

.FILE.partial        the bytes received so far
.FILE.partial.json   the address that they came from, and the file's version there (ETag or date of change)
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import urllib3

from gansr.atomic import write_text
from gansr.config.remote_file import RemoteFile
from gansr.data.verification import Receipt, Record, WrongBytesError, identify
from gansr.errors import UserError
from gansr.progress import Progress

CONNECT_TIMEOUT = 20.0  # seconds
READ_TIMEOUT = 60.0  # seconds of silence
CHUNK = 2**20  # bytes
OVERLOADED = {408, 425, 429, 500, 502, 503, 504}  # HTTP states after which another attempt may succeed


class TransferError(Exception):
    """Why a transfer failed; `again` says whether another attempt may succeed."""

    def __init__(self, reason: str, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


class Transfer:
    """The bytes of a file received so far, in `folder` under a hidden name, and the address that they came from."""

    def __init__(self, expected: RemoteFile, folder: Path) -> None:
        self.expected, self.folder = expected, folder
        self.final = folder / expected.file
        self.partial = folder / f".{expected.file}.partial"
        self.origin = folder / f".{expected.file}.partial.json"
        self.record = Record.read(self.final, expected)
        self.verifiable = bool(expected.sha256 or expected.md5 or self.record)

    @property
    def size(self) -> int:
        """Number of bytes received so far."""
        return self.partial.stat().st_size if self.partial.is_file() else 0

    def discard(self) -> None:
        """Delete the bytes received so far."""
        self.partial.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)

    def require_room(self, total: int) -> None:
        """Raise UserError if the disk has no room for the rest of a file of `total` bytes."""
        missing, free = total - self.size, shutil.disk_usage(self.folder).free
        if missing > free:
            raise UserError(
                f"{self.folder}: {missing} bytes are needed for {self.expected.file} and {free} are free; make room"
            )

    def receive(self, address: str) -> bool:
        """Receive the rest of the file from an address; returns whether the whole file came in this one transfer."""
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
            raise TransferError(f"broke off after {self.size} of {total} bytes", again=True)
        return start == 0

    def _resumable_from(self, address: str) -> int:
        """How many bytes need not be sent again.

        Bytes from another mirror or of an unknown version are kept only if a checksum is known, by which the whole file
        can be verified.
        """
        have = self.size
        if have > (self.expected.bytes or have):
            return 0
        return have if self.verifiable or self._if_unchanged(address) else 0

    def _if_unchanged(self, address: str) -> dict[str, str]:
        """The HTTP header If-Range, so that the server sends only the rest if its file has not changed since.

        Empty where the bytes are from another address, or the version is unknown.
        """
        try:
            origin = json.loads(self.origin.read_text(encoding="utf-8"))
            same, version = origin["address"] == address, str(origin["version"])
        except (OSError, ValueError, KeyError, TypeError):  # missing or damaged, after a power failure for instance
            return {}
        return {"If-Range": version} if same and version else {}

    def _offered(self, response: Any, have: int) -> tuple[int, int | None]:
        """Where in the file the body of a response starts, and the size of the file if known."""
        status, headers, published = response.status_code, response.headers, self.expected.bytes
        if status == 206 or (status == 416 and have):
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
            if span is None or int(span[1]) != have or self._has_changed(response):
                self.discard()
                raise TransferError(f"sends another range than asked for (HTTP {status})", again=True)
            start: int = have
            total: int | None = int(span[2])
        elif status == 200:
            length = headers.get("Content-Length", "")
            start, total = 0, int(length) if length.isdecimal() else None
        else:
            raise TransferError(f"HTTP {status}", again=status in OVERLOADED)
        if total is not None and total != (published or total):
            raise TransferError(f"has {total} bytes instead of {published}")
        self._refuse_what_cannot_be_the_file(headers, published or total)
        return start, published or total

    def _has_changed(self, response: Any) -> bool:
        """Whether a server ignores If-Range and sends the rest of another version."""
        asked, sent = response.request.headers.get("If-Range", ""), _version(response.headers)
        return bool(asked and sent) and asked != sent

    def _refuse_what_cannot_be_the_file(self, headers: Any, total: int | None) -> None:
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml") and not (self.expected.sha256 or self.expected.md5):
            raise TransferError("sends a web page instead of the file")
        encoding = headers.get("Content-Encoding", "identity").lower()
        # for .gz files some servers name the file's own compression as the encoding
        if encoding != "identity" and not self.expected.file.endswith((".gz", ".tgz")):
            raise TransferError(f"sends the file encoded with {encoding}, though asked not to")
        if total is None and not self.verifiable and "Transfer-Encoding" not in headers:
            raise TransferError("tells no length, without which half a file looks like a whole one")

    def _begin(self, address: str, headers: Any) -> None:
        self.partial.write_bytes(b"")  # first: old bytes must not be taken for those of the version written next
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
                        raise WrongBytesError(f"sends more than {total} bytes")
            finally:
                counter.close()

    def finish(self, address: str) -> Receipt:
        """Verify the received file and give it its final name; if it is wrong, delete it."""
        try:
            sha256, verified_by = identify(self.partial, self.expected, self.record)
        except WrongBytesError:
            self.discard()
            raise
        if os.path.lexists(self.final):
            raise UserError(f"{self.final}: was put there while it was downloaded; run again to use it")
        with self.partial.open("rb") as stream:
            os.fsync(stream.fileno())
        size = self.size
        if self.record is not None or not Record.beside(self.final).exists():
            Record(sha256, address).write(self.final)
        self.partial.rename(self.final)
        self.discard()
        return Receipt(self.expected.file, size, sha256, address, verified_by)


def _version(headers: Any) -> str:
    """What identifies the file's version for If-Range: a strong ETag, or else the date of its last change."""
    etag = str(headers.get("ETag", ""))
    return etag if etag.startswith('"') else str(headers.get("Last-Modified", ""))


@contextmanager
def _response(address: str, headers: dict[str, str]) -> Iterator[Any]:
    """A response whose head has been received and whose body is still to be read."""
    try:
        response: Any = requests.get(address, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))
    except requests.exceptions.SSLError as error:
        raise TransferError(_reason(error)) from None
    except (urllib3.exceptions.HTTPError, UnicodeError) as error:  # the address is invalid
        raise TransferError(_reason(error)) from None
    except requests.RequestException as error:
        passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
        raise TransferError(_reason(error), again=isinstance(error, passing)) from None
    with response:
        yield response


def _body(response: Any) -> Iterator[bytes]:
    """The body, chunk by chunk, as it was sent: requests itself would decode a Content-Encoding."""
    try:
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        raise TransferError(f"broke off: {_reason(error)}", again=True) from None


def _reason(error: BaseException) -> str:
    """A short message: that of the innermost error, mostly the operating system's."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} s"
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
        return f"silent for {READ_TIMEOUT:g} s"
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
