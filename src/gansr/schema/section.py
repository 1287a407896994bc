"""The base class of every part of a config: an unknown key is an error that names the nearest valid key."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from gansr.errors import nearest


class Section(BaseModel):
    """A mapping in a config file whose keys are all known.

    `shorthands` are further keys that the class replaces by fields (in a validator of mode "before").
    """

    shorthands: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    advice = nearest(str(key), [*cls.model_fields, *cls.shorthands])
                    raise PydanticCustomError(
                        "unknown_key", 'unknown key "{key}"; {advice}', {"key": str(key), "advice": advice}
                    )
        return data
