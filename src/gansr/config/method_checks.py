"""Checks that the parts of a method fit together, and that a method can train a generator.

Checks of single plug-ins are in the plug-ins' files, as a function `check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gansr.config.schedule import MultiStep, Schedule
from gansr.config.term import Term
from gansr.errors import nearest
from gansr.schema import plugins

REST = "rest"  # the parameters of a generator that are in none of the groups that its file declares
TOLD = ("iterations", "batch_size", "patch_size", "ema_decay")  # keys of a method that are given to a plug-in's check


def check_critics(terms: list[Term], critics: Mapping[str, Any]) -> None:
    """Check that every term that needs a critic has one, and that every critic belongs to such a term.

    Raises:
        ValueError: with the way out.
    """
    named = {term.name: term for term in terms}
    against = [term.name for term in terms if term.has_critic]
    for name in against:
        if name in critics:
            continue
        if name == "adversarial":
            raise ValueError("the adversarial loss needs a discriminator; add one")
        raise ValueError(f"losses.{name} needs a critic to train against; add one as critics.{name}")
    for name in critics:
        if name in against:
            continue
        if name in named:
            raise ValueError(f"critics.{name}: the loss {named[name].loss} has no critic; remove it")
        if name == "adversarial":
            raise ValueError("a discriminator without the adversarial loss does nothing; remove it")
        raise ValueError(f"critics.{name}: there is no loss term of this name; {nearest(name, against)}")


def check_plugins(terms: list[Term], critics: Mapping[str, Any], told: dict[str, Any]) -> None:
    """Call the function `check(options, method)` in the files of the method's losses, views and critics.

    Args:
        terms: the terms of positive weight.
        critics: their critics, by the term's name.
        told: `method` of these functions: the method's values of the keys in `TOLD`.

    Raises:
        ValueError: with the place in the method and the way out.
    """
    for term in terms:
        if term.name in critics:
            critic = critics[term.name]
            _ask("critic", critic["network"], "check", "", _without(critic, "network"), told)
        if term.view is not None:
            place = f"losses.{term.name}.view: "
            _ask("view", term.view["name"], "check", place, _without(term.view, "name"), told)
        _ask("loss", term.loss, "check", f"losses.{term.name}: ", term.options, told)


def check_generator(terms: list[Term], groups: Iterable[str], generator: dict[str, Any]) -> None:
    """Refuse a generator that a method cannot train.

    Args:
        terms: the terms of positive weight.
        groups: the parameter groups that the method names.
        generator: the generator's `network` with its options.

    Raises:
        ValueError: the generator lacks an output or a parameter group.
    """
    network = generator["network"]
    outputs = plugins.fact("generator", network, "OUTPUTS", ())
    for term in terms:
        for output in plugins.fact("loss", term.loss, "NEEDS_OUTPUTS", ()):
            if output not in outputs:
                has = f"only {', '.join(outputs)}" if outputs else "nothing"
                raise ValueError(
                    f"losses.{term.name} needs the output {output} and {network} gives {has} beside SR; "
                    f"use another generator"
                )
    declared = plugins.fact("generator", network, "PARAMETER_GROUPS", {})
    for group in groups:
        if not declared:
            raise ValueError(f"groups.{group}: {network} has no parameter groups; remove it")
        if group not in (*declared, REST):
            raise ValueError(f'groups: {network} has no group "{group}"; {nearest(group, (*declared, REST))}')


def check_schedule(schedule: Schedule, iterations: int, rate: float) -> None:
    """Check that the values of a schedule fit each other and the number of iterations.

    Raises:
        ValueError: with the place in the method and the way out.
    """
    if isinstance(schedule, MultiStep):
        if sorted(set(schedule.milestones)) != list(schedule.milestones):
            raise ValueError("schedule.milestones must increase")
        return
    if iterations % schedule.periods:
        below = iterations - iterations % schedule.periods
        raise ValueError(
            f"iterations {iterations} is not a multiple of schedule.periods {schedule.periods}; "
            f"use {below} or {below + schedule.periods}, or set schedule.periods"
        )
    period = iterations // schedule.periods
    if schedule.warmup >= period:
        raise ValueError(f"schedule.warmup {schedule.warmup} does not end within a period of {period} iterations")
    if schedule.minimum > rate:
        raise ValueError(f"schedule.minimum {schedule.minimum} is above the learning rate")


def _ask(kind: plugins.Kind, name: str, question: str, place: str, *given: dict[str, Any]) -> None:
    """Call a function of a plug-in's file, if it has one of this name; `place` opens the message of its ValueError."""
    function = plugins.function(kind, name, question)
    if function is None:
        return
    try:
        function(*given)
    except ValueError as error:
        raise ValueError(f"{place}{error}") from None


def _without(given: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != key}
