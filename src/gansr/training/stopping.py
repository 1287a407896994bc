"""When a training saves its state, and when it stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SECONDS = 5.0  # between checkpoints
SHARE = 0.02  # of the training time may go into saving checkpoints


class CheckpointClock:
    """Decides when a checkpoint is due: every `every` iterations, or if that is None by time.

    By time, it is due every 5 seconds, or less often where saving would take more than 2 % of the time.
    """

    def __init__(self, every: int | None) -> None:
        self.every = every
        self.last = time.monotonic()
        self.cost = 0.0

    def due(self, iteration: int) -> bool:
        """Whether to save after this iteration."""
        if self.every is not None:
            return iteration % self.every == 0
        return time.monotonic() - self.last > max(SECONDS, self.cost / SHARE)

    def timed(self, save: Callable[[], None]) -> None:
        """Save, and note how long it took."""
        started = time.monotonic()
        save()
        self.last = time.monotonic()
        self.cost = self.last - started


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM, SIGINT and SIGUSR1 into a flag, so that the training stops only after the current iteration."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
