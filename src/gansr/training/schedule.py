"""The learning rate over the iterations of a training."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiStepLR


def build_scheduler(optimizer: Optimizer, method: dict[str, Any]) -> LRScheduler:
    """The scheduler of a method's `schedule`, to be stepped after every iteration."""
    schedule = method["schedule"]
    if "periods" not in schedule:
        return MultiStepLR(optimizer, schedule["milestones"], schedule["gamma"])
    base, period = method["optimizer"]["learning_rate"], method["iterations"] // schedule["periods"]
    shape = {key: schedule[key] for key in ("warmup", "warmup_factor", "minimum")}
    return LambdaLR(optimizer, lambda done: cosine_with_restarts(done, base, period, **shape) / base)


def cosine_with_restarts(
    done: int, base: float, period: int, warmup: int, warmup_factor: float, minimum: float
) -> float:
    """The learning rate of Beby-GAN's code after `done` iterations.

    Each period warms up for `warmup` iterations, linearly from `warmup_factor` (0 stands for the minimum
    and 1 for the base), and then follows half a cosine down to the minimum. The first iteration of every
    period but the first is at the minimum.
    """
    passed = done % period
    if passed == 0 and done > 0:
        height = 0.0
    elif passed < warmup:
        height = warmup_factor + (1 - warmup_factor) * passed / warmup
    else:
        height = (1 + math.cos(math.pi * (passed - warmup) / (period - warmup))) / 2
    return minimum + (base - minimum) * height
