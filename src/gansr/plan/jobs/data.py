"""The jobs that fetch and prepare images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from gansr.config.dataset import Dataset
from gansr.config.remote_file import RemoteFile
from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import Scale

# A prepared image does not depend on these: where an archive comes from, what is told of it, whom to ask.
IRRELEVANT: Any = {
    "licence": True,
    "ask": True,
    "megapixels": True,
    "sources": {"__all__": {"addresses", "ask", "bytes"}},
}


def _what_images_depend_on(dataset: Dataset) -> dict[str, Any]:
    return dataset.model_dump(mode="json", exclude=IRRELEVANT, exclude_defaults=True)


class FetchJob(Job):
    """One of several equivalent files, and what a user does who cannot fetch any."""

    title: str
    sources: tuple[RemoteFile, ...]
    by_hand: str = ""
    folder: Path
    download: bool


class ImagesJob(Job):
    """A dataset's HR and LR images."""

    code: int
    name: Annotated[str, Field(min_length=1)]
    scale: Scale
    dataset: Annotated[Dataset, PlainSerializer(_what_images_depend_on)]


class PatchStoreJob(Job):
    """The training images of a dataset in one memory-mapped file."""

    code: int
    scale: Scale
