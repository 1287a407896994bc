"""Verbs that make models (train, interpolate, adopt released weights), and the status of trainings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    Gpus,
    JobText,
    LogFile,
    Threads,
    begin,
    named_files,
    read_text,
    take_devices,
    verify_weights,
)
from gansr.errors import UserError

logger = logging.getLogger("gansr")

INTERRUPTED = 75  # exit code (EX_TEMPFAIL): the state is saved, run the command again


def train(
    text: JobText,
    name: Annotated[str, typer.Option(help="The model's name.")],
    patches: Annotated[Path, typer.Option(help="The patch store to train on.")],
    state: Annotated[Path, typer.Option(help="Where resumable state is kept.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    start: Annotated[Path | None, typer.Option(help="Generator weights to start from.")] = None,
    judge: Annotated[list[str] | None, typer.Option(help="Weights of a judge: NAME=FILE; may be repeated.")] = None,
    mad_patches: Annotated[Path | None, typer.Option(help="The patches to keep SR of.")] = None,
    mad_images: Annotated[Path | None, typer.Option(help="The benchmark folder they lie in.")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A JSON file: prefetch, checkpoint_every, tensorboard; none means the defaults.")
    ] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Pretrain or fine-tune a generator; the same command goes on where it was stopped."""
    from gansr.config.training_settings import WatchSettings
    from gansr.plan.jobs.base import read_section
    from gansr.plan.jobs.train import TrainJob, require_current_plugins
    from gansr.training import launch

    begin(log)
    job = TrainJob.from_json(text)
    require_current_plugins(job.versions, job.used_plugins)
    watched = read_section(WatchSettings, read_text(settings), str(settings)) if settings else WatchSettings()
    processes = job.training.gpus
    if not launch.is_launched():
        take_devices(gpus, threads)
        if processes > 1:
            launch.become_torchrun(processes)
    elif launch.size() != processes:
        raise UserError(f"torchrun started {launch.size()} processes and training.gpus is {processes}; make them equal")
    from gansr.training.loop import InterruptedTrainingError
    from gansr.training.train import TrainingInputs
    from gansr.training.train import train as train_model

    judges = named_files("--judge", judge or [])
    for listed, file in judges.items():
        verify_weights(listed, file)
    inputs = TrainingInputs(patches, start, judges, mad_patches, mad_images)
    try:
        train_model(job, name, inputs, state, output, watched)
    except InterruptedTrainingError as stop:
        logger.info("%s", stop)
        raise typer.Exit(INTERRUPTED) from None


def status(
    run_folder: Annotated[
        list[Path] | None, typer.Argument(help="results/<run>; by default every folder in results.")
    ] = None,
) -> None:
    """Show for each model in training its iteration, speed and time left."""
    from gansr.paths import begun_runs
    from gansr.reporting.status import status_table

    begin(None)
    folders = run_folder or begun_runs()
    if not folders:
        raise UserError("results: no run has begun to train; name its folder")
    for folder in folders:
        typer.echo(status_table(folder))


def interpolate(
    text: JobText,
    first: Annotated[Path, typer.Option(help="Generator weights for alpha 0.")],
    second: Annotated[Path, typer.Option(help="Generator weights for alpha 1.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    log: LogFile = None,
) -> None:
    """Make a model by interpolating between the weights of two others."""
    begin(log)
    from gansr.networks.interpolation import interpolate_models
    from gansr.plan.jobs.train import InterpolateJob

    interpolate_models(InterpolateJob.from_json(text), name, first, second, output)


def adopt(
    text: JobText,
    weights: Annotated[Path, typer.Option(help="The released checkpoint, as config/weights.yaml lists it.")],
    listed: Annotated[str, typer.Option(help="Its name there.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    log: LogFile = None,
) -> None:
    """Make a model from weights that others have released."""
    begin(log)
    verify_weights(listed, weights)
    from gansr.networks.released import adopt_released_model
    from gansr.plan.jobs.train import AdoptJob

    adopt_released_model(AdoptJob.from_json(text), name, weights, output)


VERBS = (train, status, interpolate, adopt)
