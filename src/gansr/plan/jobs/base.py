"""A job: everything on which its result depends, except the files that it reads; typed and checked.

A job is written as JSON with only the values that differ from their defaults, and Snakemake runs it again when this
text changes. So a new setting with a default makes no job run again.
"""

from __future__ import annotations

import json
from typing import Self, TypeVar

from gansr.canonical import canonical
from gansr.errors import UserError
from gansr.schema.loading import validate
from gansr.schema.section import Section

AnySection = TypeVar("AnySection", bound=Section)


def as_json(section: Section) -> str:
    """The values as canonical JSON, the same text for equal values; values that are the defaults are left out."""
    return canonical(section.model_dump(mode="json", exclude_defaults=True))


def read_section(section: type[AnySection], text: str, source: str) -> AnySection:
    """The values in a text that `as_json` wrote.

    Args:
        section: what the text holds.
        text: the JSON.
        source: where the text is from, for messages.

    Raises:
        UserError: the text is no JSON, or a key is missing, unknown or has a wrong value.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{source}: not JSON ({error}); copy the line from the step's log") from None
    if not isinstance(data, dict):
        raise UserError(f"{source}: no mapping; copy the line from the step's log")
    return validate(section, data, source)


class Job(Section):
    """What a job is asked for."""

    def to_json(self) -> str:
        """The job as JSON for the command line; the same text for equal jobs."""
        return as_json(self)

    @classmethod
    def from_json(cls, text: str, source: str = "--job") -> Self:
        """The job that the text asks for.

        Raises:
            UserError: see `read_section`.
        """
        return read_section(cls, text, source)
