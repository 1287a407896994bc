"""Progress with rate and time left: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tqdm import tqdm

logger = logging.getLogger("gansr")

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts steps towards a total and shows the progress.

    With a log file (under Snakemake, where several jobs share the terminal) it prints a line every 15 seconds; by hand
    on a terminal it draws tqdm's bar. `total` is None if it is unknown. With the unit "B" steps are bytes, shown as kB,
    MB and GB.
    """

    lines_only = False

    def __init__(self, title: str, total: int | None, start: int = 0, unit: str = "it") -> None:
        self.title, self.total, self.start, self.unit = title, total, start, unit
        self.done = start
        self.started = self.last_line = time.monotonic()
        self.bytes = unit == "B"
        bar = sys.stderr.isatty() and not Progress.lines_only
        self.bar = tqdm(desc=title, total=total, initial=start, unit=unit, unit_scale=self.bytes) if bar else None

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Count `steps` more; `note` is shown beside the progress, a loss for instance."""
        self.done += steps
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(steps)
        elif time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._line(note)

    def close(self) -> None:
        """Close the bar, or print a last line."""
        if self.bar is not None:
            self.bar.close()
        else:
            self._line("")

    def _line(self, note: str) -> None:
        self.last_line = time.monotonic()
        meter = tqdm.format_meter(
            n=self.done,
            total=self.total or 0,
            elapsed=self.last_line - self.started,
            initial=self.start,
            prefix=self.title,
            unit=self.unit,
            unit_scale=self.bytes,
            postfix=note,
            ncols=0,
        )
        logger.info(meter)


def progress(items: Sequence[Item], title: str, unit: str = "image") -> Iterator[Item]:
    """Yield the items and show the progress."""
    counter = Progress(title, len(items), unit=unit)
    for item in items:
        yield item
        counter.advance()
    counter.close()
