"""A file that others publish: its addresses and checksums."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from gansr.schema.section import Section

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]

Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class RemoteFile(Section):
    """One published file.

    `addresses` are mirrors of the same bytes, in order of preference; without any, `ask` says where a user gets the
    file. `sha256` and `md5` are given where somebody has published them. Where neither is given, the checksum of the
    first copy is recorded beside the file, and later copies must have the same.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    addresses: tuple[Address, ...] = ()
    bytes: PositiveInt | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    md5: Md5 | None = None
    ask: str = ""
