"""The models of a run: trained, released by others, or interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gansr.config.method import Method
from gansr.config.model import slug
from gansr.plan.jobs.train import AdoptJob, InterpolateJob, TrainJob


@dataclass(frozen=True)
class PlannedModel:
    """A model of the run; `job` holds everything on which its weights depend, except input files."""

    name: str
    generator: str
    job: TrainJob | InterpolateJob | AdoptJob

    @property
    def slug(self) -> str:
        """The name of the model's folders."""
        return slug(self.name)

    @property
    def network_options(self) -> dict[str, Any]:
        """All options of its generator, with the network's name under `network`."""
        return self.job.generator


@dataclass(frozen=True)
class TrainedModel(PlannedModel):
    """A model that a method trains."""

    job: TrainJob
    method_name: str
    method: Method
    has_variants: bool
    overridden: dict[str, Any]  # values that the run's overrides change, by their keys in the method file (a.b.c)
    dataset: str
    start: str | None

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return self.job.seed


@dataclass(frozen=True)
class InterpolatedModel(PlannedModel):
    """A model whose weights are interpolated between those of two others."""

    job: InterpolateJob

    @property
    def between(self) -> tuple[str, str]:
        """The two models."""
        return self.job.interpolate.between

    @property
    def alpha(self) -> float:
        """The share of the second model, from 0 to 1."""
        return self.job.interpolate.alpha


@dataclass(frozen=True)
class ReleasedModel(PlannedModel):
    """A model whose weights others have released; `weights` is their name in weights.yaml."""

    job: AdoptJob
    weights: str
