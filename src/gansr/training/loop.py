"""The loop over the iterations of a training: it resumes, logs, saves the state and stops."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gansr.errors import UserError
from gansr.training.snapshots import Snapshots
from gansr.training.stage import Batches, Iteration, NotFiniteError, Step
from gansr.training.state_folder import StateFolder
from gansr.training.stopping import CheckpointClock, stop_requests
from gansr.training.watch import Watch
from gansr.training.world import World

logger = logging.getLogger("gansr")

LOG_LINES = 200  # about so many lines in a training's log.jsonl


class InterruptedTrainingError(Exception):
    """A signal asked the training to stop; its state is saved."""


class TrainingLoop:
    """Runs a step (training/stage.py) until its iterations are done; `iterate` is the step itself or a CapturedStep."""

    def __init__(
        self,
        name: str,
        iterations: int,
        iterate: Iteration,
        step: Step,
        loader: Batches,
        folder: StateFolder,
        snapshots: Snapshots | None,
        world: World,
        checkpoint_every: int | None,
        most_skipped: int,
        tensorboard: Path | None,
    ) -> None:
        self.name, self.iterations = name, iterations
        self.iterate, self.step, self.loader = iterate, step, loader
        self.folder, self.snapshots, self.world = folder, snapshots, world
        self.clock = CheckpointClock(checkpoint_every)
        self.most_skipped, self.tensorboard = most_skipped, tensorboard
        self.iteration = 0
        self.seconds = 0.0
        self.resumed_at: list[int] = []
        self.skipped: list[int] = []

    def run(self) -> None:
        """Run all iterations that are left.

        Raises:
            UserError: a loss is NaN or infinite, or a checkpoint cannot be used.
            InterruptedTrainingError: a signal asked to stop.
        """
        self._resume()
        watch = None
        if self.world.is_first:
            watch = Watch(self.name, self.folder, self.iterations, self.iteration, self.tensorboard)
        self.loader.start()
        try:
            with stop_requests() as stop_requested:
                self._snapshot()
                while self.iteration < self.iterations:
                    self._advance(watch)
                    if self.world.any(stop_requested()):
                        self._save()
                        raise InterruptedTrainingError(
                            f"{self.name}: stopped at iteration {self.iteration}, state saved"
                        )
                    if self.world.any(self.clock.due(self.iteration) and self.world.is_first):
                        self.clock.timed(self._save)
            self._settle()
        finally:
            self.loader.close()
            if watch is not None:
                watch.close()

    def _advance(self, watch: Watch | None) -> None:
        """Run one iteration, and log its losses if they are due."""
        started = time.monotonic()
        values = self._iterate()
        self.iteration += 1
        self.seconds += time.monotonic() - started
        self._snapshot()
        logged = self._is_logged()
        if values is None or not (logged or (watch is not None and watch.is_due())):
            if watch is not None:
                watch.advance()
            return
        numbers = torch.stack(list(values.values())).double().cpu()
        if logged:
            numbers = self.world.mean(numbers)
        if watch is not None:
            watch.see(self._line(dict(zip(values, numbers.tolist(), strict=True))), logged)

    def _is_logged(self) -> bool:
        """Whether this iteration has a line in the log, where losses are means over all processes."""
        every = max(1, self.iterations // LOG_LINES)
        return self.iteration % every == 0 or self.iteration == self.iterations

    def _line(self, losses: dict[str, float]) -> dict[str, Any]:
        return {
            "iteration": self.iteration,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.step.learning_rate,
            "losses": {name: round(value, 8) for name, value in losses.items()},
        }

    def _iterate(self) -> dict[str, Tensor] | None:
        """Run the next iteration and return its losses; None if it was skipped."""
        batch = self.loader.next()
        try:
            return self.iterate(*batch)
        except NotFiniteError as error:
            self._skip(error)
            return None

    def _settle(self) -> None:
        try:
            self.iterate.settle()
        except NotFiniteError as error:
            self._skip(error)

    def _skip(self, error: NotFiniteError) -> None:
        """Count an iteration whose loss was not finite as skipped; an error if too many were."""
        number = self.iteration + 1 - error.late
        if len(self.skipped) < self.most_skipped:
            self.skipped.append(number)
            self.step.done += 1
            logger.info("%s: iteration %d: %s; skipped", self.name, number, error)
            return
        skipped = f" after {len(self.skipped)} that were skipped" if self.skipped else ""
        raise UserError(
            f"{self.name}: iteration {number}: {error}{skipped}; the last checkpoint before it, if one was "
            f"saved, is kept in {self.folder.path}; lower the learning rate or a weight"
        ) from None

    def _snapshot(self) -> None:
        if self.snapshots is not None:
            with self.step.engine.without_compiling():
                self.snapshots.take(next(iter(self.step.published.values())), self.iteration)

    def _save(self) -> None:
        self._settle()
        random = self.world.gather(_random_state(self.step.engine.device))
        if self.world.is_first:
            state = {
                "iteration": self.iteration,
                "seconds": self.seconds,
                "resumed_at": self.resumed_at,
                "skipped": self.skipped,
                "sampler": self.loader.state,
                "random": random,
                "step": self.step.state(),
            }
            self.folder.save(state, self.iteration)

    def _resume(self) -> None:
        state = self.folder.load()
        if state is not None:
            try:
                self.step.restore(state["step"])
                self.loader.restore(state["sampler"])
                _restore_random_state(state["random"][self.world.rank], self.step.engine.device)
                self.iteration, self.seconds = state["iteration"], state["seconds"]
                self.resumed_at = [*state["resumed_at"], self.iteration]
                self.skipped = list(state["skipped"])
            except (KeyError, IndexError, TypeError, ValueError, RuntimeError):
                raise UserError(
                    f"{self.folder.path}: its checkpoint is not one of this training; remove the folder"
                ) from None
            if self.world.is_first:
                logger.info("%s: going on after iteration %d", self.name, self.iteration)
        if self.snapshots is not None:
            self.snapshots.forget_after(self.iteration)


def _random_state(place: torch.device) -> dict[str, Tensor | None]:
    on_gpu = place.type == "cuda"
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state(place) if on_gpu else None}


def _restore_random_state(state: dict[str, Tensor | None], place: torch.device) -> None:
    assert state["cpu"] is not None
    torch.set_rng_state(state["cpu"])
    if place.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], place)
