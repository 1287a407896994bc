"""What a run fetched: an archive or a file of weights, verified, and the receipt that says which it was."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gansr.atomic import write_text
from gansr.config.remote_file import RemoteFile
from gansr.data.download import obtain
from gansr.errors import UserError

logger = logging.getLogger("gansr")


def fetch(title: str, sources: Sequence[RemoteFile], by_hand: str, folder: Path, download: bool, receipt: Path) -> None:
    """Have one of several files in `folder`, verified, and write down which, and where it came from.

    A file that is there already is preferred; then each source is tried in order.

    Args:
        title: what is fetched, for messages.
        sources: equivalent files, the preferred one first.
        by_hand: what a user can do instead.
        folder: where the files are kept.
        download: whether the network may be used.
        receipt: a JSON file, written when the file is there: its name, the address it came from, size, sha256,
            and what it was verified by.

    Raises:
        UserError: no file can be had, or one that is there is not the expected one.
    """
    put_there = [source for source in sources if (folder / source.file).exists()]
    failures = []
    for source in put_there or sources:
        try:
            got = obtain(source, folder, download)
        except UserError as error:
            failures.append(str(error))
            continue
        write_text(receipt, json.dumps(asdict(got), indent=1) + "\n")
        logger.info("%s: %s, %d bytes, sha256 %s", title, got.file, got.bytes, got.sha256)
        return
    if not sources:
        raise UserError(f"{title}: cannot be downloaded; {by_hand}")
    otherwise = f"; or {by_hand}" if by_hand and not put_there else ""
    raise UserError(f"{title}: {'; '.join(failures)}{otherwise}")


def read_receipt(file: Path) -> dict[str, Any]:
    """What `fetch` wrote.

    Raises:
        UserError: it is something else.
    """
    try:
        receipt: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if not receipt["file"] or not receipt["sha256"]:
            raise ValueError("no file or checksum")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: not what fetch wrote ({error}); remove it and run again") from None
    return receipt
