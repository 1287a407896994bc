"""The job that makes SR images of one model on one benchmark."""

from __future__ import annotations

from pydantic import Field

from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import GeneratorOptions, PluginVersions, Scale


class UpscaleJob(Job):
    """Upscale by a generator, or without one by MATLAB bicubic, of RGB or, with `luma_alone`, of luma."""

    code: int
    scale: Scale
    versions: PluginVersions = Field(default_factory=dict)
    generator: GeneratorOptions | None = None
    luma_alone: bool = False
