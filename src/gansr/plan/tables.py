"""The tables that a run asks for: each one's file and the run's settings for it."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import create_model

from gansr.config.catalog import Catalog
from gansr.config.run import Run
from gansr.config.tables import (
    SETTINGS,
    ModelColumns,
    NamedRow,
    NamedRows,
    Table,
    TableSettings,
)
from gansr.schema.loading import validate
from gansr.schema.section import Section


@dataclass(frozen=True)
class PlannedTable:
    """One table of a run: the content of its file, and the run's settings for it."""

    table: Table
    settings: TableSettings

    @property
    def references(self) -> tuple[str, ...]:
        """The columns that are only for comparison and never marked as best."""
        return self.settings.reference if isinstance(self.settings, ModelColumns) else ()

    @property
    def rows(self) -> list[NamedRow]:
        """The rows, where the models are rows."""
        return self.settings.rows if isinstance(self.settings, NamedRows) else []

    def tested(self, benchmarks: list[str]) -> list[str]:
        """Which of a run's benchmarks the table shows."""
        return [self.settings.benchmark] if isinstance(self.settings, NamedRows) else benchmarks


def planned_tables(run: Run, catalog: Catalog, source: str) -> dict[str, PlannedTable]:
    """The tables that a run asks for, by name.

    Raises:
        UserError: a table is unknown, or its settings are not those of its layout.
    """
    known = {name: (SETTINGS[table.layout] | None, None) for name, table in catalog.tables.items()}
    section: type[Section] = create_model("Tables", __base__=Section, **known)  # type: ignore[call-overload]
    given = create_model("Given", tables=(section, ...))
    settings = validate(given, {"tables": run.tables}, source).tables  # type: ignore[attr-defined]
    return {
        name: PlannedTable(catalog.tables[name], getattr(settings, name))
        for name in run.tables
        if getattr(settings, name) is not None
    }
