"""Build loss terms and views by the name of their file."""

from __future__ import annotations

import importlib
from typing import Any

from gansr.losses.base import LossContext, LossTerm
from gansr.losses.views.base import View


def loss_class(name: str) -> type[LossTerm]:
    """The class derived from LossTerm in losses/<name>.py."""
    found: type[LossTerm] = _class_in(f"gansr.losses.{name}", LossTerm)
    return found


def view_class(name: str) -> type[View]:
    """The class derived from View in losses/views/<name>.py."""
    found: type[View] = _class_in(f"gansr.losses.views.{name}", View)
    return found


def build_loss(name: str, options: dict[str, Any], context: LossContext) -> LossTerm:
    """A loss term from its checked options."""
    return loss_class(name)(context, **options)


def build_view(given: dict[str, Any]) -> View:
    """A view from its `name` and checked options."""
    options = {key: value for key, value in given.items() if key != "name"}
    return view_class(given["name"])(**options)


def _class_in(module_name: str, base: type) -> Any:
    module = importlib.import_module(module_name)
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    )
