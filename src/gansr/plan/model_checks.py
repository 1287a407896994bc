"""Checks that a trained model's method, generator and settings fit together, and that its judges' weights exist."""

from __future__ import annotations

from gansr.config.generator import smallest_lr, training_only
from gansr.config.method import Method
from gansr.config.model import Model
from gansr.config.training_settings import ResultSettings, TrainingSettings
from gansr.errors import UserError, nearest
from gansr.plan.inputs import RunInputs
from gansr.schema import plugins
from gansr.schema.loading import validate


def check_trained_model(inputs: RunInputs, model: Model, generator: str, method: Method) -> None:
    """Refuse a training that could not be started, or whose settings contradict each other.

    Args:
        inputs: the run and what it refers to.
        model: the model.
        generator: the name of its generator in the run.
        method: its method with the run's overrides.

    Raises:
        UserError: with the model, the place and the way out.
    """
    run = inputs.run
    if method.patch_size % run.scale:
        raise UserError(
            f"model {model.name}: patch_size {method.patch_size} is not a multiple of the scale {run.scale}"
        )
    smallest = smallest_lr(run.generators[generator]) * run.scale
    if method.patch_size < smallest:
        raise UserError(
            f"model {model.name}: patch_size {method.patch_size} is too small for the generator {generator}; "
            f"it must be at least {smallest}"
        )
    _check_stage(model, method)
    _check_training_only(inputs, model, generator, method)
    try:
        method.check_generator(run.generators[generator])
    except ValueError as error:
        raise UserError(f"model {model.name}: {error} (generators.{generator})") from None
    _check_judges(inputs, model, method)


def training_settings(inputs: RunInputs, model: Model, method: Method) -> TrainingSettings:
    """The run's settings with the model's own.

    Raises:
        UserError: the settings contradict each other, or the batch cannot be shared by so many GPUs.
    """
    given = inputs.run.training.model_dump() | model.training
    settings = validate(TrainingSettings, given, f"{inputs.source}: model {model.name}: training")
    for_all = [key for key in model.training if key not in ResultSettings.model_fields]
    if for_all:
        raise UserError(
            f"model {model.name}: training.{for_all[0]} is the same for all models; give it in the run's training"
        )
    if method.batch_size % settings.gpus:
        raise UserError(
            f"model {model.name}: batch_size {method.batch_size} cannot be shared by {settings.gpus} GPUs; give "
            f"training.gpus a divisor of it"
        )
    critics = [critic["network"] for critic in method.used_critics.values()]
    smallest = max((plugins.fact("critic", critic, "SMALLEST_BATCH", 1) for critic in critics), default=1)
    share = method.batch_size // settings.gpus
    if share < smallest:
        raise UserError(
            f"model {model.name}: on {settings.gpus} GPUs each has {share} of the batch's patches, and the "
            f"discriminator needs {smallest} at least; give training.gpus a smaller number"
        )
    if settings.graph and settings.gpus > 1:
        raise UserError(f"model {model.name}: training.graph captures one process; set gpus: 1, or graph: false")
    if settings.graph and settings.skip_not_finite:
        raise UserError(
            f"model {model.name}: training.graph cannot skip an iteration; set skip_not_finite: 0, or graph: false"
        )
    return settings


def _check_stage(model: Model, method: Method) -> None:
    if method.stage == "finetune" and model.start is None:
        raise UserError(
            f"model {model.name}: the method {model.method} fine-tunes; name the model it starts from: start: ..."
        )
    if method.stage == "pretrain" and model.start is not None:
        raise UserError(f"model {model.name}: the method {model.method} trains from scratch; remove start")


def _check_training_only(inputs: RunInputs, model: Model, generator: str, method: Method) -> None:
    """Refuse options that act only in training (stochastic depth) where a loss compares SR with the EMA model's SR.

    The EMA model runs in evaluation mode, so that the two would differ by these options.
    """
    for term in method.used_terms:
        if not term.needs_ema:
            continue
        for key, (value, default) in training_only(inputs.run.generators[generator]).items():
            raise UserError(
                f"model {model.name}: losses.{term.name} compares the generator in training with its EMA model, "
                f"and generators.{generator} has {key} {value}, which the EMA model has not; use a generator with "
                f"{key} {default}, which may start from this one's weights"
            )


def _check_judges(inputs: RunInputs, model: Model, method: Method) -> None:
    for term in method.used_terms:
        for judge in term.judges:
            if judge not in inputs.catalog.weights:
                known = nearest(judge, inputs.catalog.weights)
                raise UserError(f'model {model.name}: losses.{term.name}: unknown judge "{judge}"; {known}')
            if not inputs.has_weights(judge):
                without = plugins.fact("loss", term.loss, "WITHOUT_JUDGES", {})
                place = f"overrides.{method.stage}.losses.{term.name}"
                others = [f"{place}.{option}: {value}" for option, value in without.items()]
                raise UserError(
                    f"model {model.name}: {inputs.weight_file(judge)} is not there; set download: true, or download "
                    f"{inputs.catalog.weights[judge].addresses[0]} to it" + "".join(f", or set {o}" for o in others)
                )
