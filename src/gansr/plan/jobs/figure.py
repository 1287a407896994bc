"""The job of a figure: its options and the models that it shows."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import GeneratorOptions, PluginVersions, Scale
from gansr.schema.section import Section


class FigureModel(Section):
    """A model that a figure shows, and its folder.

    For a figure that reads weights also its generator, and of its loss terms what is not at the default.
    """

    name: str
    folder: str
    generator: GeneratorOptions | None = None
    losses: dict[str, dict[str, Any]] = Field(default_factory=dict)


class FigureJob(Job):
    """One figure of a run.

    `code` is the version of the code that figures share, `versions` those of the figure's file and of the plug-in files
    that it imports; `options` are those that are not at their default.
    """

    code: int
    name: str
    versions: PluginVersions
    run: str
    scale: Scale
    options: dict[str, Any] = Field(default_factory=dict)
    models: tuple[FigureModel, ...] = ()
