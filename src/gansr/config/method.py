"""A method: loss terms with weights, a discriminator and a training schedule. Data, not code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError, field_validator
from pydantic import model_validator as check

from gansr.config import options
from gansr.config.loading import one_line, read_yaml
from gansr.config.section import Section
from gansr.errors import UserError, nearest

Stage = Literal["pretrain", "finetune"]
Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """Adam, the same for the generator and the discriminator."""

    learning_rate: PositiveFloat
    betas: tuple[Beta, Beta]


class Schedule(Section):
    """The learning rate is multiplied by gamma at each milestone (an iteration); none: constant."""

    milestones: tuple[PositiveInt, ...] = ()
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.5


class LossWeight(Section):
    """The key that every loss term has."""

    weight: NonNegativeFloat


class Method(Section):
    """One file of config/methods; reading it is reading the paper's training section."""

    title: str
    paper: str = ""
    variant: Literal["release"] = "release"
    stage: Stage
    losses: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    discriminator: dict[str, Any] | None = None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    optimizer: Optimizer
    schedule: Schedule = Schedule()
    iterations: PositiveInt
    batch_size: PositiveInt
    patch_size: PositiveInt

    @field_validator("losses")
    @classmethod
    def _fill_loss_options(cls, losses: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: _loss_options(name, given) for name, given in losses.items()}

    @field_validator("discriminator")
    @classmethod
    def _fill_discriminator_options(cls, given: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if given is None else network_options("discriminator", given)

    @check(mode="after")
    def _parts_fit_together(self) -> Method:
        if "adversarial" in self.losses and self.discriminator is None:
            raise ValueError("the adversarial loss needs a discriminator; add one")
        if "adversarial" not in self.losses and self.discriminator is not None:
            raise ValueError("a discriminator without the adversarial loss does nothing; remove it")
        if self.losses.get("artifact", {}).get("ema_refine") and self.ema_decay is None:
            raise ValueError("losses.artifact.ema_refine compares with the EMA model; set ema_decay")
        if not any(loss["weight"] > 0 for loss in self.losses.values()):
            raise ValueError("losses: all weights are 0; give one a positive weight")
        if self.discriminator and self.batch_size < 2:
            raise ValueError("batch_size must be at least 2: the discriminator normalises over the batch")
        artifact = self.losses.get("artifact")
        if artifact and artifact["window"] > self.patch_size:
            raise ValueError(f"losses.artifact.window {artifact['window']} is larger than patch_size {self.patch_size}")
        perceptual = self.losses.get("perceptual")
        for layer in perceptual["layers"] if perceptual else ():
            smallest = 2 ** (int(layer[4]) - 1)  # VGG19 halves the patch before each block but the first
            if self.patch_size < smallest:
                raise ValueError(f"losses.perceptual: {layer} needs a patch_size of at least {smallest}")
        if perceptual and perceptual["weights"] == "pretrained" and perceptual["width"] != 64:
            raise ValueError("losses.perceptual: the pretrained VGG19 has width 64; set weights: random for another")
        if sorted(set(self.schedule.milestones)) != list(self.schedule.milestones):
            raise ValueError("schedule.milestones must increase")
        if self.discriminator and self.patch_size % 32:
            raise ValueError(
                f"patch_size {self.patch_size} must be a multiple of 32: the discriminator halves it five times"
            )
        return self


def network_options(kind: Literal["generator", "discriminator"], given: dict[str, Any]) -> dict[str, Any]:
    """Check the options of a network against its file and fill in the defaults.

    Raises:
        ValueError: no or an unknown network, or an option that its file does not have.
    """
    if "network" not in given:
        raise ValueError(f"network is missing; valid: {', '.join(options.names(kind))}")
    network = given["network"]
    if not isinstance(network, str):
        raise ValueError(f"network is {network!r}; valid: {', '.join(options.names(kind))}")
    rest = {key: value for key, value in given.items() if key != "network"}
    return {"network": network, **_plugin_options(kind, network, rest)}


def _loss_options(name: str, given: dict[str, Any]) -> dict[str, Any]:
    if name not in options.names("loss"):
        raise ValueError(f'unknown loss "{name}"; {nearest(name, options.names("loss"))}')
    rest = {key: value for key, value in given.items() if key != "weight"}
    if rest and not options.schema("loss", name).model_fields:
        raise ValueError(f'{name}: unknown key "{next(iter(rest))}"; this loss has no options but weight')
    try:
        weight = LossWeight.model_validate({key: given[key] for key in given if key == "weight"}).weight
    except ValidationError as error:
        raise ValueError(f"{name}.{one_line(error)}") from None
    return {"weight": weight, **_plugin_options("loss", name, rest)}


def _plugin_options(kind: options.Kind, name: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return options.schema(kind, name).model_validate(given).model_dump(mode="json")
    except UserError as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        raise ValueError(f"{name}: {one_line(error)}") from None


def read_method(folder: Path, name: str) -> dict[str, Any]:
    """The raw mapping of a method file, with what it `extends` merged in.

    Raises:
        UserError: there is no such method, or methods extend each other in a circle.
    """
    chain: list[str] = []
    layers: list[dict[str, Any]] = []
    following: str | None = name
    known = [path.stem for path in folder.glob("*.yaml")]
    while following is not None:
        if following in chain:
            raise UserError(f"{folder / name}.yaml: methods extend each other: {' -> '.join([*chain, following])}")
        file = folder / f"{following}.yaml"
        if not file.is_file():
            user = f'method "{following}"' if not chain else f'method "{following}" that "{chain[-1]}" extends'
            raise UserError(f"unknown {user}; {nearest(following, known)}; methods are files in {folder}")
        chain.append(following)
        layer = read_yaml(file)
        following = layer.pop("extends", None)
        if following is not None and not isinstance(following, str):
            raise UserError(f"{file}: extends: {following!r} is no method's name; {nearest(str(following), known)}")
        layers.append(layer)
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        merged = merge(merged, layer)
    return merged


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mappings within mappings merged key by key."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def apply_overrides(method: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A run's overrides for a stage on one of its methods.

    Loss terms and a discriminator are adjusted where the method has them and never added.
    """
    kept = dict(overrides)
    if isinstance(kept.get("losses"), dict):
        has = method.get("losses", {})
        kept["losses"] = {name: value for name, value in kept["losses"].items() if name in has}
    if method.get("discriminator") is None:
        kept.pop("discriminator", None)
    return merge(method, kept)
