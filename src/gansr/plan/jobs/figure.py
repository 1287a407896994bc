"""The job of a figure: its options and the models that it shows."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import GeneratorOptions, Scale
from gansr.schema.section import Section


class FigureModel(Section):
    """A model that a figure shows, and its folder.

    Only for a figure that reads weights: its `generator`, and its `losses`, the loss terms without options that are the
    defaults.
    """

    name: str
    folder: str
    generator: GeneratorOptions | None = None
    losses: dict[str, dict[str, Any]] = Field(default_factory=dict)


class FigureJob(Job):
    """One figure of a run.

    `code` is the version of the code that figures share, `version` that of the figure's file; `options` are the options
    whose values are not the defaults.
    """

    code: int
    name: str
    version: int | str
    run: str
    scale: Scale
    options: dict[str, Any] = Field(default_factory=dict)
    models: tuple[FigureModel, ...] = ()
