"""How tables print each metric: its name and number of decimals in the papers' tables."""

from __future__ import annotations

from dataclasses import dataclass

from gansr.config.metrics import ROWS


@dataclass(frozen=True)
class TableMetric:
    """A metric's name and decimals in the published tables, and whether higher is better."""

    label: str
    digits: int
    higher_is_better: bool

    @property
    def arrow(self) -> str:
        """The label with the papers' arrow."""
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"

    def text(self, value: float | None) -> str:
        """The value as printed; empty for None."""
        return "" if value is None else f"{value:.{self.digits}f}"


METRICS = {row.name: TableMetric(row.label, row.digits, row.higher_is_better) for row in ROWS}


def best(values: list[float | None], metric: TableMetric) -> list[bool]:
    """Which values are the best, compared as printed: all of several equal ones; none if there is only one value."""
    printed = [None if value is None else round(value, metric.digits) for value in values]
    contending = [value for value in printed if value is not None]
    if len(contending) < 2:
        return [False] * len(values)
    winner = max(contending) if metric.higher_is_better else min(contending)
    return [value == winner for value in printed]
