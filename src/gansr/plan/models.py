"""The models of a run as planned: trained, released by others, or interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gansr.config.method import Method
from gansr.config.model import slug


@dataclass(frozen=True)
class PlannedModel:
    """A model of the run; `spec` is everything that its weights depend on, input files aside."""

    name: str
    generator: str
    spec: dict[str, Any]

    @property
    def slug(self) -> str:
        """The name of the model's folders."""
        return slug(self.name)


@dataclass(frozen=True)
class TrainedModel(PlannedModel):
    """A model that a method trains."""

    method_name: str
    method: Method
    has_variants: bool
    overridden: dict[str, Any]  # keys of the method file, as a.b.c, that the run gives other values
    dataset: str
    start: str | None
    seed: int


@dataclass(frozen=True)
class InterpolatedModel(PlannedModel):
    """A model whose weights lie between those of two others."""

    between: tuple[str, str]
    alpha: float


@dataclass(frozen=True)
class ReleasedModel(PlannedModel):
    """A model whose weights others have released; `weights` is their name in weights.yaml."""

    weights: str
