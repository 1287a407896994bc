"""The jobs of a plan's tables as tests look at them."""

from __future__ import annotations

from gansr.plan.jobs.table import TableEntry
from gansr.plan.plan import Plan
from gansr.plan.table_jobs import table_job


def entries_of(plan: Plan, table: str) -> tuple[TableEntry, ...]:
    """The table's columns, or its rows."""
    return table_job(plan, table).entries


def scores_read(plan: Plan, table: str) -> list[tuple[str, str]]:
    """The folders of scores that a table reads, each with its benchmark."""
    job = table_job(plan, table)
    return [(scored, benchmark) for entry in job.entries for scored in entry.scored for benchmark in job.benchmarks]
