"""The patches whose SR is kept during fine-tuning, which the figures of stability are of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag

from gansr.schema.section import Section

PatchType = Literal["A", "B", "C"]
PICKED_TYPES = ("A", "B", "C")  # one patch of each, where they are picked


class MadPatch(Section):
    """A patch whose SR output is kept during fine-tuning; coordinates in pixels of the HR image."""

    image: str
    top: NonNegativeInt
    left: NonNegativeInt
    size: PositiveInt
    type: PatchType


# The tag of a branch stands in brackets, so that it is told apart from a key in an error's place.
MadPatches = Annotated[
    Annotated[Literal["auto"], Tag("[auto]")] | Annotated[list[MadPatch], Field(min_length=1), Tag("[list]")],
    Discriminator(lambda given: "[list]" if isinstance(given, list) else "[auto]"),
]


class Mad(Section):
    """What the MAD stability curves (Fig. 4 of LDL) are made from."""

    benchmark: str
    interval: PositiveInt
    size: PositiveInt = 96
    patches: MadPatches = "auto"

    @property
    def patch_types(self) -> list[str]:
        """The types that the patches are of."""
        if self.patches == "auto":
            return list(PICKED_TYPES)
        return sorted({patch.type for patch in self.patches})
