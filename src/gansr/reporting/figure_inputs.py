"""What a figure's function `draw` is given: its job, and the paths of the files that it reads and makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gansr.paths import RunPaths
from gansr.plan.jobs.figure import FigureJob, FigureModel
from gansr.reporting.training_words import perceptual_words, read_spec, scale_line


@dataclass(frozen=True)
class FigureInputs:
    """A figure's job and the run's folder.

    `mad_patches` is the list of patches and `images` the prepared benchmark from which they are cut; both are only for
    a figure whose READS has mad_patches.
    """

    job: FigureJob
    run_folder: Path
    mad_patches: Path
    images: Path

    @property
    def models(self) -> tuple[FigureModel, ...]:
        """The models that the figure shows, in the order of its options."""
        return self.job.models

    @property
    def paths(self) -> RunPaths:
        """The paths of the run's files."""
        return RunPaths(self.run_folder)

    def output(self, file: str) -> Path:
        """The path of a file that the figure makes, by its name; for figure_style.save without the ending."""
        return self.paths.figure(file, "")

    def specs(self) -> list[dict[str, Any]]:
        """The spec.yaml of each model.

        Raises:
            UserError: one cannot be read.
        """
        return [read_spec(self.run_folder, model.folder) for model in self.models]

    def scale_words(self, tested: str) -> list[str]:
        """Sentences for the footnote: the size of the run, and whether a perceptual network had random weights."""
        specs = self.specs()
        return [scale_line(self.job.run, self.job.scale, specs, tested), *perceptual_words(specs)]
