"""The learning rate over the iterations: the milestones of LDL's paper, and Beby-GAN's cosine with restarts."""

import math

import pytest
import torch

from gansr.training.schedule import cosine_with_restarts, learning_rate

BEBY = {"period": 200_000, "warmup": 2_000, "warmup_factor": 0.1, "minimum": 1e-7}


def rates(schedule, iterations, base=1e-4):
    """The learning rate that each iteration is made with."""
    method = {"schedule": schedule, "iterations": iterations, "optimizer": {"learning_rate": base}}
    return [learning_rate(method, done) for done in range(iterations)]


def test_without_milestones_the_rate_is_constant():
    assert set(rates({"milestones": [], "gamma": 0.5}, 5)) == {1e-4}


def test_the_rate_is_multiplied_at_each_milestone():
    assert rates({"milestones": [2, 4], "gamma": 0.5}, 6) == pytest.approx([1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5, 2.5e-5])


@pytest.mark.parametrize(("done", "rate"), [
    (0, 1e-7 + (1e-4 - 1e-7) * 0.1),  # the warm-up begins at a tenth
    (1_000, 1e-7 + (1e-4 - 1e-7) * 0.55),
    (2_000, 1e-4),  # the cosine begins at the base rate
    (101_000, 1e-7 + (1e-4 - 1e-7) / 2),
    (200_000, 1e-7),  # one iteration at the minimum, at the restart
    (200_001, 1e-7 + (1e-4 - 1e-7) * (0.1 + 0.9 / 2_000)),
    (202_000, 1e-4),
    (400_000, 1e-7),
    (501_000, 1e-7 + (1e-4 - 1e-7) / 2),
])  # fmt: skip
def test_beby_gans_rate_at_its_landmarks(done, rate):
    assert cosine_with_restarts(done, 1e-4, **BEBY) == pytest.approx(rate, rel=1e-12)


def test_a_period_falls_from_the_end_of_the_warm_up_to_the_minimum():
    found = [cosine_with_restarts(done, 1e-4, **BEBY) for done in range(2_000, 200_000, 500)]
    assert found == sorted(found, reverse=True)
    assert cosine_with_restarts(199_999, 1e-4, **BEBY) == pytest.approx(1e-7, rel=1e-4)


def test_milestones_give_the_rates_of_torchs_scheduler():
    schedule = {"milestones": [3, 5, 6], "gamma": 0.3}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, **schedule)
    expected = []
    for _ in range(9):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates(schedule, 9) == pytest.approx(expected, rel=1e-12)


def test_the_scheduler_follows_the_formula_through_every_restart():
    schedule = {"periods": 3, "warmup": 2, "warmup_factor": 0.5, "minimum": 1e-6}
    found = rates(schedule, 18, base=1e-3)
    height = [0.5, 0.75, *((1 + math.cos(math.pi * step / 4)) / 2 for step in range(4))]
    later = [0.0, *height[1:]]
    assert found == pytest.approx([1e-6 + (1e-3 - 1e-6) * h for h in (*height, *later, *later)])


def test_without_a_warm_up_the_first_iteration_has_the_base_rate():
    schedule = {"periods": 1, "warmup": 0, "warmup_factor": 0.1, "minimum": 1e-7}
    assert rates(schedule, 2)[0] == pytest.approx(1e-4)
