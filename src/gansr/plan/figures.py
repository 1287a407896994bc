"""The figures that a run asks for: their options as their files know them, and whether they fit the run's models."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from gansr.config import plugins
from gansr.config.figures import OF_MAD, file_names, reads, settings_model, shown_models
from gansr.config.loading import validate
from gansr.config.run import Run
from gansr.errors import UserError, nearest

if TYPE_CHECKING:
    from gansr.plan.plan import Plan


@dataclass(frozen=True)
class PlannedFigure:
    """One figure of a run: all options of its file, the models that it shows, what it reads and makes."""

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


def check_figures(plan: Plan) -> None:
    """Figures against the models of their run.

    Raises:
        UserError: a figure shows a model that does not exist or that it cannot show.
    """
    for name, figure in plan.figures.items():
        place = f"figures.{name}"
        for model in figure.models:
            if model not in plan.models:
                raise UserError(f'{place}: unknown model "{model}"; {nearest(model, plan.models)}')
            if figure.models.count(model) > 1:
                raise UserError(f'{place}: the model "{model}" is given twice; remove one')
            trained = plan.trained.get(model)
            if "snapshots" in figure.reads and (trained is None or trained.method.stage != "finetune"):
                raise UserError(f"{place}: {model} is not fine-tuned, no SR is kept of it; name another")
            if "log" in figure.reads and trained is None:
                raise UserError(f"{place}: {model} is not trained here and has no log; name another")
        _check_by_its_file(plan, name, figure)
    files = Counter(file for figure in plan.figures.values() for file in figure.files)
    for file, times in files.items():
        if times > 1:
            raise UserError(f"figures: {file} would be made {times} times; rename one of the figures")


def _check_by_its_file(plan: Plan, name: str, figure: PlannedFigure) -> None:
    """What the file of a figure says against its models; `stage`, `ema_decay` and `iterations` are of their methods."""
    check = plugins.function("figure", name, "check")
    if check is None:
        return
    models = []
    for model in figure.models:
        method = plan.trained[model].method if model in plan.trained else None
        of_method = {key: getattr(method, key, None) for key in ("stage", "ema_decay", "iterations")}
        models.append({"name": model, **of_method})
    mad = plan.run.mad.model_dump(mode="json") if plan.run.mad else None
    try:
        check(figure.options, models, mad)
    except ValueError as error:
        raise UserError(f"figures.{name}: {error}") from None
