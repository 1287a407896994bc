"""The job of a table: everything that the table shows, scores and specs aside."""

from __future__ import annotations

from pydantic import Field

from gansr.config.model import Weights
from gansr.config.tables import Table
from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import Scale
from gansr.schema.section import Section


class TableEntry(Section):
    """A model as one column or row of a table.

    name       the column's heading, or the row's label
    scored     the folders of its scores, one for each seed
    folder     of the model; none for bicubic
    weights    those it was tested with; none where both are the same
    published  the paper's column that stands beside it
    switches   the columns of switches that are ticked in its row
    """

    name: str
    model: str
    scored: tuple[str, ...]
    folder: str | None = None
    group: str = ""
    reference: bool = False
    weights: Weights | None = None
    published: str | None = None
    switches: tuple[str, ...] = ()


class TableJob(Job):
    """One table of a run; `models` are folders and methods, of those shown and of those that they lie between.

    `seeds` are by folder, of models whose cells are means over several. `code` is the version of the code.
    """

    code: int
    name: str
    table: Table
    run: str
    scale: Scale
    metrics: tuple[str, ...]
    benchmarks: tuple[str, ...]
    entries: tuple[TableEntry, ...]
    models: dict[str, str] = Field(default_factory=dict)
    seeds: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    published_only: dict[str, str] = Field(default_factory=dict)
