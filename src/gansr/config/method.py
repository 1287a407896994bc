"""A method: loss terms with weights, critics and a training schedule. Data, not code."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator
from pydantic import model_validator as check

from gansr.config.method_checks import TOLD, check_critics, check_generator, check_plugins, check_schedule
from gansr.config.schedule import MultiStep, Schedule
from gansr.config.term import Term, changed_plugin, changed_term, complete_plugin, complete_term
from gansr.schema import plugins
from gansr.schema.section import Section

Stage = Literal["pretrain", "finetune"]
Variant = Literal["release", "paper"]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """Adam, the same for the generator and every critic."""

    learning_rate: PositiveFloat
    betas: tuple[Beta, Beta]


class ParameterGroup(Section):
    """A parameter group of the generator, with an Adam of its own.

    `starts` is the first iteration, counted from 1, in which it is updated, `rate` a factor on the learning rate.
    """

    starts: PositiveInt = 1
    rate: PositiveFloat = 1.0


class Recipe(Section):
    """What a training does: loss terms with weights, critics, optimiser, schedule and batches.

    `losses` are the terms by their names. `critics` are the networks that terms train against (discriminators), by the
    term's name; `discriminator` is short for the critic of the term `adversarial`. `groups` are the parameter groups of
    the generator that have settings of their own.
    """

    shorthands: ClassVar[tuple[str, ...]] = ("discriminator",)

    losses: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    critics: dict[str, dict[str, Any]] = Field(default_factory=dict)
    groups: dict[str, ParameterGroup] = Field(default_factory=dict)
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    optimizer: Optimizer
    schedule: Schedule = MultiStep()
    iterations: PositiveInt
    batch_size: PositiveInt
    patch_size: PositiveInt

    @property
    def terms(self) -> list[Term]:
        """All loss terms, including those of weight 0."""
        return [Term.of(name, given) for name, given in self.losses.items()]

    @property
    def used_terms(self) -> list[Term]:
        """The loss terms of positive weight."""
        return [term for term in self.terms if term.weight > 0]

    @property
    def used_critics(self) -> dict[str, dict[str, Any]]:
        """The critics of the terms of positive weight, by the term's name."""
        used = {term.name for term in self.used_terms}
        return {name: critic for name, critic in self.critics.items() if name in used}

    @property
    def judges(self) -> list[str]:
        """The names of the weight files that the terms read."""
        return list(dict.fromkeys(name for term in self.used_terms for name in term.judges))

    @property
    def plugin_files(self) -> list[tuple[plugins.Kind, str]]:
        """Kind and name of every plug-in that a training by this method uses, except the generator."""
        found: list[tuple[plugins.Kind, str]] = [("loss", term.loss) for term in self.used_terms]
        found += [("view", term.view["name"]) for term in self.used_terms if term.view is not None]
        found += [("critic", critic["network"]) for critic in self.used_critics.values()]
        return list(dict.fromkeys(found))

    def changed_values(self) -> dict[str, Any]:
        """The values that differ from the defaults, options of plug-ins included."""
        data = self.model_dump(mode="json", include=set(Recipe.model_fields), exclude_defaults=True)
        data["losses"] = {name: changed_term(name, given) for name, given in self.losses.items()}
        if self.critics:
            data["critics"] = {
                name: changed_plugin("critic", "network", critic) for name, critic in self.critics.items()
            }
        return data

    @check(mode="before")
    @classmethod
    def _spell_out(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = spelt_out(data)
        if isinstance(data.get("critics"), dict):
            data = data | {"critics": {term: critic for term, critic in data["critics"].items() if critic is not None}}
        return data

    @field_validator("losses")
    @classmethod
    def _complete_terms(cls, losses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: complete_term(name, given) for name, given in losses.items()}

    @field_validator("critics")
    @classmethod
    def _complete_critics(cls, critics: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        complete = {}
        for term, given in critics.items():
            try:
                complete[term] = network_options("critic", given)
            except ValueError as error:
                place = "adversarial (the discriminator)" if term == "adversarial" else term
                raise ValueError(f"{place}: {error}") from None
        return complete

    @field_validator("schedule", mode="before")
    @classmethod
    def _schedule_is_a_mapping(cls, given: Any) -> Any:
        if not isinstance(given, dict | Section):
            raise ValueError(f"{given!r} is no schedule; give its keys, such as {{milestones: []}} for a constant rate")
        return given

    @check(mode="after")
    def _parts_fit_together(self) -> Self:
        if not self.used_terms:
            raise ValueError("losses: all weights are 0; give one a positive weight")
        check_critics(self.terms, self.critics)
        check_schedule(self.schedule, self.iterations, self.optimizer.learning_rate)
        for name, group in self.groups.items():
            if group.starts > self.iterations:
                raise ValueError(f"groups.{name}.starts {group.starts} is beyond the {self.iterations} iterations")
        check_plugins(self.used_terms, self.critics, {key: getattr(self, key) for key in TOLD})
        return self

    def check_generator(self, generator: dict[str, Any]) -> None:
        """Refuse a generator, its `network` with options, that this method cannot train.

        Raises:
            ValueError: with the place in the method and the way out.
        """
        check_generator(self.used_terms, self.groups, generator)


class Method(Recipe):
    """One file of config/methods: the training settings of a paper, in one of its variants."""

    title: str
    paper: str = ""
    variant: Variant = "release"
    stage: Stage


def spelt_out(given: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a method, or a part of one, with `discriminator` replaced by `critics.adversarial`.

    Raises:
        ValueError: the critic of the adversarial term is given twice.
    """
    if "discriminator" not in given:
        return given
    critics = given.get("critics") or {}
    if isinstance(critics, dict) and "adversarial" in critics:
        raise ValueError("discriminator is short for critics.adversarial, which is there as well; give one of the two")
    rest = {key: value for key, value in given.items() if key not in ("discriminator", "critics")}
    return rest | {"critics": {**critics, "adversarial": given["discriminator"]}}


def in_short(spelt: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a method with `critics.adversarial` replaced by `discriminator`, as in method files."""
    short: dict[str, Any] = {}
    for key, value in spelt.items():
        if key == "critics" and "adversarial" in value:
            short["discriminator"] = value["adversarial"]
            value = {term: critic for term, critic in value.items() if term != "adversarial"}
        short[key] = value
    return short


def network_options(kind: Literal["generator", "critic"], given: dict[str, Any]) -> dict[str, Any]:
    """Check the options of a network against its file and fill in the defaults.

    Raises:
        ValueError: no or an unknown network, or an option that its file does not have.
    """
    return complete_plugin(kind, "network", given)
