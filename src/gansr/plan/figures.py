"""The figures that a run asks for, with all options of their files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import create_model

from gansr.config.figures import OF_MAD, file_names, reads, settings_model, shown_models
from gansr.config.run import Run
from gansr.errors import UserError
from gansr.schema.loading import validate


@dataclass(frozen=True)
class PlannedFigure:
    """One figure of a run: all its options, the models that it shows, what it reads, the names of its files."""

    options: dict[str, Any]
    models: list[str]
    reads: tuple[str, ...]
    files: list[str]


def planned_figures(run: Run, source: str) -> dict[str, PlannedFigure]:
    """The figures that a run asks for, by name.

    Raises:
        UserError: a figure is unknown, or an option is.
    """
    section = create_model("Given", figures=(settings_model(run.figures), ...))
    settings = validate(section, {"figures": run.figures}, source).figures  # type: ignore[attr-defined]
    given = {name: getattr(settings, name) for name in run.figures if getattr(settings, name) is not None}
    return {name: _planned(run, name, options.model_dump(mode="json")) for name, options in given.items()}


def _planned(run: Run, name: str, options: dict[str, Any]) -> PlannedFigure:
    wanted = reads(name)
    if run.mad is None and set(wanted) & set(OF_MAD):
        raise UserError(f"figures.{name} draws the patches of mad; add the section mad")
    files = file_names(name, options, run.mad.patch_types if run.mad else [])
    return PlannedFigure(options, shown_models(name, options), wanted, files)
