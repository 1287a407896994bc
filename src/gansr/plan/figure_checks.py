"""Checks that the figures of a run fit its models."""

from __future__ import annotations

from collections import Counter

from gansr.errors import UserError, nearest
from gansr.plan.figures import PlannedFigure
from gansr.plan.plan import Plan
from gansr.schema import plugins


def check_figures(plan: Plan) -> None:
    """Check that every figure shows models that exist and that it can show.

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
    """Call the figure file's function `check`, with each model's name and `stage`, `ema_decay`, `iterations`."""
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
