"""How a method's learning rate changes over the iterations."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, NonNegativeInt, PositiveFloat, PositiveInt, Tag

from gansr.schema.section import Section


class MultiStep(Section):
    """The learning rate is multiplied by gamma at each milestone (an iteration); none: constant."""

    milestones: tuple[PositiveInt, ...] = ()
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5


class CosineRestarts(Section):
    """Equal periods, each a linear warm-up and half a cosine (training/schedule.py has the formula)."""

    periods: PositiveInt
    warmup: NonNegativeInt
    warmup_factor: Annotated[float, Field(ge=0, le=1)]
    minimum: PositiveFloat


def schedule_kind(given: Any) -> str:
    """The tag of the schedule that a mapping's keys belong to."""
    keys = given if isinstance(given, dict) else type(given).model_fields if isinstance(given, Section) else {}
    return "[cosine]" if set(keys) & set(CosineRestarts.model_fields) else "[multistep]"


# The tag of a branch stands in brackets, so that it is told apart from a key in an error's place.
Schedule = Annotated[
    Annotated[MultiStep, Tag("[multistep]")] | Annotated[CosineRestarts, Tag("[cosine]")],
    Discriminator(schedule_kind),
]
