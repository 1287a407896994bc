"""The scores of a table, model x benchmark x metric, and what is computed from them for every layout."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

from gansr.errors import UserError
from gansr.plan.jobs.table import TableEntry, TableJob
from gansr.reporting.metrics import METRICS, best
from gansr.reporting.scores import Scores, marks, paired_difference, read_scores_of_seeds

Line = tuple[str, str]  # metric, benchmark


class Cube:
    """The scores of a table's models on its benchmarks, and their means.

    Raises:
        UserError: scores are missing, or do not cover their benchmark.
    """

    def __init__(self, job: TableJob, images: dict[str, list[str]], run_folder: Path) -> None:
        self.job = job
        self.entries = job.entries
        self.metrics = list(job.metrics)
        absent = [benchmark for benchmark in job.benchmarks if benchmark not in images]
        if absent:
            raise UserError(f"the table {job.name}: no images of {absent[0]} are given; name its folder")
        self.benchmarks = {benchmark: images[benchmark] for benchmark in job.benchmarks}
        self.scores: dict[tuple[str, str], Scores] = {
            (benchmark, entry.name): read_scores_of_seeds(
                run_folder, list(entry.scored), benchmark, self.benchmarks[benchmark], self.metrics
            )
            for benchmark in self.benchmarks
            for entry in self.entries
        }
        self.lines: list[Line] = [(metric, benchmark) for metric in self.metrics for benchmark in self.benchmarks]
        self.means = {
            (metric, benchmark): [self.scores[benchmark, entry.name].mean(metric) for entry in self.entries]
            for metric, benchmark in self.lines
        }

    def label(self, entry: TableEntry) -> str:
        """The name of a model in the notes and in _vs_published.csv: its heading, or "row" and its label."""
        return f"row {entry.name}" if self.job.table.models_are_rows else entry.name

    def cells(self) -> list[tuple[str, str, Scores]]:
        """The scores of every model on every benchmark: the model's label, the benchmark, the scores."""
        return [
            (self.label(entry), benchmark, self.scores[benchmark, entry.name])
            for benchmark in self.benchmarks
            for entry in self.entries
        ]

    def texts(self, line: Line) -> list[str]:
        """The means of one metric on one benchmark as they are printed."""
        return [METRICS[line[0]].text(mean) for mean in self.means[line]]

    def bold(self, line: Line) -> tuple[list[bool], list[str]]:
        """For each column whether it is the best of its group, and the mark ≈ if it is not shown to be better.

        References are never the best.
        """
        metric, benchmark = line
        bold, marked = [False] * len(self.entries), [""] * len(self.entries)
        for group in {entry.group for entry in self.entries}:
            inside = [n for n, entry in enumerate(self.entries) if entry.group == group and not entry.reference]
            wins = best([self.means[line][n] for n in inside], METRICS[metric])
            contenders = [self.scores[benchmark, self.entries[n].name] for n in inside]
            for n, won, mark in zip(inside, wins, marks(metric, contenders, wins), strict=True):
                bold[n], marked[n] = won, mark
        return bold, marked

    def comparisons(self) -> list[str]:
        """Paired differences with their intervals over images.

        If models are columns, each is compared with every other of its group; if rows, each with the one before.
        """
        pairs: list[tuple[TableEntry, TableEntry]] = list(pairwise(self.entries))
        if not self.job.table.models_are_rows:
            contenders = [entry for entry in self.entries if not entry.reference]
            pairs = [(one, other) for one, other in combinations(contenders, 2) if one.group == other.group]
        lines = []
        for one, other in pairs:
            for metric, benchmark in self.lines:
                scores = (self.scores[benchmark, entry.name] for entry in (one, other))
                difference = paired_difference(metric, (self.label(one), self.label(other)), *scores)
                if difference:
                    lines.append(f"{benchmark}, {METRICS[metric].label}: {difference}")
        return lines

    def unavailable(self) -> dict[str, str]:
        """For each metric of the table that could not be computed: the reasons, and the cells if not all are empty."""
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
        """Standard deviations over seeds, of models that were trained with several, by benchmark and metric."""
        lines = []
        for name, benchmark, scores in self.cells():
            spreads = {metric: scores.spread(metric) for metric in self.metrics}
            known = [
                f"{METRICS[m].label} {value:.{METRICS[m].digits}f}" for m, value in spreads.items() if value is not None
            ]
            if known:
                lines.append(f"{name} on {benchmark}, {len(scores.by_seed)} seeds: {', '.join(known)}")
        return lines
