"""A model: a generator trained by a method, released by others, or interpolated; one column of a table."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic import model_validator as check

from gansr.config.generator import weight_options
from gansr.config.method import Variant
from gansr.errors import nearest
from gansr.schema.section import Section

BICUBIC = "Bicubic"  # MATLAB bicubic of RGB
BICUBIC_Y = "Bicubic-Y"  # MATLAB bicubic of luma alone, the protocol of most bicubic columns in papers
UNTRAINED = (BICUBIC, BICUBIC_Y)
RESERVED = ("metric", "benchmark", "row")  # columns of the tables
Name = Annotated[str, Field(min_length=1, max_length=80)]
Weights = Literal["raw", "ema"]


class Interpolation(Section):
    """Network interpolation (ESRGAN, section 3.4): (1 - alpha) * first + alpha * second, weight by weight."""

    between: tuple[str, str]
    alpha: Annotated[float, Field(ge=0, le=1, strict=True)]


class Model(Section):
    """A generator trained by a method on a dataset with a seed, released by others, or interpolated between two models.

    `tables` are the tables in which it is a column, by default every table of the run whose columns are models.
    `published` names, for a table, the paper's column that it is compared with. `released` is a name in
    weights.yaml. `training` gives keys of the run's `training` other values; only keys on which a result depends.
    """

    name: Name
    generator: str | None = None
    method: str | None = None
    variant: Variant | None = None
    dataset: str | None = None
    start: str | None = None
    seed: Annotated[int, Field(ge=0, strict=True)] | None = None
    released: str | None = None
    interpolate: Interpolation | None = None
    tables: tuple[str, ...] | None = None
    published: dict[str, str] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)

    @check(mode="after")
    def _made_in_one_way(self) -> Model:
        of_training = ("method", "variant", "dataset", "start", "seed", "training")
        given = [key for key in ("generator", "released", *of_training) if getattr(self, key) not in (None, {})]
        if self.interpolate is not None:
            if given:
                raise ValueError(f"{self.name}: an interpolated model is not trained and has no {given[0]}; remove it")
            first, second = self.interpolate.between
            if first == second:
                raise ValueError(f"{self.name}: interpolate.between: both models are the same; name two")
        elif self.released is not None:
            trained = [key for key in of_training if key in given]
            if trained:
                raise ValueError(f"{self.name}: a released model is not trained and has no {trained[0]}; remove it")
            if self.generator is None:
                raise ValueError(f"{self.name}: generator is missing; name the one whose weights were released")
        else:
            for key in ("generator", "method"):
                if key not in given:
                    raise ValueError(f"{self.name}: {key} is missing; only an interpolated model has none")
        return self

    def is_column_of(self, table: str) -> bool:
        """Whether the model is a column of a table whose columns are models."""
        return self.tables is None or table in self.tables

    @property
    def parents(self) -> tuple[str, ...]:
        """The models whose weights this one is made from."""
        if self.interpolate is not None:
            return self.interpolate.between
        return (self.start,) if self.start is not None else ()


def slug(name: str) -> str:
    """A model's name made safe for files."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", name).strip("_.") or "model"


def check_names(models: list[Model]) -> None:
    """Check that names are distinct, also as file names.

    Raises:
        ValueError: two models share a name or a file name, or a name has a meaning of its own.
    """
    for model in models:
        if model.name in RESERVED or "{" in model.name or "}" in model.name:
            raise ValueError(f'models: "{model.name}" is reserved or has braces; rename it')
    by_slug: dict[str, str] = {slug(name).lower(): name for name in UNTRAINED}
    for model in models:
        key = slug(model.name).lower()
        if model.name == by_slug.get(key):
            raise ValueError(f'models: the name "{model.name}" is used twice; rename one')
        if key in by_slug:
            raise ValueError(
                f'models: "{model.name}" and "{by_slug[key]}" have the same file name "{slug(model.name)}"; rename one'
            )
        by_slug[key] = model.name
    for key, name in by_slug.items():
        if key.endswith("_raw") and key.removesuffix("_raw") in by_slug:
            raise ValueError(f'models: "{name}" would share the folder of the raw weights of another; rename it')


def check_parents(models: dict[str, Model], generators: dict[str, dict[str, Any]]) -> None:
    """Check that every model starts from, or is interpolated between, other models of the same generator.

    Raises:
        ValueError: a model is unknown, of another generator, or made from itself.
    """
    for model in models.values():
        for parent in model.parents:
            if parent not in models:
                noun = "start model" if model.start else "model"
                raise ValueError(f'model {model.name}: unknown {noun} "{parent}"; {nearest(parent, models)}')
        if model.name in model.parents:
            verb = "starts from" if model.start else "is interpolated from"
            raise ValueError(f"model {model.name}: {verb} itself; name another model")
        _no_circle(model, models, [])
    for model in models.values():
        if model.start is not None:
            _same_network(model, model.start, generator_of(model, models), models, generators)
        elif model.interpolate is not None:
            first, second = model.interpolate.between
            _same_network(model, second, generator_of(models[first], models), models, generators)


def generator_of(model: Model, models: dict[str, Model]) -> str:
    """The name of a model's generator; an interpolated one has that of its first parent."""
    while model.generator is None:
        model = models[model.parents[0]]
    return model.generator


def _same_network(
    model: Model, parent: str, generator: str, models: dict[str, Model], generators: dict[str, dict[str, Any]]
) -> None:
    other = generator_of(models[parent], models)
    if weight_options(generators[generator]) == weight_options(generators[other]):
        return
    if model.start is not None:
        raise ValueError(
            f"model {model.name}: starts from {parent}, whose generator is {other}, not {generator}; "
            f"start from a {generator} model"
        )
    raise ValueError(
        f"model {model.name}: lies between a {generator} and a {other} model, whose weights have other shapes; "
        f"name two models of one generator"
    )


def _no_circle(model: Model, models: dict[str, Model], chain: list[str]) -> None:
    if model.name in chain:
        raise ValueError(f"model {model.name}: models are made from each other: {' -> '.join([*chain, model.name])}")
    for parent in model.parents:
        if parent in models:
            _no_circle(models[parent], models, [*chain, model.name])
