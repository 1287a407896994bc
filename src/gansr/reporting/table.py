"""What every table has: the forms it is written in, what stands beside it, and what its notes say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from gansr.config.outputs import TABLE_METRICS
from gansr.reporting.metrics import METRICS, in_table_order
from gansr.reporting.scores import Scores, read_scores_of_seeds


class Table(ABC):
    """A paper's table as a run makes it: `name` is its key in the configuration, `title` its heading."""

    name: ClassVar[str]
    title: ClassVar[str]
    published_digits: ClassVar[dict[str, int]] = {}  # by metric, where the paper prints others than METRICS

    def __init__(self, data: dict[str, Any], run_folder: Path) -> None:
        self.run_folder = run_folder
        self.benchmarks: dict[str, list[str]] = data["benchmarks"]
        self.metrics = in_table_order(data["metrics"], TABLE_METRICS[self.name])

    def _read_scores(self, scored: list[str], benchmark: str) -> Scores:
        return read_scores_of_seeds(self.run_folder, scored, benchmark, self.benchmarks[benchmark], self.metrics)

    @abstractmethod
    def cells(self) -> list[tuple[str, str, Scores]]:
        """The scores that the table's cells are means of: the cell's model or row, its benchmark, the scores."""

    @abstractmethod
    def csv(self) -> pd.DataFrame:
        """The table's numbers."""

    @abstractmethod
    def markdown(self) -> str:
        """The table for reading."""

    @abstractmethod
    def latex(self, caption: str) -> str:
        """The table for a paper."""

    @abstractmethod
    def measured(self) -> pd.DataFrame:
        """One row per cell: its mean with its interval over images; empty where it could not be computed."""

    @abstractmethod
    def published(self, file: Path) -> pd.DataFrame:
        """The paper's values that may stand beside a cell: metric, benchmark, model, published."""

    def unavailable(self) -> dict[str, str]:
        """Metrics of the table that could not be computed, with the reason, and for which cells if not for all."""
        cells = self.cells()
        found: dict[tuple[str, str], dict[str, list[str]]] = {}
        for name, benchmark, scores in cells:
            for metric in self.metrics:
                if metric in scores.unavailable:
                    found.setdefault((metric, scores.unavailable[metric]), {}).setdefault(name, []).append(benchmark)
        tested = Counter(name for name, *_ in cells)
        lines: dict[str, list[str]] = {}
        for (metric, reason), places in found.items():
            whole = [name for name, benchmarks in places.items() if len(benchmarks) == tested[name]]
            parts = [f"{name} on {', '.join(places[name])}" for name in places if name not in whole]
            where = "" if len(whole) == len(tested) else f" ({'; '.join([*whole, *parts])})"
            lines.setdefault(metric, []).append(f"{reason}{where}")
        return {metric: "; ".join(lines[metric]) for metric in self.metrics if metric in lines}

    def protocols(self) -> list[tuple[str, str, list[str]]]:
        """How the metrics were computed: metric, protocol, and the cells of that protocol where there are several."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, _, scores in self.cells():
            for metric in self.metrics:
                if scores.mean(metric) is not None:
                    names = found.setdefault((metric, scores.protocols[metric]), [])
                    names += [name] if name not in names else []
        kinds = [metric for metric, _ in found]
        lines = [(metric, text, names if kinds.count(metric) > 1 else []) for (metric, text), names in found.items()]
        return sorted(lines, key=lambda line: self.metrics.index(line[0]))

    def spreads(self) -> list[str]:
        """How far the means of models that were trained with several seeds lie apart, by benchmark and metric."""
        lines = []
        for name, benchmark, scores in self.cells():
            spreads = {metric: scores.spread(metric) for metric in self.metrics}
            known = [
                f"{METRICS[m].label} {value:.{METRICS[m].digits}f}" for m, value in spreads.items() if value is not None
            ]
            if known:
                lines.append(f"{name} on {benchmark}, {len(scores.by_seed)} seeds: {', '.join(known)}")
        return lines

    @abstractmethod
    def tested_weights(self) -> list[str]:
        """Which weights each model was tested with."""

    @abstractmethod
    def comparisons(self) -> list[str]:
        """Paired differences between models, with their intervals over images."""

    def remarks(self) -> list[str]:
        """What a reader of the published values must know."""
        return []
