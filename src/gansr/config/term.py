"""The loss terms of a method: read, checked against their files, and with the defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import NonNegativeFloat, ValidationError

from gansr.errors import UserError, nearest
from gansr.schema import plugins
from gansr.schema.loading import one_line
from gansr.schema.section import Section

OF_EVERY_TERM = ("loss", "weight", "view")  # keys that are no options of a loss file
RGB = 3


class LossWeight(Section):
    """The key that every loss term must have."""

    weight: NonNegativeFloat


@dataclass(frozen=True)
class Term:
    """One weighted term of the objective.

    `loss` is its file in losses/. `view` (a name and options) transforms the images that it and its critic get; with
    None they get the images themselves.
    """

    name: str
    loss: str
    weight: float
    view: dict[str, Any] | None
    options: dict[str, Any]

    @classmethod
    def of(cls, name: str, given: dict[str, Any]) -> Term:
        """The term that a checked mapping of a method's `losses` describes."""
        options = {key: value for key, value in given.items() if key not in OF_EVERY_TERM}
        return cls(name, given.get("loss", name), given["weight"], given.get("view"), options)

    @property
    def has_critic(self) -> bool:
        """Whether a network trains against it."""
        return bool(plugins.fact("loss", self.loss, "NEEDS_CRITIC", False))

    @property
    def needs_ema(self) -> bool:
        """Whether it reads the EMA model's SR."""
        asked = plugins.function("loss", self.loss, "needs_ema")
        return asked is not None and bool(asked(self.options))

    @property
    def judges(self) -> list[str]:
        """The names of the weight files that it reads."""
        named = plugins.function("loss", self.loss, "judges")
        return list(named(self.options)) if named else []

    @property
    def channels(self) -> int:
        """How many channels the images have after its view."""
        if self.view is None:
            return RGB
        counted = plugins.function("view", self.view["name"], "channels")
        options = {key: value for key, value in self.view.items() if key != "name"}
        return int(counted(options)) if counted else RGB


def complete_term(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The mapping of one term, checked, with the defaults of its loss and view filled in.

    `loss` is left out where it is the term's name, and `view` where the images themselves are shown.

    Raises:
        ValueError: an unknown loss or view, no weight, or an option that the file does not have.
    """
    if not name.isidentifier() or name == "discriminator":
        raise ValueError(f'"{name}" cannot name a term; use letters, digits and _, and not "discriminator"')
    loss = given.get("loss", name)
    if loss not in plugins.names("loss"):
        raise ValueError(f'unknown loss "{loss}"; {nearest(str(loss), plugins.names("loss"))}')
    options = {key: value for key, value in given.items() if key not in OF_EVERY_TERM}
    if options and not plugins.schema("loss", loss).model_fields:
        raise ValueError(f'{name}: unknown key "{next(iter(options))}"; this loss has no options but weight')
    try:
        weight = LossWeight.model_validate({key: given[key] for key in given if key == "weight"}).weight
    except ValidationError as error:
        raise ValueError(f"{name}.{one_line(error)}") from None
    complete = {"weight": weight, **complete_options("loss", loss, options, name)}
    if loss != name:
        complete["loss"] = loss
    if given.get("view") is not None:
        try:
            complete["view"] = complete_plugin("view", "name", given["view"])
        except ValueError as error:
            raise ValueError(f"{name}.view: {error}") from None
    return complete


def complete_plugin(kind: plugins.Kind, key: str, given: Any) -> dict[str, Any]:
    """A mapping that names a plug-in under `key`, with its options checked and the defaults filled in.

    Raises:
        ValueError: `given` is no mapping, names no or an unknown plug-in, or has an option that the file does not have.
    """
    known = plugins.names(kind)
    if not isinstance(given, dict):
        raise ValueError(f"{given!r} is no {kind}; give a mapping such as {{{key}: {known[0]}}}")
    if key not in given:
        raise ValueError(f"{key} is missing; valid: {', '.join(known)}")
    chosen = given[key]
    if not isinstance(chosen, str):
        raise ValueError(f"{key} is {chosen!r}; valid: {', '.join(known)}")
    rest = {option: value for option, value in given.items() if option != key}
    return {key: chosen, **complete_options(kind, chosen, rest, chosen)}


def complete_options(kind: plugins.Kind, name: str, given: dict[str, Any], place: str) -> dict[str, Any]:
    """The options of a plug-in, checked against its file, with the defaults filled in; `place` opens error messages.

    Raises:
        ValueError: an unknown plug-in, or an option that its file does not have.
    """
    try:
        return plugins.schema(kind, name).model_validate(given).model_dump(mode="json")
    except UserError as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        raise ValueError(f"{place}: {one_line(error)}") from None


def changed_term(name: str, complete: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a term without the options that are the defaults."""
    term = Term.of(name, complete)
    changed: dict[str, Any] = {key: complete[key] for key in ("loss", "weight") if key in complete}
    if term.view is not None:
        changed["view"] = changed_plugin("view", "name", term.view)
    return changed | plugins.changed_options("loss", term.loss, term.options)


def changed_plugin(kind: plugins.Kind, key: str, complete: dict[str, Any]) -> dict[str, Any]:
    """A mapping that names a plug-in under `key`, without the options that are the defaults."""
    options = {option: value for option, value in complete.items() if option != key}
    return {key: complete[key], **plugins.changed_options(kind, complete[key], options)}
