"""A table as CSV, Markdown and LaTeX, with models as columns or as rows."""

from __future__ import annotations

import pandas as pd

from gansr.reporting.cube import Cube
from gansr.reporting.markup import bold_markdown, latex, markdown
from gansr.reporting.metrics import METRICS


def as_csv(cube: Cube) -> pd.DataFrame:
    """The table as a data frame of numbers.

    Models as columns: metric, benchmark, and a column for each model. Models as rows: row, the switches (with x where
    they are on), and a column for each metric.
    """
    if cube.job.table.models_are_rows:
        rows = [[entry.name, *_ticks(cube, n, "x"), *_values(cube, n)] for n, entry in enumerate(cube.entries)]
        switches = [switch.column for switch in cube.job.table.switches]
        return pd.DataFrame(rows, columns=["row", *switches, *(METRICS[metric].label for metric in cube.metrics)])
    lines = [[METRICS[metric].label, benchmark, *cube.means[metric, benchmark]] for metric, benchmark in cube.lines]
    return pd.DataFrame(lines, columns=["metric", "benchmark", *(entry.name for entry in cube.entries)])


def as_markdown(cube: Cube) -> str:
    """The table as Markdown, with the best values bold."""
    cells = {line: list(map(bold_markdown, cube.texts(line), *cube.bold(line))) for line in cube.lines}
    if cube.job.table.models_are_rows:
        rows = [
            [entry.name, *_ticks(cube, n, "✓"), *(cells[line][n] for line in cube.lines), entry.model]
            for n, entry in enumerate(cube.entries)
        ]
        switches = [switch.markdown for switch in cube.job.table.switches]
        header = ["#", *switches, *(METRICS[metric].arrow for metric in cube.metrics), "model"]
        return markdown(header, rows, text_columns=1 + len(switches))
    rows = [[METRICS[metric].arrow, benchmark, *cells[metric, benchmark]] for metric, benchmark in cube.lines]
    return markdown(["metric", "benchmark", *(entry.name for entry in cube.entries)], rows, text_columns=2)


def as_latex(cube: Cube, caption: str) -> str:
    """The table as LaTeX; where columns are grouped, the group's name is above them."""
    best = {line: cube.bold(line) for line in cube.lines}
    bold = [best[line][0] for line in cube.lines]
    texts = [list(map(str.__add__, cube.texts(line), best[line][1])) for line in cube.lines]
    label = f"tab:{cube.job.name}"
    if cube.job.table.models_are_rows:
        names = ["#", *(switch.latex for switch in cube.job.table.switches)]
        rows = [(entry.name, *_ticks(cube, n, "✓")) for n, entry in enumerate(cube.entries)]
        index = pd.MultiIndex.from_tuples(rows, names=names)
        columns = pd.Index([METRICS[metric].arrow for metric in cube.metrics])
        turned, turned_bold = (list(map(list, zip(*values, strict=True))) for values in (texts, bold))
        return latex(pd.DataFrame(turned, index, columns), pd.DataFrame(turned_bold, index, columns), caption, label)
    index = pd.MultiIndex.from_tuples([(METRICS[metric].arrow, benchmark) for metric, benchmark in cube.lines])
    columns = pd.Index([entry.name for entry in cube.entries])
    if cube.job.table.group_by:
        columns = pd.MultiIndex.from_tuples([(entry.group, entry.name) for entry in cube.entries])
    return latex(pd.DataFrame(texts, index, columns), pd.DataFrame(bold, index, columns), caption, label)


def _ticks(cube: Cube, number: int, sign: str) -> list[str]:
    """The switches of one row."""
    on = cube.entries[number].switches
    return [sign if switch.column in on else "" for switch in cube.job.table.switches]


def _values(cube: Cube, number: int) -> list[float | None]:
    """The means of one row, in the order of the metrics."""
    return [cube.means[line][number] for line in cube.lines]
