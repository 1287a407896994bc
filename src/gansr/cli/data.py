"""Verbs that fetch and prepare data: archives, images, patch stores, MAD patches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansr.cli.common import (
    JobText,
    LogFile,
    Output,
    begin,
    read_text,
)


def fetch(
    request: Annotated[Path, typer.Option(help="A JSON file: title, sources, by_hand, folder, download.")],
    output: Annotated[Path, typer.Option(help="The receipt: which file it was, and its checksum.")],
    log: LogFile = None,
) -> None:
    """Download and verify an archive or a file of weights; a download that broke off goes on where it stopped."""
    from gansr.data.receipts import fetch as fetch_file
    from gansr.plan.jobs.data import FetchJob

    begin(log)
    job = FetchJob.from_json(read_text(request), str(request))
    fetch_file(job.title, job.sources, job.by_hand, job.folder, job.download, output)


def images(
    text: JobText,
    output: Output,
    receipt: Annotated[Path | None, typer.Option(help="What fetch wrote, for a dataset from an archive.")] = None,
    archives: Annotated[Path, typer.Option(help="The folder of the archive.")] = Path("datasets"),
    threads: Annotated[int, typer.Option(help="Number of processes, each of which prepares one image at a time.")] = 1,
    log: LogFile = None,
) -> None:
    """Prepare the HR and LR images of a dataset."""
    from gansr.data.fetched import prepare_fetched
    from gansr.data.prepare import prepare_images
    from gansr.plan.jobs.data import ImagesJob

    begin(log)
    job = ImagesJob.from_json(text)
    if receipt is None:
        prepare_images(job.dataset, job.name, job.scale, output, threads)
    else:
        prepare_fetched(job.dataset, job.name, job.scale, receipt, archives, output, threads)


def subset(
    text: JobText,
    images: Annotated[Path, typer.Option(help="The whole benchmark's folder with HR and LR.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """Copy a benchmark's prepared images without the gray ones."""
    from gansr.data.subset import leave_out_gray
    from gansr.plan.jobs.data import ImagesJob

    begin(log)
    job = ImagesJob.from_json(text)
    leave_out_gray(images, job.name, job.dataset.images, output)


def patch_store(
    text: JobText,
    images: Annotated[list[Path], typer.Option(help="A dataset's folder with HR and LR; several make a union.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """Write training images to a memory-mapped patch store; the same command goes on where it was stopped."""
    from gansr.data.patch_store import build_patch_store
    from gansr.plan.jobs.data import PatchStoreJob

    begin(log)
    build_patch_store(images, PatchStoreJob.from_json(text).scale, output)


def mad_patches(
    text: JobText,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with HR and LR.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """List the patches whose SR is kept during fine-tuning."""
    from gansr.data.mad_patches import choose_mad_patches
    from gansr.plan.jobs.mad_patches import MadPatchesJob

    begin(log)
    choose_mad_patches(images, MadPatchesJob.from_json(text), output)


VERBS = (fetch, images, subset, patch_store, mad_patches)
