"""Checks that the tables of a run fit its models, benchmarks and metrics, and the published values."""

from __future__ import annotations

from typing import Any

from gansr.config.model import UNTRAINED
from gansr.config.tables import PUBLISHED_SCALE, ModelColumns, NamedColumns, TableSettings
from gansr.errors import UserError, nearest
from gansr.plan.plan import Plan
from gansr.plan.tables import PlannedTable


def check_tables(plan: Plan) -> None:
    """Check that tables fit the models, benchmarks and metrics of their run, and the published values.

    Raises:
        UserError: a table names what does not exist, or cannot be made.
    """
    for name, planned in plan.tables.items():
        _check_names(plan, f"tables.{name}", planned.settings)
        _check_weights(plan, f"tables.{name}", planned)
        _check_can_be_made(plan, name, planned)
        if isinstance(planned.settings, ModelColumns):
            _check_published_only(plan, name, planned.settings)
    for number, model in enumerate(plan.run.models):
        for key, tables in (("tables", model.tables or ()), ("published", model.published)):
            _check_tables_of_model(plan, f"models.{number}.{key}", list(tables))
        for name, label in model.published.items():
            _check_published(plan, model.name, name, label)


def _check_names(plan: Plan, place: str, settings: TableSettings) -> None:
    models = plan.models
    if isinstance(settings, ModelColumns):
        for name in settings.reference:
            _known("model", name, [*UNTRAINED, *models], f"{place}.reference")
    elif isinstance(settings, NamedColumns):
        headings = [column.column for column in settings.columns]
        for column in settings.columns:
            _given_once(column.column, headings, f"{place}: the column")
            _known("model", column.model, models, f"{place} column {column.column}")
    else:
        _known("benchmark", settings.benchmark, plan.run.benchmarks, place)
        labels = [str(row.row) for row in settings.rows]
        for row in settings.rows:
            _given_once(str(row.row), labels, f"{place}: the row")
            _known("model", row.model, models, f"{place} row {row.row}")


def _check_weights(plan: Plan, place: str, planned: PlannedTable) -> None:
    for row in planned.rows:
        if row.weights == "ema" and plan.tested_weights(row.model) != "ema":
            raise UserError(f"{place} row {row.row}: {row.model} has no EMA weights; set weights: raw")


def _check_can_be_made(plan: Plan, name: str, planned: PlannedTable) -> None:
    tested = planned.tested(plan.run.benchmarks)
    if not set(tested) & set(plan.scored_benchmarks):
        raise UserError(f"tables.{name}: {', '.join(tested)} has no HR images to score with; name another benchmark")
    metrics = planned.table.metrics
    if not set(metrics) & set(plan.run.metrics):
        raise UserError(
            f"tables.{name}: none of its metrics ({', '.join(metrics)}) is in metrics; add one or remove the table"
        )
    has_model = any(model.is_column_of(name) for model in plan.run.models)
    if isinstance(planned.settings, ModelColumns) and not planned.settings.reference and not has_model:
        raise UserError(f"tables.{name}: no model and no reference is a column of it; remove it")


def _check_tables_of_model(plan: Plan, place: str, tables: list[str]) -> None:
    of_models = [name for name, table in plan.catalog.tables.items() if table.layout == "model_columns"]
    for name in tables:
        if name not in of_models:
            raise UserError(f'{place}: "{name}" is no table whose columns are models; {nearest(name, of_models)}')


def _check_published(plan: Plan, model: str, table: str, label: str) -> None:
    planned = plan.tables.get(table)
    (given,) = (given for given in plan.run.models if given.name == model)
    if not given.is_column_of(table) and not (planned and model in planned.references):
        raise UserError(
            f"model {model}: published has {table}, which the model is no column of; remove it there "
            f"or add it to tables"
        )
    if plan.run.scale != PUBLISHED_SCALE:
        raise UserError(
            f"model {model}: the published tables are x{PUBLISHED_SCALE}, this run x{plan.run.scale}; remove published"
        )
    _check_label(plan, f"model {model}", table, label)


def _check_published_only(plan: Plan, name: str, settings: ModelColumns) -> None:
    place = f"tables.{name}.published_only"
    compared = {label for model in plan.run.models for table, label in model.published.items() if table == name}
    for label in settings.published_only:
        _check_label(plan, place, name, label)
        if label in compared:
            raise UserError(f"{place}: a model is compared with {label}; remove it there")


def _check_label(plan: Plan, place: str, table: str, label: str) -> None:
    """Refuse a name that is no column of the table's published values."""
    file, known = plan.catalog.published(table), plan.catalog.published_labels(table)
    if file is None:
        raise UserError(f"{place}: {plan.catalog.folder}/tables/{table}.yaml has no published values; remove {label}")
    if label not in known:
        raise UserError(f"{place}: {file} has no column {label}; {nearest(label, known)}")


def _known(noun: str, name: str, known: Any, place: str) -> None:
    if name not in known:
        raise UserError(f'{place}: unknown {noun} "{name}"; {nearest(name, known)}')


def _given_once(name: str, names: list[str], what: str) -> None:
    if names.count(name) > 1:
        raise UserError(f'{what} "{name}" is given twice; rename one')
