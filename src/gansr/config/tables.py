"""Tables as data: what a table shows and its layout (config/tables), and the settings that a run gives for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PlainValidator, field_validator
from pydantic import model_validator as check

from gansr.config.metrics import Metric
from gansr.config.model import BICUBIC, Weights
from gansr.errors import nearest
from gansr.schema import plugins
from gansr.schema.section import Section

PUBLISHED_SCALE = 4  # of the papers' tables
RESERVED_COLUMNS = ("metric", "benchmark")
Text = Annotated[str, Field(min_length=1)]
# model_columns  rows are metrics x benchmarks, columns the run's models and references
# named_columns  rows as above, columns are models that the run names for this table
# named_rows     rows are models that the run names for this table, columns the metrics on one benchmark
Layout = Literal["model_columns", "named_columns", "named_rows"]


class Switch(Section):
    """A column in a table with the layout named_rows: it has a tick in each row whose model fulfils all of `when`.

    Keys of `when` are `weights` (the weights that the row is tested with) or `losses.<term>.<option>` of the model's
    method; the values are those that they must have. `positive` stands for any number above 0.
    """

    column: Text
    markdown: Text
    latex: Text
    when: Annotated[dict[str, bool | int | float | str], Field(min_length=1)]

    @field_validator("when")
    @classmethod
    def _options_exist(cls, when: dict[str, Any]) -> dict[str, Any]:
        for place in when:
            first, *rest = place.split(".")
            if place != "weights" and (first != "losses" or len(rest) != 2):
                raise ValueError(f'"{place}" is neither weights nor losses.<term>.<option>')
            # a term of another name may use any loss file, so that its options are not known here
            if rest and rest[0] in plugins.names("loss"):
                known = ["weight", *plugins.schema("loss", rest[0]).model_fields]
                if rest[1] not in known:
                    raise ValueError(f'the loss {rest[0]} has no option "{rest[1]}"; {nearest(rest[1], known)}')
        return when


class PublishedValues(Section):
    """Where a paper's values are: a CSV in config/published.

    The CSV has the columns `metric`, `benchmark` and `value`, or a column for each metric. `label` are the columns
    that make up a model's name: the first one, then the others in brackets. `benchmark` is the benchmark of all values,
    where the CSV has no such column. `metrics` and `benchmarks` map the paper's names to this project's labels and
    datasets. `digits` are the decimals that the paper prints, by label, where they are not the metric's own. `also`
    maps a benchmark to another benchmark of the paper, whose values are shown for it as well.
    """

    file: Text
    label: Annotated[tuple[str, ...], Field(min_length=1)]
    benchmark: str | None = None
    metrics: dict[str, str] = Field(default_factory=dict)
    benchmarks: dict[str, str] = Field(default_factory=dict)
    digits: dict[str, NonNegativeInt] = Field(default_factory=dict)
    also: dict[str, str] = Field(default_factory=dict)

    def label_of(self, row: Mapping[Any, Any]) -> str:
        """How a run names the model that a row of the CSV is of: "RRDB+LDL (DF2K)".

        Raises:
            KeyError: the row has no such column.
        """
        first, *others = (row[column] for column in self.label)
        return " ".join([str(first), *(f"({other})" for other in others if other)])


class Remark(Section):
    """A sentence in the notes of the table.

    With `benchmarks` it is printed only if one of these is tested; with `compared` only if a column is compared with a
    published one.
    """

    text: Text
    benchmarks: tuple[str, ...] = ()
    compared: bool = False


class Table(Section):
    """One file of config/tables.

    `metrics` are in the table's order; those that the run does not compute are left out. With `group_by`, columns are
    grouped by generator, and the best of each group is bold; without it, the best of all.
    """

    title: Text
    layout: Layout
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    group_by: Literal["generator"] | None = None
    switches: tuple[Switch, ...] = ()
    published: PublishedValues | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def models_are_rows(self) -> bool:
        """Whether a model is a row of the table, else it is a column."""
        return self.layout == "named_rows"

    @check(mode="after")
    def _fits_its_layout(self) -> Table:
        for metric in self.metrics:
            if self.metrics.count(metric) > 1:
                raise ValueError(f'metrics: "{metric}" is given twice; remove one')
        if self.group_by and self.models_are_rows:
            raise ValueError("group_by: the rows of named_rows are one group; remove it")
        if self.switches and not self.models_are_rows:
            raise ValueError(f"switches: only named_rows has them, not {self.layout}; remove them")
        return self


class ModelColumns(Section):
    """A run's settings for a table with the layout model_columns.

    `reference` columns are shown for comparison and never marked as best. `published_only` are columns of the paper
    for which the run has no model, each with the reason.
    """

    reference: tuple[str, ...] = (BICUBIC,)
    published_only: dict[str, Text] = Field(default_factory=dict)


class NamedColumn(Section):
    """A model under a heading of its own; it is compared with the paper's column of this name."""

    column: Text
    model: str

    @field_validator("column")
    @classmethod
    def _not_reserved(cls, column: str) -> str:
        if column in RESERVED_COLUMNS:
            raise ValueError(f'"{column}" is reserved; rename it')
        return column


class NamedColumns(Section):
    """A run's settings for a table with the layout named_columns."""

    columns: Annotated[list[NamedColumn], Field(min_length=1)]


class NamedRow(Section):
    """A row: a label and a model, scored with its raw or its EMA weights."""

    row: str | int
    model: str
    weights: Weights


class NamedRows(Section):
    """A run's settings for a table with the layout named_rows: its rows, and the benchmark of all of them."""

    benchmark: str
    rows: Annotated[list[NamedRow], Field(min_length=1)]


TableSettings = ModelColumns | NamedColumns | NamedRows
SETTINGS: dict[Layout, type[Section]] = {
    "model_columns": ModelColumns,
    "named_columns": NamedColumns,
    "named_rows": NamedRows,
}


# Which keys are valid depends on the table's layout, so that they are checked when the plan is made (plan/tables.py).
GivenSettings = Annotated[Any, PlainValidator(lambda given: given, json_schema_input_type=TableSettings | None)]
