"""Verbs that make SR images and score them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    Gpus,
    JobText,
    LogFile,
    Output,
    Threads,
    begin,
    take_devices,
    verify_weights,
)
from gansr.config.metrics import METRICS, chosen_protocols
from gansr.errors import UserError
from gansr.paths import hr_images

ALONE = [row.name for row in METRICS.values() if not row.needs_hr]  # metrics of SR without HR


def upscale(
    text: JobText,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with LR.")],
    output: Output,
    weights: Annotated[Path | None, typer.Option(help="Generator weights; without, MATLAB bicubic.")] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Make the SR images of a benchmark."""
    from gansr.plan.jobs.train import require_current_plugins
    from gansr.plan.jobs.upscale import UpscaleJob

    begin(log)
    job = UpscaleJob.from_json(text)
    require_current_plugins(job.versions, job.used_plugins)
    if (job.generator is None) != (weights is None):
        raise UserError("--weights: are those of the job's generator; give both, or none for MATLAB bicubic")
    take_devices(gpus if weights is not None else 0, threads)
    from gansr.inference import bicubic_upscale, upscale_benchmark, upscale_luma

    if job.luma_alone:
        upscale_luma(images, job.scale, output.parent.name, output)
        return
    if weights is None:
        upscaler = bicubic_upscale(job.scale)
    else:
        from gansr.upscaling import generator_upscale

        assert job.generator is not None
        upscaler = generator_upscale(job.generator, job.scale, weights)
    upscale_benchmark(upscaler, images, output.parent.name, output)


def hr_features(
    text: JobText,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with HR.")],
    weights_dir: Annotated[Path, typer.Option(help="The folder of weights.")],
    output: Output,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Compute the Inception features of a benchmark's HR images, which FID and KID of all models need."""
    from gansr.plan.jobs.score import HrFeaturesJob

    begin(log)
    job = HrFeaturesJob.from_json(text)
    take_devices(gpus, threads)
    from gansr.config.catalog import Catalog
    from gansr.metrics.hr_features import write_hr_features

    file = weights_dir / Catalog.nearest().weights["inception"].file
    verify_weights("inception", file)
    title = f"HR of {images.resolve().parents[1].name}"
    write_hr_features(hr_images(images), file, "whole" in job.features, "patches" in job.features, title, output)


def score_benchmark(
    text: JobText,
    sr: Annotated[Path, typer.Option(help="A folder of SR images that a run has made.")],
    images: Annotated[Path, typer.Option(help="The benchmark's folder with HR.")],
    weights_dir: Annotated[Path, typer.Option(help="The folder of weights.")],
    kept: Annotated[Path, typer.Option(help="The folder of finished values; those found there are not computed.")],
    output: Output,
    hr_features: Annotated[Path | None, typer.Option(help="What hr-features wrote, else it is computed anew.")] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Score SR images of a run; `score` does the same for any folder."""
    from gansr.plan.jobs.score import ScoreJob

    begin(log)
    job = ScoreJob.from_json(text)
    protocols = job.protocols()
    take_devices(gpus, threads)
    from gansr.metrics import score as scoring
    from gansr.metrics.weights import metric_weights

    needed = [metric for metric in protocols if scoring.needs_weights(metric, protocols)]
    weights = metric_weights(needed, weights_dir, download=False, required=job.weights, skip_absent=True)
    task = scoring.Task(
        sr,
        hr_images(images),
        protocols,
        weights.files,
        weights.absent,
        hr_features,
        title=f"{sr.parent.name} on {sr.name}",
        made=True,
        kept=kept,
        weights_sha256=weights.sha256,
    )
    scoring.score_benchmark(task).write(output)


def score(
    sr: Annotated[Path, typer.Argument(help="A folder of SR images.")],
    hr: Annotated[
        Path | None,
        typer.Argument(help=f"The folder of their HR images; not for {', '.join(ALONE)}."),
    ] = None,
    metrics: Annotated[str, typer.Option(help=f"{', '.join(METRICS)}, separated by commas.")] = "psnr_y,ssim_y",
    protocol: Annotated[
        list[str] | None, typer.Option(help="Another protocol for a metric: psnr_y=y_rounded, or y_images.")
    ] = None,
    crop: Annotated[int | None, typer.Option(min=0, help="Pixels cropped from each side instead of 4.")] = None,
    scale: Annotated[int, typer.Option(min=1, help="Crop HR to a multiple of this first, as the papers do.")] = 1,
    suffix: Annotated[str, typer.Option(help="The ending that the names of SR have in addition to those of HR.")] = "",
    weights_dir: Annotated[
        Path | None, typer.Option(help="The folder of weights; by default `weights` beside `config`.")
    ] = None,
    download: Annotated[bool, typer.Option(help="Download weights that are not there, and verify them.")] = False,
    skip_absent: Annotated[bool, typer.Option(help="A metric whose weights are absent has no values.")] = False,
    hr_features: Annotated[Path | None, typer.Option(help="What hr-features wrote, else it is computed anew.")] = None,
    output: Annotated[Path | None, typer.Option(help="The CSV file; by default <SR folder>_scores.csv here.")] = None,
    gpus: Gpus = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads; by default all.")] = None,
    log: LogFile = None,
) -> None:
    """Score a folder of SR images: one row per image and metric, each metric by a named protocol."""
    begin(log)
    output = output or Path(f"{sr.resolve().name}_scores.csv")
    if output.suffix == ".json":
        raise UserError(f"--output {output}: the notes on the scores take this name; end it in .csv")
    names = metrics.split(",")
    protocols = chosen_protocols(names, _assignments(protocol or []), crop)
    take_devices(gpus if any(METRICS[name].on_gpu for name in names) else 0, threads or os.cpu_count() or 1)
    from gansr.metrics import score as scoring
    from gansr.metrics.weights import metric_weights
    from gansr.reporting.score_summary import summary

    needed = [metric for metric in names if scoring.needs_weights(metric, protocols)]
    weights = metric_weights(needed, weights_dir, download, required=(), skip_absent=skip_absent)
    title = f"score {sr.name}"
    task = scoring.Task(sr, hr, protocols, weights.files, weights.absent, hr_features, scale, suffix, title)
    scores = scoring.score_benchmark(task)
    scores.write(output)
    typer.echo(summary(scores))
    typer.echo(f"{output}")


def _assignments(words: list[str]) -> dict[str, str]:
    """`name=value` words as a mapping."""
    for word in words:
        if "=" not in word:
            raise UserError(f"--protocol {word}: give metric=protocol, for instance psnr_y=y_rounded")
    return dict(word.split("=", 1) for word in words)


VERBS = (upscale, hr_features, score_benchmark, score)
