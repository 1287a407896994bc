"""How fast one GPU trains each generator network: stated rates, from which GPU hours are estimated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveFloat, field_validator

from gansr.errors import nearest
from gansr.schema import plugins
from gansr.schema.loading import read_yaml, validate
from gansr.schema.section import Section

Text = Annotated[str, Field(min_length=1)]


class Rate(Section):
    """The sustained rate of one GPU that trains one network, in TFLOP/s, and where it is from."""

    tflops: PositiveFloat
    source: Text


class Rates(Section):
    """The content of config/rates.yaml: the rates of one kind of GPU, by the name of the generator network."""

    gpu: Text
    rates: dict[str, Rate]

    @field_validator("rates")
    @classmethod
    def _of_known_networks(cls, rates: dict[str, Rate]) -> dict[str, Rate]:
        known = plugins.names("generator")
        for name in rates:
            if name not in known:
                raise ValueError(f'unknown generator network "{name}"; {nearest(name, known)}')
        return rates


def load_rates(file: Path) -> Rates:
    """The rates that config/rates.yaml states.

    Raises:
        UserError: the file is missing or wrong.
    """
    return validate(Rates, read_yaml(file), str(file))
