"""The job of a table: everything that the table shows, except what it reads from score files and specs."""

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
    model      the model's name
    scored     the folders of its scores, one for each seed
    folder     the model's folder; none for bicubic
    group      the columns with the same group are compared: the best of them is bold
    reference  whether the column is only for comparison and never marked as best
    weights    those it was tested with, raw or ema; none for a model that is not trained
    published  the paper's column that it is compared with
    switches   the columns of switches that have a tick in its row
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
    """One table of a run.

    `models` are methods by the model's folder: of the models shown, and of those between which one of them is
    interpolated. `seeds` are by folder, for models whose cells are means over several seeds. `code` is the version of
    the code that makes tables.
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
