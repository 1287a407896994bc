"""The jobs that make a run's tables, and the files that they read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansr import code_versions
from gansr.config.generator import weight_options
from gansr.config.model import UNTRAINED, Weights
from gansr.config.tables import ModelColumns, NamedColumns, NamedRow, Switch, Table
from gansr.paths import DataPaths, RunPaths
from gansr.plan.jobs.table import TableEntry, TableJob
from gansr.plan.plan import Plan
from gansr.plan.seeds import seeds_of
from gansr.plan.tables import PlannedTable


def table_job(plan: Plan, name: str) -> TableJob:
    """The job of one of a run's tables."""
    planned = plan.tables[name]
    entries = _entries(plan, name, planned)
    shown = [entry.model for entry in entries]
    scored = plan.scored_benchmarks
    settings = planned.settings
    return TableJob(
        code=code_versions.TABLES,
        name=name,
        table=planned.table,
        run=plan.run.run,
        scale=plan.run.scale,
        metrics=tuple(metric for metric in planned.table.metrics if metric in plan.run.metrics),
        benchmarks=tuple(planned.tested(scored)),
        entries=tuple(entries),
        models=_methods(plan, shown),
        seeds=_seeds(plan, shown),
        published_only=settings.published_only if isinstance(settings, ModelColumns) else {},
    )


def table_inputs(plan: Plan, name: str) -> dict[str, list[Path]]:
    """The files that the job reads: scores with their notes, specs of models, prepared images, published values."""
    job = table_job(plan, name)
    paths, data = RunPaths.of_run(plan.run.run), DataPaths(plan.run.data_dir, plan.run.scale)
    pairs = [(scored, b) for entry in job.entries for scored in entry.scored for b in job.benchmarks]
    published = plan.catalog.published(name)
    return {
        "scores": [file(*pair) for pair in pairs for file in (paths.scores, paths.score_notes)],
        "specs": [paths.spec(model) for model in job.models],
        "images": [data.images(benchmark) for benchmark in job.benchmarks],
        "published": [published] if published else [],
    }


def _entries(plan: Plan, name: str, planned: PlannedTable) -> list[TableEntry]:
    settings = planned.settings
    if isinstance(settings, ModelColumns):
        return _columns_of_models(plan, name, planned.table, settings.reference)
    if isinstance(settings, NamedColumns):
        columns = [_column(plan, planned.table, given.column, given.model) for given in settings.columns]
        compared = planned.table.published is not None
        return [column.model_copy(update={"published": column.name if compared else None}) for column in columns]
    return [_row(plan, planned.table.switches, row) for row in settings.rows]


def _columns_of_models(plan: Plan, table: str, its: Table, reference: tuple[str, ...]) -> list[TableEntry]:
    """The models that are columns of the table, in groups of one generator, or with the references on the left."""
    models = {model.name: model for model in plan.run.models}
    shown = [name for name, model in models.items() if model.is_column_of(table) or name in reference]
    shown = [name for name in UNTRAINED if name in reference] + shown
    columns = [
        _column(plan, its, name, name).model_copy(
            update={
                "reference": name in reference,
                "published": models[name].published.get(table) if name in models else None,
            }
        )
        for name in shown
    ]
    if its.group_by is None:
        return sorted(columns, key=lambda column: not column.reference)
    order = ["", *plan.run.generators]
    return sorted(columns, key=lambda column: order.index(column.group))


def _column(plan: Plan, table: Table, heading: str, model: str) -> TableEntry:
    if model in UNTRAINED:
        return TableEntry(name=heading, model=model, scored=tuple(plan.scored_slugs(model, "raw")))
    weights = plan.tested_weights(model)
    return TableEntry(
        name=heading,
        model=model,
        scored=tuple(plan.scored_slugs(model, weights)),
        folder=plan.models[model].slug,
        group=_group(plan, plan.models[model].generator) if table.group_by else "",
        weights=weights if model in plan.trained else None,
    )


def _group(plan: Plan, generator: str) -> str:
    """The first generator of the run whose weights have the same shapes, so that it differs only in training."""
    generators = plan.run.generators
    wanted = weight_options(generators[generator])
    return next(name for name, options in generators.items() if weight_options(options) == wanted)


def _row(plan: Plan, switches: tuple[Switch, ...], row: NamedRow) -> TableEntry:
    losses = plan.trained[row.model].method.losses if row.model in plan.trained else {}
    return TableEntry(
        name=str(row.row),
        model=row.model,
        scored=tuple(plan.scored_slugs(row.model, row.weights)),
        folder=plan.models[row.model].slug,
        weights=row.weights,
        switches=tuple(switch.column for switch in switches if _is_on(switch, losses, row.weights)),
    )


def _is_on(switch: Switch, losses: dict[str, dict[str, Any]], weights: Weights) -> bool:
    for place, expected in switch.when.items():
        found: Any = weights
        if place != "weights":
            _, term, option = place.split(".")
            found = losses.get(term, {}).get(option)
        if expected == "positive":
            if not (isinstance(found, int | float) and found > 0):
                return False
        elif found != expected:
            return False
    return True


def _methods(plan: Plan, shown: list[str]) -> dict[str, str]:
    """Methods by the model's folder: of the models that a table shows, and of the parents of interpolated ones."""
    found: dict[str, str] = {}
    waiting = [name for name in shown if name not in UNTRAINED]
    while waiting:
        name = waiting.pop(0)
        found[plan.models[name].slug] = _method(plan, name)
        if name in plan.interpolated:
            waiting += [end for end in plan.interpolated[name].between if plan.models[end].slug not in found]
    return found


def _method(plan: Plan, model: str) -> str:
    """The method as the notes name it: its title, its variant, and what the run overrides."""
    trained = plan.trained.get(model)
    if trained is None:
        return "weights as released" if model in plan.released else "network interpolation"
    told = ("iterations", "batch_size", "patch_size")  # the notes give these for every training (training_words.py)
    changed = [f"{key} {value}" for key, value in trained.overridden.items() if key not in told]
    variant = f" ({trained.method.variant})" if trained.has_variants else ""
    return f"{trained.method.title}{variant}" + (f", with {', '.join(changed)}" if changed else "")


def _seeds(plan: Plan, shown: list[str]) -> dict[str, tuple[int, ...]]:
    """For models whose cells are means over several seeds: their seeds, by the folder of the model with the first."""
    trained = [name for name in shown if name in plan.trained]
    seeds = {plan.models[name].slug: seeds_of(name, plan.run) for name in trained}
    return {folder: of_model for folder, of_model in seeds.items() if len(of_model) > 1}
