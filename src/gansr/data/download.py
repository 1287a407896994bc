"""Download published files once, resume a download that broke off, and verify a file before it gets its final name.

Files in the folder, for a published file FILE:

FILE                 the file, verified, or put there by hand
FILE.sha256          its checksum for `sha256sum -c`, and the address that it came from
.FILE.partial        the bytes received so far (transfer.py)
.FILE.lock           locked by the process that downloads
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gansr.config.remote_file import RemoteFile
from gansr.data.transfer import Transfer, TransferError
from gansr.data.verification import Receipt, Record, WrongBytesError, identify
from gansr.errors import UserError

logger = logging.getLogger("gansr")

ATTEMPTS = 4  # failed attempts in a row at one address, then the next address is tried
BACKOFF = 1.0  # seconds before the second attempt, doubled before each further one
WORTHWHILE = 2**20  # bytes: an attempt that receives at least so many new ones starts the count of failures again


def obtain(expected: RemoteFile, folder: Path, download: bool = True) -> Receipt:
    """Verify a published file in `folder`, or download it there from the first mirror that works.

    A file gets its final name only after it is verified, and an existing file is never overwritten. A download that
    broke off, also by SIGKILL, is resumed by the next call. If two processes download the same file, the second waits
    for the first.

    Raises:
        UserError: the existing file is not the published one; it does not exist and may not or cannot be downloaded;
            the disk is full or the folder cannot be written to.
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
                return _download(Transfer(expected, folder))
    return verify(expected, folder)  # another process has downloaded it


def verify(expected: RemoteFile, folder: Path) -> Receipt:
    """Check that the file in `folder` is the expected one; if no sha256 is published, record that of this file.

    Raises:
        UserError: the file is not there, is another one, or its checksum cannot be recorded.
    """
    final = folder / expected.file
    if not final.is_file():
        wrong = "not a file; move it away" if os.path.lexists(final) else "not there; put it there"
        raise UserError(f"{final}: {wrong} and run again")
    with _disk_errors(final):
        record = Record.read(final, expected)
        try:
            sha256, verified_by = identify(final, expected, record)
        except WrongBytesError as error:
            raise UserError(f"{final}: {error}; move it away and run again") from None
        if record is None and expected.sha256 is None:
            with _own(final):
                Record(sha256, None).write(final)
        same = record is not None and record.sha256 == sha256
        source = record.source if record is not None and same else None
        return Receipt(expected.file, final.stat().st_size, sha256, source, verified_by)


def _download(transfer: Transfer) -> Receipt:
    """Download the file from the first mirror that works."""
    expected = transfer.expected
    if expected.bytes is not None:
        transfer.require_room(expected.bytes)
    failures = []
    for address in expected.addresses:
        try:
            return _download_from(address, transfer)
        except (TransferError, WrongBytesError) as error:
            logger.info("%s: %s", address, error)
            failures.append(f"{address} ({error})")
    raise UserError(
        f"{transfer.final}: cannot be downloaded: {', '.join(failures)}; run again later, or put {expected.file} "
        f"into {transfer.folder} by hand"
    )


def _download_from(address: str, transfer: Transfer, anew: bool = False) -> Receipt:
    """Download the file from one mirror.

    If it was put together from several transfers and its checksum is wrong, it is downloaded once more as a whole.
    """
    at_once = _receive_in_attempts(address, transfer)
    try:
        return transfer.finish(address)
    except WrongBytesError as error:
        if at_once or anew:
            raise
        logger.info("%s: %s; downloading it once more from its start", address, error)
    return _download_from(address, transfer, anew=True)


def _receive_in_attempts(address: str, transfer: Transfer) -> bool:
    failed, most = 0, transfer.size
    while True:
        try:
            return transfer.receive(address)
        except WrongBytesError:
            transfer.discard()
            raise
        except TransferError as error:
            failed = 1 if transfer.size >= most + WORTHWHILE else failed + 1
            most = max(most, transfer.size)
            if not error.again or failed >= ATTEMPTS:
                raise
            logger.info("%s: %s; trying again", address, error)
            time.sleep(BACKOFF * 2 ** (failed - 1))


@contextmanager
def _own(final: Path) -> Iterator[None]:
    """Lock a file, so that one process at a time downloads it; the kernel frees the lock when its process ends."""
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
                continue  # the process that held it has deleted the lock file meanwhile: make a new one
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
    """Turn the operating system's errors about the disk into UserErrors."""
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
