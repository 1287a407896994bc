"""The jobs that make models: train one, interpolate between two others, or adopt one that others have released."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, NonNegativeInt, PlainSerializer, PositiveInt, SerializationInfo

from gansr.config.method import Recipe, network_options
from gansr.config.model import Interpolation
from gansr.config.term import changed_plugin
from gansr.config.training_settings import ResultSettings
from gansr.errors import UserError
from gansr.plan.jobs.base import Job
from gansr.schema import plugins
from gansr.schema.section import Section

Scale = Literal[2, 4]


def _generator_as_written(options: dict[str, Any], info: SerializationInfo) -> dict[str, Any]:
    return changed_plugin("generator", "network", options) if info.exclude_defaults else options


def _recipe_as_written(recipe: Recipe, info: SerializationInfo) -> dict[str, Any]:
    if info.exclude_defaults:
        return recipe.changed_values()
    return recipe.model_dump(mode="json", include=set(Recipe.model_fields))


# All options in memory; a job's JSON has only those that are not the defaults.
GeneratorOptions = Annotated[
    dict[str, Any],
    AfterValidator(partial(network_options, "generator")),
    PlainSerializer(_generator_as_written),
]
# The VERSION of each plug-in file, or its checksum, by "<kind>/<name>".
PluginVersions = dict[str, int | str]


def versions_of(used: Iterable[tuple[plugins.Kind, str]]) -> PluginVersions:
    """The versions of plug-in files as they are now."""
    return {f"{kind}/{name}": plugins.version(kind, name) for kind, name in sorted(set(used))}


def require_current_plugins(planned: PluginVersions, used: Iterable[tuple[plugins.Kind, str]]) -> None:
    """Refuse a job that was planned with other versions of its plug-ins than those that are there now.

    Raises:
        UserError: a file was edited since the job was planned, so that the job would compute something else.
    """
    now = versions_of(used)
    for plugin in sorted(planned.keys() | now.keys()):
        if planned.get(plugin) != now.get(plugin):
            raise UserError(f"{plugin}: its file is not the one that this job was planned with; start the run again")


class TrainJob(Job):
    """Everything on which a trained model's weights depend, except the files that the training reads.

    `mad_interval` is the number of iterations between two snapshots of the MAD patches; without it none are kept.
    """

    code: int
    versions: PluginVersions
    scale: Scale
    seed: NonNegativeInt
    generator: GeneratorOptions
    method: Annotated[Recipe, PlainSerializer(_recipe_as_written)]
    mad_interval: PositiveInt | None = None
    training: ResultSettings = ResultSettings()

    @property
    def used_plugins(self) -> list[tuple[plugins.Kind, str]]:
        """The plug-in files that the training uses."""
        return used_plugins(self.generator, self.method)


def used_plugins(generator: dict[str, Any], recipe: Recipe) -> list[tuple[plugins.Kind, str]]:
    """The plug-in files that a training of this generator by this recipe uses."""
    return [("generator", generator["network"]), *recipe.plugin_files]


class InterpolateJob(Job):
    """Interpolate between the weights of two models."""

    code: int
    scale: Scale
    generator: GeneratorOptions
    interpolate: Interpolation


class ReleasedFile(Section):
    """A file that others have released, by its name in weights_dir and its published checksum."""

    file: str
    sha256: str | None = None


class AdoptJob(Job):
    """Make a model from a file of weights that others have released."""

    code: int
    scale: Scale
    generator: GeneratorOptions
    released: ReleasedFile
