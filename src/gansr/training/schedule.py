"""The learning rate over the iterations of a training."""

from __future__ import annotations

import math
from typing import Any


def learning_rate(method: dict[str, Any], done: int) -> float:
    """The learning rate of the next iteration after `done` iterations, by a method's `schedule`."""
    schedule, base = method["schedule"], float(method["optimizer"]["learning_rate"])
    if "periods" not in schedule:
        return base * float(schedule["gamma"]) ** sum(milestone <= done for milestone in schedule["milestones"])
    shape = {key: schedule[key] for key in ("warmup", "warmup_factor", "minimum")}
    return cosine_with_restarts(done, base, method["iterations"] // schedule["periods"], **shape)


def cosine_with_restarts(
    done: int, base: float, period: int, warmup: int, warmup_factor: float, minimum: float
) -> float:
    """The learning rate of Beby-GAN's code for the next iteration after `done` iterations.

    Each period begins with a linear warm-up of `warmup` iterations, from `warmup_factor` (0 is the minimum, 1 the base)
    to the base. Then the rate follows half a cosine down to the minimum. The first iteration of every period except the
    first period has the minimum.
    """
    passed = done % period
    if passed == 0 and done > 0:
        height = 0.0
    elif passed < warmup:
        height = warmup_factor + (1 - warmup_factor) * passed / warmup
    else:
        height = (1 + math.cos(math.pi * (passed - warmup) / (period - warmup))) / 2
    return minimum + (base - minimum) * height
