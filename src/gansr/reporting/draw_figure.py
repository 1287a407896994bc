"""Draw a figure by the plug-in file of its name."""

from __future__ import annotations

import importlib
from pathlib import Path

from gansr.plan.jobs.figure import FigureJob
from gansr.reporting.figure_inputs import FigureInputs
from gansr.schema import plugins


def draw_figure(job: FigureJob, run_folder: Path, mad_patches: Path, images: Path) -> None:
    """Write the files of a figure into results/<run>/figures.

    Args:
        job: which figure, its options and models.
        run_folder: results/<run>.
        mad_patches: the list of the MAD patches, for a figure that reads it.
        images: the prepared benchmark from which the patches are cut.

    Raises:
        UserError: there is no such figure, or what it reads is missing or broken.
    """
    plugins.file_of("figure", job.name)
    figure = importlib.import_module(f"gansr.reporting.figures.{job.name}")
    figure.draw(FigureInputs(job, run_folder, mad_patches, images), **job.options)
