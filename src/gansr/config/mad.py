"""The patches whose SR is kept during fine-tuning, for the figures of MAD stability and artifact maps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag

from gansr.schema.section import Section

PatchType = Literal["A", "B", "C"]
PICKED_TYPES = ("A", "B", "C")  # with `patches: auto` one patch of each type is picked


class MadPatch(Section):
    """A patch whose SR output is kept during fine-tuning; coordinates in pixels of the HR image."""

    image: str
    top: NonNegativeInt
    left: NonNegativeInt
    size: PositiveInt
    type: PatchType


# Tags have brackets: pydantic puts them into the path of an error, and schema.loading.one_line leaves them out there.
MadPatches = Annotated[
    Annotated[Literal["auto"], Tag("[auto]")] | Annotated[list[MadPatch], Field(min_length=1), Tag("[list]")],
    Discriminator(lambda given: "[list]" if isinstance(given, list) else "[auto]"),
]


class Mad(Section):
    """The patches whose SR is kept every `interval` iterations, for the MAD stability curves (Fig. 4 of LDL)."""

    benchmark: str
    interval: PositiveInt
    size: PositiveInt = 96
    patches: MadPatches = "auto"

    @property
    def patch_types(self) -> list[str]:
        """The types of the patches, each once."""
        if self.patches == "auto":
            return list(PICKED_TYPES)
        return sorted({patch.type for patch in self.patches})
