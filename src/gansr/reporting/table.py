"""What every table has: the forms it is written in, what stands beside it, and what its notes say."""

from __future__ import annotations

from abc import ABC, abstractmethod
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
        """Metrics of the table that could not be computed, with the reason."""
        reasons = {metric: reason for *_, scores in self.cells() for metric, reason in scores.unavailable.items()}
        return {metric: reasons[metric] for metric in self.metrics if metric in reasons}

    def protocols(self) -> dict[str, str]:
        """The protocol of each metric of the table that was computed."""
        protocols = self.cells()[0][2].protocols
        return {metric: protocols[metric] for metric in self.metrics if metric not in self.unavailable()}

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
