"""Draw a figure by the plug-in file of its name."""

from __future__ import annotations

import importlib
from pathlib import Path

from gansr.config.figures import shown_models
from gansr.errors import UserError
from gansr.plan.jobs.figure import FigureJob
from gansr.plan.jobs.train import require_current_plugins
from gansr.reporting.figure_inputs import FigureInputs
from gansr.schema import plugins
from gansr.schema.loading import validate


def draw_figure(job: FigureJob, run_folder: Path, mad_patches: Path, images: Path) -> None:
    """Write the files of a figure into results/<run>/figures.

    Args:
        job: which figure, its options and models.
        run_folder: results/<run>.
        mad_patches: the list of the MAD patches, for a figure that reads it.
        images: the prepared benchmark from which the patches are cut.

    Raises:
        UserError: there is no such figure, it has other options or shows other models than the job says, its file was
            edited since the job was planned, or what it reads is missing or broken.
    """
    options = validate(plugins.schema("figure", job.name), job.options, f"figure {job.name}").model_dump(mode="json")
    named = shown_models(job.name, options)
    if named != [model.name for model in job.models]:
        raise UserError(f"figure {job.name}: the job's models are not those of its options, {', '.join(named)}")
    require_current_plugins(job.versions, [("figure", job.name)])
    figure = importlib.import_module(f"gansr.reporting.figures.{job.name}")
    figure.draw(FigureInputs(job, run_folder, mad_patches, images), **job.options)
