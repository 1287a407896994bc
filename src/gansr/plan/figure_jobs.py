"""The jobs that draw a run's figures, and the files that they read and make."""

from __future__ import annotations

from pathlib import Path

from gansr import code_versions
from gansr.config.term import changed_term
from gansr.paths import DataPaths, RunPaths
from gansr.plan.jobs.figure import FigureJob, FigureModel
from gansr.plan.plan import Plan
from gansr.schema import plugins


def figure_job(plan: Plan, name: str) -> FigureJob:
    """The job of one of a run's figures."""
    figure = plan.figures[name]
    return FigureJob(
        code=code_versions.FIGURES,
        name=name,
        version=plugins.version("figure", name),
        run=plan.run.run,
        scale=plan.run.scale,
        options=plugins.changed_options("figure", name, figure.options),
        models=tuple(_model(plan, model, "weights" in figure.reads) for model in figure.models),
    )


def _model(plan: Plan, name: str, reads_weights: bool) -> FigureModel:
    model = plan.models[name]
    if not reads_weights:
        return FigureModel(name=name, folder=model.slug)
    losses = plan.trained[name].method.losses if name in plan.trained else {}
    return FigureModel(
        name=name,
        folder=model.slug,
        generator=model.network_options,
        losses={term: changed_term(term, options) for term, options in losses.items()},
    )


def figure_inputs(plan: Plan, name: str) -> dict[str, list[Path]]:
    """The files that the job reads: of its models, and if it needs them the list of MAD patches and their images."""
    figure, paths = plan.figures[name], RunPaths.of_run(plan.run.run)
    folders = [plan.models[model].slug for model in figure.models]
    of_model = [paths.spec(folder) for folder in folders]
    if "snapshots" in figure.reads:
        of_model += [paths.snapshots(folder) for folder in folders]
    if "weights" in figure.reads:
        of_model += [paths.weights(folder, kind) for folder in folders for kind in ("raw", "ema")]
    if "log" in figure.reads:
        of_model += [paths.training_log(folder) for folder in folders]
    if "scores" in figure.reads:
        scored = [s for model in figure.models for s in plan.scored_slugs(model, plan.tested_weights(model))]
        of_model += [paths.scores(folder, benchmark) for folder in scored for benchmark in plan.scored_benchmarks]
    mad = plan.run.mad if "mad_patches" in figure.reads else None
    data = DataPaths(plan.run.data_dir, plan.run.scale)
    return {
        "models": of_model,
        "mad_patches": [paths.mad_patches] if mad else [],
        "images": [data.images(mad.benchmark)] if mad else [],
    }


def figure_files(plan: Plan, name: str) -> list[Path]:
    """The files that the job makes."""
    paths = RunPaths.of_run(plan.run.run)
    return [paths.figure(file, "") for file in plan.figures[name].files]
