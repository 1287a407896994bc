"""SR of the benchmarks, and its scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    Gpus,
    LogFile,
    Output,
    Slice,
    Threads,
    begin,
    parse,
    take_devices,
    verify_weights,
)
from gansr.errors import UserError


def upscale(
    spec: Slice,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with LR.")],
    output: Output,
    weights: Annotated[Path | None, typer.Option(help="Generator weights; without, MATLAB bicubic.")] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """SR images of a benchmark."""
    begin(log)
    take_devices(gpus if weights is not None else 0, threads)
    from gansr.inference import bicubic_upscale, upscale_benchmark, upscale_luma

    data = parse(spec)
    if data.get("luma_alone"):
        upscale_luma(images, data["scale"], output.parent.name, output)
        return
    if weights is None:
        upscaler = bicubic_upscale(data["scale"])
    else:
        from gansr.upscaling import generator_upscale

        upscaler = generator_upscale(data["generator"], data["scale"], weights)
    upscale_benchmark(upscaler, images, output.parent.name, output)


def hr_features(
    images: Annotated[Path, typer.Option(help="A benchmark's folder with HR.")],
    metrics: Annotated[str, typer.Option(help="fid, kid or both, separated by a comma.")],
    weights_dir: Annotated[Path, typer.Option(help="The folder of weights.")],
    output: Output,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """What FID and KID need of a benchmark's HR images, for all models tested on it."""
    begin(log)
    wanted = metrics.split(",")
    for metric in wanted:
        if metric not in ("fid", "kid"):
            raise UserError(f'--metrics: "{metric}" has no features of HR; fid and kid have')
    take_devices(gpus, threads)
    from gansr.config.catalog import Catalog
    from gansr.metrics.hr_features import write_hr_features

    file = weights_dir / Catalog.nearest().weights["inception"].file
    verify_weights("inception", file)
    title = f"HR of {images.resolve().parents[1].name}"
    write_hr_features(images / "HR", file, "fid" in wanted, "kid" in wanted, title, output)


def score(
    sr: Annotated[Path, typer.Argument(help="A folder of SR images.")],
    hr: Annotated[Path | None, typer.Argument(help="The folder of their HR images; not for niqe, ma and pi.")] = None,
    metrics: Annotated[
        str,
        typer.Option(help="psnr_y, ssim_y, lpips_alex, lpips_vgg, dists, fid, kid, niqe, ma, pi, separated by commas."),
    ] = "psnr_y,ssim_y",
    protocol: Annotated[
        list[str] | None, typer.Option(help="Another protocol for a metric: psnr_y=y_rounded, or y_images.")
    ] = None,
    crop: Annotated[int | None, typer.Option(min=0, help="Pixels cropped from each side instead of 4.")] = None,
    scale: Annotated[int, typer.Option(min=1, help="Crop HR to a multiple of this first, as the papers do.")] = 1,
    suffix: Annotated[str, typer.Option(help="What SR's names have behind those of HR.")] = "",
    weights_dir: Annotated[
        Path | None, typer.Option(help="The folder of weights; by default `weights` beside `config`.")
    ] = None,
    download: Annotated[bool, typer.Option(help="Download weights that are not there, and verify them.")] = False,
    required: Annotated[
        list[str] | None,
        typer.Option(help="Weights that may not be absent; without those of others, a metric has no values."),
    ] = None,
    skip_absent: Annotated[bool, typer.Option(help="A metric whose weights are absent has no values.")] = False,
    hr_features: Annotated[Path | None, typer.Option(help="What hr-features wrote, else it is computed anew.")] = None,
    output: Annotated[Path | None, typer.Option(help="The CSV file; by default <SR folder>_scores.csv here.")] = None,
    gpus: Gpus = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads; by default all.")] = None,
    log: LogFile = None,
) -> None:
    """Score a folder of SR images: one row per image and metric, each metric by a named protocol."""
    from gansr.config.protocols import chosen_protocols
    from gansr.config.weights import NETWORK_METRICS

    begin(log)
    output = output or Path(f"{sr.resolve().name}_scores.csv")
    if output.suffix == ".json":
        raise UserError(f"--output {output}: the notes on the scores take this name; end it in .csv")
    names = metrics.split(",")
    protocols = chosen_protocols(names, _assignments(protocol or []), crop)
    take_devices(gpus if set(names) & set(NETWORK_METRICS) else 0, threads or os.cpu_count() or 1)
    from gansr.metrics.score import Task, needs_weights, score_benchmark
    from gansr.metrics.weights import metric_weights

    needed = [metric for metric in names if needs_weights(metric, protocols)]
    weights, absent = metric_weights(needed, weights_dir, download, required or [], skip_absent)
    title = f"{sr.parent.name} on {sr.name}" if log else f"score {sr.name}"
    scores = score_benchmark(Task(sr, hr, protocols, weights, absent, hr_features, scale, suffix, title, bool(log)))
    scores.write(output)
    if log is None:
        from gansr.reporting.score_summary import summary

        typer.echo(summary(scores))
        typer.echo(f"{output}")


def _assignments(words: list[str]) -> dict[str, str]:
    """`name=value` words as a mapping."""
    for word in words:
        if "=" not in word:
            raise UserError(f"--protocol {word}: give metric=protocol, for instance psnr_y=y_rounded")
    return dict(word.split("=", 1) for word in words)


VERBS = (upscale, hr_features, score)
