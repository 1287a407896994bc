"""A table of metrics x benchmarks x models, in groups, the best of each group in bold."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from gansr.reporting.layout import bold_markdown, latex, markdown
from gansr.reporting.metrics import METRICS, best
from gansr.reporting.published import measured_cell
from gansr.reporting.scores import Scores, marks, paired_difference
from gansr.reporting.table import Table

Cell = tuple[str, str]  # benchmark, column


class ComparisonTable(Table):
    """The table's numbers and its forms; a paper's table says how it is called and what is published."""

    grouped = False  # by generator; else all columns contend with each other

    def __init__(self, data: dict[str, Any], run_folder: Path) -> None:
        super().__init__(data, run_folder)
        self.columns: list[dict[str, Any]] = data["entries"]
        self.published_only: dict[str, str] = data.get("published_only", {})
        self.scores: dict[Cell, Scores] = {
            (benchmark, column["name"]): self._read_scores(column["scored"], benchmark)
            for benchmark in self.benchmarks
            for column in self.columns
        }
        self.names = [column["name"] for column in self.columns]
        self.lines = [(metric, benchmark) for metric in self.metrics for benchmark in self.benchmarks]
        self.means = {line: self._means(*line) for line in self.lines}

    def cells(self) -> list[tuple[str, str, Scores]]:
        """The scores of every column on every benchmark."""
        return [(name, benchmark, scores) for (benchmark, name), scores in self.scores.items()]

    def _means(self, metric: str, benchmark: str) -> list[float | None]:
        return [self.scores[benchmark, name].mean(metric) for name in self.names]

    def _group(self, column: dict[str, Any]) -> str:
        return str(column["group"]) if self.grouped else ""

    def _bold(self, line: tuple[str, str]) -> tuple[list[bool], list[str]]:
        """The best of each group, and marks of those not shown to be better; reference columns do not contend."""
        metric, benchmark = line
        bold, marked = [False] * len(self.columns), [""] * len(self.columns)
        for group in {self._group(column) for column in self.columns}:
            inside = [n for n, c in enumerate(self.columns) if self._group(c) == group and not c["reference"]]
            wins = best([self.means[line][n] for n in inside], METRICS[metric])
            contenders = [self.scores[benchmark, self.names[n]] for n in inside]
            for n, won, mark in zip(inside, wins, marks(metric, contenders, wins), strict=True):
                bold[n], marked[n] = won, mark
        return bold, marked

    def csv(self) -> pd.DataFrame:
        """metric, benchmark, and one column per model."""
        rows = [[METRICS[metric].label, benchmark, *self.means[metric, benchmark]] for metric, benchmark in self.lines]
        return pd.DataFrame(rows, columns=["metric", "benchmark", *self.names])

    def markdown(self) -> str:
        """The table for reading."""
        rows = []
        for metric, benchmark in self.lines:
            texts = [METRICS[metric].text(value) for value in self.means[metric, benchmark]]
            cells = map(bold_markdown, texts, *self._bold((metric, benchmark)))
            rows.append([METRICS[metric].arrow, benchmark, *cells])
        return markdown(["metric", "benchmark", *self.names], rows, text_columns=2)

    def latex(self, caption: str) -> str:
        """The table for a paper, columns under the name of their group where there are groups."""
        index = pd.MultiIndex.from_tuples([(METRICS[metric].arrow, benchmark) for metric, benchmark in self.lines])
        columns = pd.Index(self.names)
        if self.grouped:
            columns = pd.MultiIndex.from_tuples([(self._group(column), column["name"]) for column in self.columns])
        bold = [self._bold(line)[0] for line in self.lines]
        texts = [
            [
                METRICS[line[0]].text(value) + mark
                for value, mark in zip(self.means[line], self._bold(line)[1], strict=True)
            ]
            for line in self.lines
        ]
        return latex(
            pd.DataFrame(texts, index, columns), pd.DataFrame(bold, index, columns), caption, f"tab:{self.name}"
        )

    def measured(self) -> pd.DataFrame:
        """One row per cell: its mean with its interval over images; empty where it could not be computed."""
        return pd.DataFrame(
            measured_cell(metric, benchmark, name, self.scores[benchmark, name])
            for metric, benchmark in self.lines
            for name in self.names
        )

    def _published_columns(self, table: pd.DataFrame, label: str) -> pd.DataFrame:
        """The rows of a published table whose `label` is one that a column of this table names, or is shown alone."""
        parts = [
            rows.assign(model=column["name"], published=rows["value"])
            for column in self.columns
            if column["published"] is not None
            for rows in [table[table[label] == column["published"]]]
        ]
        parts += [
            rows.assign(model=name, published=rows["value"])
            for name in self.published_only
            for rows in [table[table[label] == name]]
        ]
        empty = table.head(0).assign(model="", published=0.0)
        return pd.concat([empty, *parts])[["metric", "benchmark", "model", "published"]]

    def tested_weights(self) -> list[str]:
        """Which weights each model was tested with."""
        by_weights: dict[str, list[str]] = {}
        for column in self.columns:
            if column["weights"]:
                by_weights.setdefault(column["weights"], []).append(column["name"])
        words = {"ema": "EMA", "raw": "raw"}
        return [f"Tested with {words[kind]} weights: {', '.join(names)}" for kind, names in by_weights.items()]

    def comparisons(self) -> list[str]:
        """Paired differences between the models of a group, with their intervals over images."""
        lines = []
        for one, other in combinations([column for column in self.columns if not column["reference"]], 2):
            if self._group(one) != self._group(other):
                continue
            for metric, benchmark in self.lines:
                names = (one["name"], other["name"])
                scores = (self.scores[benchmark, name] for name in names)
                difference = paired_difference(metric, names, *scores)
                if difference:
                    lines.append(f"{benchmark}, {METRICS[metric].label}: {difference}")
        return lines
