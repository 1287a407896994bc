"""Table 2 of LDL: the artifact map's parts switched on one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gansr.reporting.layout import bold_markdown, latex, markdown
from gansr.reporting.metrics import METRICS, best
from gansr.reporting.published import measured_cell, read_published
from gansr.reporting.scores import Scores, marks, paired_difference
from gansr.reporting.table import Table

SWITCHES = ["M", "sigma_M", "M_refine", "Psi_EMA"]
PUBLISHED_BENCHMARK = "DIV2K100"


class LdlTable2(Table):
    """The table's numbers and its forms; its rows are one group, the best of each metric is bold."""

    name = "ldl_table2"
    title = "LDL Table 2: ablation of the artifact map"

    def __init__(self, data: dict[str, Any], run_folder: Path) -> None:
        super().__init__(data, run_folder)
        self.rows: list[dict[str, Any]] = data["entries"]
        (self.benchmark,) = self.benchmarks
        self.scores = [self._read_scores(row["scored"], self.benchmark) for row in self.rows]
        self.means = {metric: [scores.mean(metric) for scores in self.scores] for metric in self.metrics}

    def cells(self) -> list[tuple[str, str, Scores]]:
        """The scores of every row."""
        return [(f"row {row['row']}", self.benchmark, s) for row, s in zip(self.rows, self.scores, strict=True)]

    def _labels(self) -> list[str]:
        return [METRICS[metric].label for metric in self.metrics]

    def csv(self) -> pd.DataFrame:
        """row, the four switches (x where on), and one column per metric."""
        lines = [
            [
                row["row"],
                *("x" if row[switch] else "" for switch in SWITCHES),
                *(self.means[m][n] for m in self.metrics),
            ]
            for n, row in enumerate(self.rows)
        ]
        return pd.DataFrame(lines, columns=["row", *SWITCHES, *self._labels()])

    def _cells(self) -> tuple[list[list[str]], list[list[bool]], list[list[str]]]:
        """Texts, boldness and marks of the metrics, row by row."""
        winners = {metric: best(self.means[metric], METRICS[metric]) for metric in self.metrics}
        marked = {metric: marks(metric, self.scores, winners[metric]) for metric in self.metrics}
        rows = range(len(self.rows))
        texts = [[METRICS[metric].text(self.means[metric][n]) for metric in self.metrics] for n in rows]
        bold, marks_by_row = (
            [[kind[metric][n] for metric in self.metrics] for n in rows] for kind in (winners, marked)
        )
        return texts, bold, marks_by_row  # type: ignore[return-value]

    def markdown(self) -> str:
        """The table for reading."""
        texts, bold, marked = self._cells()
        lines = [
            [
                row["row"],
                *("✓" if row[switch] else "" for switch in SWITCHES),
                *map(bold_markdown, text, wins, marks_of_row),
                row["model"],
            ]
            for row, text, wins, marks_of_row in zip(self.rows, texts, bold, marked, strict=True)
        ]
        header = ["#", "M", "σ·M", "M_refine", "Ψ_EMA", *(METRICS[metric].arrow for metric in self.metrics), "model"]
        return markdown(header, lines, text_columns=5)

    def latex(self, caption: str) -> str:
        """The table for a paper."""
        texts, bold, marked = self._cells()
        texts = [list(map(str.__add__, *row)) for row in zip(texts, marked, strict=True)]
        names = ["#", "$M$", r"$\sigma M$", r"$M_{refine}$", r"$\Psi_{EMA}$"]
        marks = [[row["row"], *("✓" if row[switch] else "" for switch in SWITCHES)] for row in self.rows]
        index = pd.MultiIndex.from_tuples([tuple(mark) for mark in marks], names=names)
        columns = [METRICS[metric].arrow for metric in self.metrics]
        return latex(
            pd.DataFrame(texts, index, columns), pd.DataFrame(bold, index, columns), caption, f"tab:{self.name}"
        )

    def measured(self) -> pd.DataFrame:
        """One row per cell: its mean with its interval over images; empty where it could not be computed."""
        return pd.DataFrame(
            measured_cell(metric, self.benchmark, f"row {row['row']}", scores)
            for metric in self.metrics
            for row, scores in zip(self.rows, self.scores, strict=True)
        )

    def published(self, file: Path) -> pd.DataFrame:
        """The paper's rows; it tests on the DIV2K validation set."""
        table = read_published(file, ["row", *SWITCHES])
        labels = [label for label in self._labels() if label in table.columns]
        long = table.melt(id_vars=["row"], value_vars=labels, var_name="metric", value_name="published")
        return long.assign(benchmark=PUBLISHED_BENCHMARK, model="row " + long["row"])[
            ["metric", "benchmark", "model", "published"]
        ]

    def tested_weights(self) -> list[str]:
        """Which weights each row was tested with."""
        return [
            f"Row {row['row']}: {'EMA' if row['Psi_EMA'] else 'raw'} weights of {row['model']}" for row in self.rows
        ]

    def comparisons(self) -> list[str]:
        """Paired differences of each row to the one before, with their intervals over images."""
        pairs = zip(
            zip(self.rows, self.scores, strict=True), zip(self.rows[1:], self.scores[1:], strict=True), strict=False
        )
        lines = []
        for (before, scores_before), (row, scores) in pairs:
            for metric in self.metrics:
                names = (f"row {before['row']}", f"row {row['row']}")
                difference = paired_difference(metric, names, scores_before, scores)
                if difference:
                    lines.append(f"{self.benchmark}, {METRICS[metric].label}: {difference}")
        return lines

    def remarks(self) -> list[str]:
        """What a reader of the paper's row 1 must know."""
        return [
            "The paper's row 1 is the official ESRGAN, trained on other data with another perceptual loss, batch and "
            "schedule: it is no control. Row 1' is."
        ]
