"""Loss terms by the name of their file."""

from __future__ import annotations

import importlib
from typing import Any

from gansr.losses.base import LossContext, LossTerm


def loss_class(name: str) -> type[LossTerm]:
    """The class derived from LossTerm in losses/<name>.py."""
    module = importlib.import_module(f"gansr.losses.{name}")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, LossTerm) and value.__module__ == module.__name__
    )


def build_loss(name: str, options: dict[str, Any], context: LossContext) -> LossTerm:
    """A loss term from its checked options."""
    return loss_class(name)(context, **options)
