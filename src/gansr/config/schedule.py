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
    """The kind of schedule, [cosine] or [multistep], to which the keys of a mapping belong."""
    keys = given if isinstance(given, dict) else type(given).model_fields if isinstance(given, Section) else {}
    return "[cosine]" if set(keys) & set(CosineRestarts.model_fields) else "[multistep]"


# Tags have brackets: pydantic puts them into the path of an error, and schema.loading.one_line leaves them out there.
Schedule = Annotated[
    Annotated[MultiStep, Tag("[multistep]")] | Annotated[CosineRestarts, Tag("[cosine]")],
    Discriminator(schedule_kind),
]
