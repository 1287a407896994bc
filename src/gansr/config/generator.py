"""The options of a generator, checked and interpreted as its file declares."""

from __future__ import annotations

from typing import Any

from gansr.config.method import network_options
from gansr.schema import plugins


def generator_options(given: dict[str, Any]) -> dict[str, Any]:
    """All options of a generator, defaults filled in, checked against its file and by its `check(options)`.

    Raises:
        ValueError: no or an unknown network, an unknown option, or options that do not fit together.
    """
    options = network_options("generator", given)
    check = plugins.function("generator", options["network"], "check")
    if check is not None:
        check(options)
    return options


def smallest_lr(options: dict[str, Any]) -> int:
    """The smallest side of an LR image that the network takes, in pixels: its file's SMALLEST_LR, else 1."""
    return int(plugins.fact("generator", options["network"], "SMALLEST_LR", 1))


def weight_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options on which the shapes of the weights depend: all but those that its file names in TRAINING_ONLY."""
    left_out = _training_only(options)
    return {key: value for key, value in options.items() if key not in left_out}


def training_only(options: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The options that act in training alone and are not at their defaults: name to value and default."""
    defaults = plugins.default_options("generator", options["network"])
    chosen = {key: (options[key], defaults[key]) for key in _training_only(options)}
    return {key: (value, default) for key, (value, default) in chosen.items() if value != default}


def _training_only(options: dict[str, Any]) -> tuple[str, ...]:
    return tuple(plugins.fact("generator", options["network"], "TRAINING_ONLY", ()))
