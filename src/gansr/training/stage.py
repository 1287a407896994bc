"""What a stage of training offers to the loop that runs it.

A stage trains something: the generator (training/step.py), or a network that a later training reads. Whatever it is,
the loop draws batches, asks for iterations, saves and restores the state, watches the values, stops on a signal and
publishes the networks. A new stage is a file with a class like TrainingStep, and a loader of its batches.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from gansr.training.engine import Engine


class NotFiniteError(Exception):
    """A loss term, or the trained network's output itself, became NaN or infinite.

    `late` says how many iterations ago: 0 where it was noticed at once, 1 where a captured graph ran meanwhile.
    """

    def __init__(self, what: str, value: float, late: int = 0) -> None:
        super().__init__(f"{what} became {value}")
        self.late = late


class Iteration(Protocol):
    """One iteration on a batch: a step itself, or its captured graph."""

    def __call__(self, *args: Any, **keywords: Any) -> dict[str, Tensor]:
        """Train on one batch, as the loader gives it; the value of each loss, by the name in the log, as scalars.

        Raises:
            NotFiniteError: a loss is NaN or infinite.
        """

    def settle(self) -> None:
        """Look at the losses of every iteration that was asked for.

        Raises:
            NotFiniteError: one of them is NaN or infinite.
        """


class Step(Iteration, Protocol):
    """All that changes during a training, and how one iteration changes it."""

    engine: Engine
    done: int  # iterations; the loop counts one that it skips
    learning_rate: float  # of the latest iteration

    def state(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, random states aside, which the loop keeps."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`."""

    @property
    def published(self) -> dict[str, nn.Module]:
        """The networks that the training leaves, by the name of their file; the first is what snapshots are of."""


class Batches(Protocol):
    """Where a step's batches come from."""

    @property
    def state(self) -> dict[str, Any]:
        """Where it stands behind the latest batch that was taken."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; before `start`."""

    def start(self) -> None:
        """Begin to prepare batches."""

    def next(self) -> tuple[Tensor, ...]:
        """The next batch, on the training's device."""

    def close(self) -> None:
        """No more batches are asked for."""
