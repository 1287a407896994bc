"""Verbs on a run's config file: check it, print its JSON schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    begin,
)


def check(
    config: Annotated[Path, typer.Argument(help="A run's config file.")] = Path("config/config.yaml"),
) -> None:
    """Check a run's configuration as a whole, and list its models."""
    from gansr.plan.load import load_plan
    from gansr.plan.models import TrainedModel
    from gansr.schema.loading import read_yaml

    begin(None)
    plan = load_plan(read_yaml(config), str(config))
    for model in plan.models.values():
        if isinstance(model, TrainedModel):
            start = f" from {model.start}" if model.start else ""
            made = f"{model.method_name} ({model.method.variant}) on {model.dataset}{start}, seed {model.seed}"
        elif model.name in plan.released:
            made = f"released as {plan.weight_file(plan.released[model.name].weights).name}"
        else:
            first, second = plan.interpolated[model.name].between
            made = f"{plan.interpolated[model.name].alpha:g} of the way from {first} to {second}"
        typer.echo(f"{model.name}: {model.generator}, {made}")


def schema() -> None:
    """Print the JSON schema of a run's config file."""
    from gansr.config.run import json_schema

    typer.echo(json_schema(), nl=False)


VERBS = (check, schema)
