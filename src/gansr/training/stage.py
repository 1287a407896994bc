"""The interfaces that the training loop (training/loop.py) needs of what it trains.

A stage trains something: so far the generator (training/step.py); it could be a network that a later training reads.
For every stage the loop draws batches, runs iterations, saves and restores the state, logs the losses, stops on a
signal and publishes the networks. A new stage is a file with a class like TrainingStep, and a loader of its batches.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from gansr.training.engine import Engine


class NotFiniteError(Exception):
    """A loss term, or the output of the trained network itself, became NaN or infinite.

    `late` is the number of iterations that were run after it before it was noticed: 0 without a captured graph, and 1
    with one, whose losses are checked one iteration later.
    """

    def __init__(self, what: str, value: float, late: int = 0) -> None:
        super().__init__(f"{what} became {value}")
        self.late = late


class Iteration(Protocol):
    """One iteration on a batch: a step itself, or its captured graph."""

    def __call__(self, *args: Any, **keywords: Any) -> dict[str, Tensor]:
        """Train on one batch of the loader; returns the value of each loss as a scalar, by its name in the log.

        Raises:
            NotFiniteError: a loss is NaN or infinite.
        """

    def settle(self) -> None:
        """Check the losses of all iterations that were run, if some have not been checked yet.

        Raises:
            NotFiniteError: one of them is NaN or infinite.
        """


class Step(Iteration, Protocol):
    """All that changes during a training (networks, optimisers), and one iteration, which changes it."""

    engine: Engine
    done: int  # number of iterations done; the loop adds 1 for an iteration that it skips
    learning_rate: float  # that of the latest iteration

    def state(self) -> dict[str, Any]:
        """Everything needed to resume with bit-identical results, except random states, which the loop saves."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()`."""

    @property
    def published(self) -> dict[str, nn.Module]:
        """The networks to publish, by the name of their file; snapshots are taken of the first one."""


class Batches(Protocol):
    """A loader of a step's batches."""

    @property
    def state(self) -> dict[str, Any]:
        """The state after the latest batch that `next` has returned."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`; call it before `start`."""

    def start(self) -> None:
        """Begin to prepare batches."""

    def next(self) -> tuple[Tensor, ...]:
        """The next batch, on the training's device."""

    def close(self) -> None:
        """Stop preparing batches; `next` is not called any more."""
