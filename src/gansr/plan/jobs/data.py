"""The jobs that fetch and prepare images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from gansr.config.dataset import Dataset
from gansr.config.remote_file import RemoteFile
from gansr.plan.jobs.base import Job
from gansr.plan.jobs.train import Scale

# Keys of a dataset that do not change its prepared images: they are left out of the job, so that a new address, for
# instance, prepares no image again.
IRRELEVANT: Any = {
    "licence": True,
    "ask": True,
    "megapixels": True,
    "sources": {"__all__": {"addresses", "ask", "bytes"}},
}


def _what_images_depend_on(dataset: Dataset) -> dict[str, Any]:
    return dataset.model_dump(mode="json", exclude=IRRELEVANT, exclude_defaults=True)


class FetchJob(Job):
    """Fetch one of several equivalent files; `by_hand` says what a user can do if none can be fetched."""

    title: str
    sources: tuple[RemoteFile, ...]
    by_hand: str = ""
    folder: Path
    download: bool


class ImagesJob(Job):
    """Prepare a dataset's HR and LR images."""

    code: int
    name: Annotated[str, Field(min_length=1)]
    scale: Scale
    dataset: Annotated[Dataset, PlainSerializer(_what_images_depend_on)]


class PatchStoreJob(Job):
    """Write the training images of a dataset to a patch store (data/patch_store.py)."""

    code: int
    scale: Scale
