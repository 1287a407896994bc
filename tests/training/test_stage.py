"""A stage that trains no generator shares the loop: its log, its state, and bit for bit how it goes on."""

import json
import os
import signal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gansr.training.engine import Engine
from gansr.training.loop import InterruptedTrainingError, TrainingLoop
from gansr.training.state_folder import StateFolder
from gansr.training.world import World

ITERATIONS = 8


class RankingStep:
    """Trains a network to rank the better of two images higher; a batch is three tensors, and dropout is random."""

    def __init__(self, stop_at=None):
        torch.manual_seed(0)
        self.engine = Engine(torch.device("cpu"))
        self.ranker = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(72, 1))
        self.optimizer = torch.optim.Adam(self.ranker.parameters(), lr=1e-2)
        self.done, self.learning_rate, self.stop_at = 0, 1e-2, stop_at

    def __call__(self, better, worse, margin):
        loss = F.relu(self.ranker(worse) - self.ranker(better) + margin).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done += 1
        if self.done == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"ranking": loss.detach()}

    def settle(self):
        """Nothing is left to look at."""

    @property
    def published(self):
        return {"ranker": self.ranker}

    def state(self):
        networks = {"ranker": self.ranker.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {"done": self.done, **networks}

    def restore(self, state):
        self.done = state["done"]
        self.ranker.load_state_dict(state["ranker"])
        self.optimizer.load_state_dict(state["optimizer"])


class Pairs:
    """Batches of a stage of its own, each made from its number."""

    def __init__(self):
        self.state = {"number": 0}

    def restore(self, state):
        self.state = dict(state)

    def start(self):
        """Nothing is made ahead."""

    def next(self):
        random = torch.Generator().manual_seed(self.state["number"])
        self.state = {"number": self.state["number"] + 1}
        better, worse = (torch.rand(2, 3, 8, 8, generator=random) for _ in range(2))
        return better, worse, torch.full((2, 1), 0.5)

    def close(self):
        """Nothing is left."""


def run(folder, stop_at=None):
    """The step and the log of a training, from wherever an earlier one left off."""
    step, state = RankingStep(stop_at), StateFolder(folder, {"stage": "ranker"})
    with state.owned():
        loop = TrainingLoop("ranker", ITERATIONS, step, step, Pairs(), state, None, World(), None, 0, None)
        loop.run()
    return step, [json.loads(line)["losses"] for line in state.log.read_text().splitlines()]


def test_it_is_stopped_and_goes_on_bit_for_bit(tmp_path):
    straight, log = run(tmp_path / "straight")
    with pytest.raises(InterruptedTrainingError, match="ranker: stopped at iteration 3, state saved"):
        run(tmp_path / "stopped", stop_at=3)
    resumed, log_of_both = run(tmp_path / "stopped")
    assert resumed.done == straight.done == ITERATIONS
    for one, other in zip(resumed.ranker.parameters(), straight.ranker.parameters(), strict=True):
        assert torch.equal(one, other)
    assert log_of_both == log and [set(line) for line in log] == [{"ranking"}] * ITERATIONS
