"""Plan one model of a run: trained by a method, interpolated between two others, or released by others."""

from __future__ import annotations

from typing import Any

from gansr import code_versions
from gansr.config.method import Method, in_short
from gansr.config.method_files import apply_overrides, read_method, variants
from gansr.config.model import Model
from gansr.errors import UserError, nearest
from gansr.plan.inputs import RunInputs
from gansr.plan.jobs.train import AdoptJob, InterpolateJob, ReleasedFile, TrainJob, used_plugins, versions_of
from gansr.plan.model_checks import check_trained_model, training_settings
from gansr.plan.models import InterpolatedModel, PlannedModel, ReleasedModel, TrainedModel
from gansr.schema.loading import validate


def planned_model(inputs: RunInputs, model: Model, generator: str) -> PlannedModel:
    """A model of a run, with the job that makes it.

    Args:
        inputs: the run and what it refers to.
        model: one of its models.
        generator: the name of the model's generator in the run.

    Raises:
        UserError: the method, dataset or file that the model names does not exist, or does not fit the model.
    """
    if model.interpolate:
        return _interpolated(inputs, model, generator)
    if model.released:
        return _released(inputs, model, generator)
    return _trained(inputs, model, generator)


def _trained(inputs: RunInputs, model: Model, generator: str) -> TrainedModel:
    run, catalog = inputs.run, inputs.catalog
    assert model.method is not None
    try:
        raw = read_method(catalog.methods, model.method, model.variant)
    except UserError as error:
        raise UserError(f"model {model.name}: {error}") from None
    file = catalog.methods / f"{model.method}.yaml"
    known = variants(catalog.methods, model.method)
    readings = {variant: read_method(catalog.methods, model.method, variant) for variant in known}
    methods = {v: validate(Method, reading, f"{file}{_in_variant(reading)}") for v, reading in readings.items()}
    method = as_written = methods[model.variant or known[0]]
    if method.stage in run.overrides:
        overridden = apply_overrides(raw, run.overrides[method.stage])
        method = validate(Method, overridden, f"{inputs.source}: overrides.{method.stage} on {model.method}")
    check_trained_model(inputs, model, generator, method)
    training = training_settings(inputs, model, method)
    dataset = model.dataset or run.train_dataset
    inputs.datasets.checked(dataset, "train", f"model {model.name}")
    job = TrainJob(
        code=code_versions.TRAINING,
        versions=versions_of(used_plugins(run.generators[generator], method)),
        scale=run.scale,
        seed=run.all_seeds[0] if model.seed is None else model.seed,
        generator=run.generators[generator],
        method=method,
        mad_interval=run.mad.interval if run.mad and method.stage == "finetune" else None,
        training=training.of_result,
    )
    return TrainedModel(
        model.name,
        generator,
        job,
        model.method,
        method,
        len(known) > 1,
        _changes(in_short(as_written.model_dump(mode="json")), in_short(method.model_dump(mode="json"))),
        dataset,
        model.start,
    )


def _interpolated(inputs: RunInputs, model: Model, generator: str) -> InterpolatedModel:
    assert model.interpolate is not None
    job = InterpolateJob(
        code=code_versions.INTERPOLATION,
        scale=inputs.run.scale,
        generator=inputs.run.generators[generator],
        interpolate=model.interpolate,
    )
    return InterpolatedModel(model.name, generator, job)


def _released(inputs: RunInputs, model: Model, generator: str) -> ReleasedModel:
    name = str(model.released)
    if name not in inputs.catalog.weights:
        raise UserError(
            f'model {model.name}: released: unknown weights "{name}"; {nearest(name, inputs.catalog.weights)}'
        )
    expected = inputs.catalog.weights[name]
    if not inputs.has_weights(name):
        raise UserError(
            f"model {model.name}: {inputs.weight_file(name)} is not there; set download: true, or put it there: "
            f"{expected.addresses[0] if expected.addresses else expected.ask}"
        )
    job = AdoptJob(
        code=code_versions.RELEASED,
        scale=inputs.run.scale,
        generator=inputs.run.generators[generator],
        released=ReleasedFile(file=expected.file, sha256=expected.sha256),
    )
    return ReleasedModel(model.name, generator, job, name)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The values in which `after` differs from `before`, under their keys joined by dots."""
    changed: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            changed |= {f"{key}.{inner}": new for inner, new in _changes(old, value).items()}
        elif value != old:
            changed[key] = value
    return changed


def _in_variant(raw: dict[str, Any]) -> str:
    """For messages: the variant in brackets, to follow a method file's name; empty for the variant `release`."""
    return f" (variant {raw['variant']})" if raw.get("variant", "release") != "release" else ""
