"""The job that chooses the patches whose SR is kept during fine-tuning."""

from __future__ import annotations

from gansr.config.mad import MadPatches
from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import Scale


class MadPatchesJob(Job):
    """`size` is in pixels of HR; `patches` are given, or picked by the statistics of the images."""

    code: int
    scale: Scale
    size: int
    patches: MadPatches = "auto"
