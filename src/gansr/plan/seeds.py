"""A run with several seeds: every model is trained once with each seed, and one column shows the mean."""

from __future__ import annotations

from typing import Any

from gansr.config.model import Model, check_names
from gansr.config.run import Run
from gansr.errors import UserError


def with_seeds(run: Run) -> Run:
    """The run with an additional model for every further seed of a model; the additional ones are no columns of tables.

    A model with a seed of its own is trained once; models that start from it start from the same weights for all seeds.

    Raises:
        UserError: the name of such a model is another model's.
    """
    further = [
        _sibling(model, seed, run)
        for seed in run.all_seeds[1:]
        for model in run.models
        if seed in seeds_of(model.name, run)[1:]
    ]
    models = [*run.models, *further]
    try:
        check_names(models)
    except ValueError as error:
        raise UserError(f"{error} (seeds gives a model more for each further seed)") from None
    return run.model_copy(update={"models": models})


def seeds_of(name: str, run: Run) -> tuple[int, ...]:
    """The seeds of a model; none for a released one. An interpolated model has those of the parent with more seeds."""
    model = next(model for model in run.models if model.name == name)
    if model.released is not None:
        return ()
    if model.interpolate is None:
        return run.all_seeds if model.seed is None else (model.seed,)
    return max((seeds_of(parent, run) for parent in model.parents), key=len)


def with_seed(name: str, seed: int, run: Run) -> str:
    """The name under which a model is trained with a seed of the run."""
    return f"{name} (seed {seed})" if seed in seeds_of(name, run)[1:] else name


def _sibling(model: Model, seed: int, run: Run) -> Model:
    changed: dict[str, Any] = {"name": with_seed(model.name, seed, run), "tables": (), "published": {}}
    if model.interpolate is not None:
        first, second = (with_seed(parent, seed, run) for parent in model.interpolate.between)
        changed["interpolate"] = model.interpolate.model_copy(update={"between": (first, second)})
    else:
        changed |= {"seed": seed, "start": model.start and with_seed(model.start, seed, run)}
    return model.model_copy(update=changed)
