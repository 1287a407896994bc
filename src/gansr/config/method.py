"""A method: loss terms with weights, a discriminator and a training schedule. Data, not code."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationError,
    field_validator,
)
from pydantic import model_validator as check

from gansr.config import plugins
from gansr.config.loading import one_line
from gansr.config.section import Section
from gansr.errors import UserError, nearest

Stage = Literal["pretrain", "finetune"]
Variant = Literal["release", "paper"]
HALVINGS = {"unet_sn": 3}  # of discriminators whose number of stages is fixed
Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """Adam, the same for the generator and the discriminator."""

    learning_rate: PositiveFloat
    betas: tuple[Beta, Beta]


class MultiStep(Section):
    """The learning rate is multiplied by gamma at each milestone (an iteration); none: constant."""

    milestones: tuple[PositiveInt, ...] = ()
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5


class CosineRestarts(Section):
    """Equal periods, each a linear warm-up and half a cosine (training/schedule.py has the formula)."""

    periods: PositiveInt
    warmup: NonNegativeInt
    warmup_factor: Annotated[float, Field(ge=0, le=1)]
    minimum: PositiveFloat


def schedule_kind(given: Any) -> str:
    """The tag of the schedule that a mapping's keys belong to."""
    keys = given if isinstance(given, dict) else type(given).model_fields if isinstance(given, Section) else {}
    return "[cosine]" if set(keys) & set(CosineRestarts.model_fields) else "[multistep]"


# The tag of a branch stands in brackets, so that it is told apart from a key in an error's place.
Schedule = Annotated[
    Annotated[MultiStep, Tag("[multistep]")] | Annotated[CosineRestarts, Tag("[cosine]")],
    Discriminator(schedule_kind),
]


class LossWeight(Section):
    """The key that every loss term has."""

    weight: NonNegativeFloat


class Recipe(Section):
    """What a training does: loss terms with weights, a discriminator, optimiser, schedule and batches."""

    losses: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    discriminator: dict[str, Any] | None = None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    optimizer: Optimizer
    schedule: Schedule = MultiStep()
    iterations: PositiveInt
    batch_size: PositiveInt
    patch_size: PositiveInt

    @property
    def plugins(self) -> list[tuple[plugins.Kind, str]]:
        """The plug-in files that the training runs, by kind and name."""
        used: list[tuple[plugins.Kind, str]] = [("loss", name) for name in self.losses]
        return used + ([("critic", self.discriminator["network"])] if self.discriminator else [])

    def changed_values(self) -> dict[str, Any]:
        """The values that differ from the defaults, those of plug-ins among them."""
        data = self.model_dump(mode="json", include=set(Recipe.model_fields), exclude_defaults=True)
        data["losses"] = {
            name: {"weight": given["weight"], **plugins.changed_options("loss", name, _without(given, "weight"))}
            for name, given in self.losses.items()
        }
        if self.discriminator:
            data["discriminator"] = changed_network_options("critic", self.discriminator)
        return data

    @property
    def needs_vgg19(self) -> bool:
        """Whether a loss term needs the pretrained VGG19."""
        perceptual = self.losses.get("perceptual", {"weight": 0})
        return bool(perceptual["weight"] > 0 and perceptual["weights"] == "pretrained")

    @field_validator("losses")
    @classmethod
    def _fill_loss_options(cls, losses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: _loss_options(name, given) for name, given in losses.items()}

    @field_validator("discriminator")
    @classmethod
    def _fill_discriminator_options(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if given is None else network_options("critic", given)

    @field_validator("schedule", mode="before")
    @classmethod
    def _schedule_is_a_mapping(cls, given: Any) -> Any:
        if not isinstance(given, dict | Section):
            raise ValueError(f"{given!r} is no schedule; give its keys, such as {{milestones: []}} for a constant rate")
        return given

    @check(mode="after")
    def _parts_fit_together(self) -> Self:
        if not any(loss["weight"] > 0 for loss in self.losses.values()):
            raise ValueError("losses: all weights are 0; give one a positive weight")
        used = {name: loss for name, loss in self.losses.items() if loss["weight"] > 0}
        _check_discriminator(self)
        _check_schedule(self)
        if "artifact" in used:
            _check_artifact(used["artifact"], self)
        if "perceptual" in self.losses:
            _check_perceptual(self.losses["perceptual"], self.patch_size)
        if "best_buddy" in used:
            _check_best_buddy(used["best_buddy"], self.patch_size)
        return self


class Method(Recipe):
    """One file of config/methods; reading it is reading the paper's training section."""

    title: str
    paper: str = ""
    variant: Variant = "release"
    stage: Stage


def _check_discriminator(method: Recipe) -> None:
    adversarial, discriminator = method.losses.get("adversarial"), method.discriminator
    if adversarial is not None and discriminator is None:
        raise ValueError("the adversarial loss needs a discriminator; add one")
    if adversarial is None and discriminator is not None:
        raise ValueError("a discriminator without the adversarial loss does nothing; remove it")
    if adversarial is None or discriminator is None:
        return
    if method.batch_size < 2 and discriminator["network"] == "vgg":
        raise ValueError("batch_size must be at least 2: the discriminator normalises over the batch")
    halvings = discriminator.get("stages", HALVINGS.get(discriminator["network"], 0))
    if method.patch_size % 2**halvings:
        raise ValueError(
            f"patch_size {method.patch_size} must be a multiple of {2**halvings}: "
            f"the discriminator halves it {halvings} times"
        )
    if adversarial["region_mask"] != "none" and adversarial["region_window"] > method.patch_size:
        raise ValueError(
            f"losses.adversarial.region_window {adversarial['region_window']} is larger than patch_size "
            f"{method.patch_size}"
        )


def _check_schedule(method: Recipe) -> None:
    schedule = method.schedule
    if isinstance(schedule, MultiStep):
        if sorted(set(schedule.milestones)) != list(schedule.milestones):
            raise ValueError("schedule.milestones must increase")
        return
    if method.iterations % schedule.periods:
        below = method.iterations - method.iterations % schedule.periods
        raise ValueError(
            f"iterations {method.iterations} is not a multiple of schedule.periods {schedule.periods}; "
            f"use {below} or {below + schedule.periods}, or set schedule.periods"
        )
    period = method.iterations // schedule.periods
    if schedule.warmup >= period:
        raise ValueError(f"schedule.warmup {schedule.warmup} does not end within a period of {period} iterations")
    if schedule.minimum > method.optimizer.learning_rate:
        raise ValueError(f"schedule.minimum {schedule.minimum} is above the learning rate")


def _check_artifact(artifact: dict[str, Any], method: Recipe) -> None:
    if artifact["ema_refine"] and method.ema_decay is None:
        raise ValueError("losses.artifact.ema_refine compares with the EMA model; set ema_decay")
    if artifact["window"] > method.patch_size:
        raise ValueError(f"losses.artifact.window {artifact['window']} is larger than patch_size {method.patch_size}")


def _check_perceptual(perceptual: dict[str, Any], patch_size: int) -> None:
    for layer in perceptual["layers"]:
        smallest = 2 ** (int(layer[4]) - 1)  # VGG19 halves the patch before each block but the first
        if patch_size < smallest:
            raise ValueError(f"losses.perceptual: {layer} needs a patch_size of at least {smallest}")
    if perceptual["weights"] == "pretrained" and perceptual["width"] != 64:
        raise ValueError("losses.perceptual: the pretrained VGG19 has width 64; set weights: random for another")


def _check_best_buddy(best_buddy: dict[str, Any], patch_size: int) -> None:
    if best_buddy["alpha"] == best_buddy["beta"] == 0:
        raise ValueError("losses.best_buddy: alpha and beta are both 0, every candidate is as good; raise one")
    if patch_size < 12:
        raise ValueError("losses.best_buddy: 3 x 3 patches of HR reduced by 4 need a patch_size of at least 12")
    if best_buddy["pyramid"] == "matlab_bicubic" and patch_size % 4:
        raise ValueError("losses.best_buddy: the pyramid needs a patch_size that is a multiple of 4")


def network_options(kind: Literal["generator", "critic"], given: dict[str, Any]) -> dict[str, Any]:
    """Check the options of a network against its file and fill in the defaults.

    Raises:
        ValueError: no or an unknown network, or an option that its file does not have.
    """
    if "network" not in given:
        raise ValueError(f"network is missing; valid: {', '.join(plugins.names(kind))}")
    network = given["network"]
    if not isinstance(network, str):
        raise ValueError(f"network is {network!r}; valid: {', '.join(plugins.names(kind))}")
    rest = {key: value for key, value in given.items() if key != "network"}
    return {"network": network, **_plugin_options(kind, network, rest)}


def changed_network_options(kind: Literal["generator", "critic"], options: dict[str, Any]) -> dict[str, Any]:
    """A network's name and those of its options that are not the defaults."""
    network = options["network"]
    return {"network": network, **plugins.changed_options(kind, network, _without(options, "network"))}


def _without(options: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != key}


def _loss_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    if name not in plugins.names("loss"):
        raise ValueError(f'unknown loss "{name}"; {nearest(name, plugins.names("loss"))}')
    rest = {key: value for key, value in given.items() if key != "weight"}
    if rest and not plugins.schema("loss", name).model_fields:
        raise ValueError(f'{name}: unknown key "{next(iter(rest))}"; this loss has no options but weight')
    try:
        weight = LossWeight.model_validate({key: given[key] for key in given if key == "weight"}).weight
    except ValidationError as error:
        raise ValueError(f"{name}.{one_line(error)}") from None
    return {"weight": weight, **_plugin_options("loss", name, rest)}


def _plugin_options(kind: plugins.Kind, name: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return plugins.schema(kind, name).model_validate(given).model_dump(mode="json")
    except UserError as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        raise ValueError(f"{name}: {one_line(error)}") from None
