"""Fetch an archive or a file of weights, and write a receipt: which file it was, from where, its checksum."""

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
    """Verify or download one of several equivalent files in `folder`, and write its receipt.

    If some of the files are already there, only these are tried; else the sources are tried in order.

    Args:
        title: what is fetched, for messages.
        sources: equivalent files, the preferred one first.
        by_hand: what a user can do instead.
        folder: where the files are kept.
        download: whether the network may be used.
        receipt: the JSON file to write: the file's name, size, sha256, the address that it came from, and what it was
            verified by.

    Raises:
        UserError: none of the files can be downloaded, or a file that is there is not the expected one.
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
    """The content of a receipt that `fetch` wrote.

    Raises:
        UserError: the file is no receipt.
    """
    try:
        receipt: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if not receipt["file"] or not receipt["sha256"]:
            raise ValueError("no file or checksum")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: not what fetch wrote ({error}); remove it and run again") from None
    return receipt
