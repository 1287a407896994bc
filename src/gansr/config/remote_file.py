"""A file that others publish: where from, and what it must be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from gansr.schema.section import Section

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]

Md5 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class RemoteFile(Section):
    """One published file.

    `addresses` are mirrors of the same bytes, in order of preference; without any, `ask` says where a user
    gets the file. Of the checksums those are given that somebody has published; where there is none, the
    checksum of the first copy is recorded beside it and held to.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    addresses: tuple[Address, ...] = ()
    bytes: PositiveInt | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    md5: Md5 | None = None
    ask: str = ""
