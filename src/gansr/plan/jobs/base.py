"""A job: everything that its result depends on beside the files that it reads, typed and checked.

A job is written as the values that differ from their defaults, and what is written is the job's identity: a new
setting with a default makes nothing again.
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
    """The same text for equal values; those that are the defaults are left out."""
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
        """The same text for the same job: what the Snakefile hands to the command line."""
        return as_json(self)

    @classmethod
    def from_json(cls, text: str, source: str = "--job") -> Self:
        """The job that the text asks for.

        Raises:
            UserError: see `read_section`.
        """
        return read_section(cls, text, source)
