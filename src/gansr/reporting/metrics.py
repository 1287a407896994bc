"""How each metric is called and printed in the papers' tables."""

from __future__ import annotations

from dataclasses import dataclass

from gansr.config.metrics import ROWS


@dataclass(frozen=True)
class TableMetric:
    """A metric's name in the published tables, its digits there, and which way is better."""

    label: str
    digits: int
    higher_is_better: bool

    @property
    def arrow(self) -> str:
        """The label with the papers' arrow."""
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"

    def text(self, value: float | None) -> str:
        """The value as printed; empty where there is none."""
        return "" if value is None else f"{value:.{self.digits}f}"


METRICS = {row.name: TableMetric(row.label, row.digits, row.higher_is_better) for row in ROWS}


def best(values: list[float | None], metric: TableMetric) -> list[bool]:
    """Which values are the best as printed; ties are all best, and one value alone has nothing to beat."""
    printed = [None if value is None else round(value, metric.digits) for value in values]
    contending = [value for value in printed if value is not None]
    if len(contending) < 2:
        return [False] * len(values)
    winner = max(contending) if metric.higher_is_better else min(contending)
    return [value == winner for value in printed]
