"""Verbs that write a run's tables, figures and provenance.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import JobText, LogFile, Threads, begin, take_devices


def table(
    text: JobText,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    images: Annotated[list[Path], typer.Option(help="The folders of its benchmarks, <benchmark>/x4/images.")],
    published: Annotated[Path | None, typer.Option(help="The published values, for a table that has some.")] = None,
    log: LogFile = None,
) -> None:
    """Write a table from the scores of a run, with the published values beside it."""
    from gansr.plan.jobs.table import TableJob
    from gansr.reporting.scores import read_benchmarks
    from gansr.reporting.write_table import write_table

    begin(log)
    write_table(TableJob.from_json(text), read_benchmarks(images), run_folder, published)


def figure(
    text: JobText,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    mad_patches: Annotated[Path, typer.Option(help="The list of patches, for a figure that draws them.")] = Path(
        "mad_patches.json"
    ),
    images: Annotated[Path, typer.Option(help="The prepared benchmark that they lie in.")] = Path(),
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Draw a figure from the files of a run's models."""
    from gansr.plan.jobs.figure import FigureJob

    begin(log)
    job = FigureJob.from_json(text)
    take_devices(0, threads)
    from gansr.reporting.draw_figure import draw_figure

    draw_figure(job, run_folder, mad_patches, images)


def provenance(
    text: JobText,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    data_dir: Annotated[Path, typer.Option(help="The folder of the prepared datasets.")],
    log: LogFile = None,
) -> None:
    """Write provenance.json: code, packages, inputs and configuration of a run, and the time of each job."""
    from gansr.plan.jobs.provenance import ProvenanceJob
    from gansr.reporting.provenance import write_provenance

    begin(log)
    write_provenance(ProvenanceJob.from_json(text), run_folder, data_dir)


VERBS = (table, figure, provenance)
