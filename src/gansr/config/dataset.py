"""A dataset: a named set of HR images with a source and a licence note."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from gansr.config.remote_file import Md5, RemoteFile
from gansr.schema.loading import read_yaml, validate
from gansr.schema.section import Section

# Images that come inside the scikit-image package: no network needed.
ScikitImagePhotograph = Literal[
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "ihc",
    "motorcycle_left",
    "motorcycle_right",
    "retina",
    "rocket",
]
# A path in an archive; `*` stands for any part of one file's or folder's name, `**` for any folders.
Pattern = Annotated[str, Field(min_length=1)]


class Source(RemoteFile):
    """An archive that holds a dataset, and which of its files are the images.

    `images_md5` is the md5 of the images' own md5s, as hex digits, in the order of their names: it is the same
    for every archive of the same files. `released_lr` are patterns of LR images in the archive, by scale: LR is made
    here nevertheless, and compared with them.
    """

    images: Pattern
    images_md5: Md5 | None = None
    released_lr: dict[int, Pattern] = Field(default_factory=dict)

    @field_validator("images", "released_lr")
    @classmethod
    def _inside(cls, given: Any) -> Any:
        for pattern in given.values() if isinstance(given, dict) else [given]:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(f"{pattern} leads out of the archive; give a path within it")
        return given

    @field_validator("released_lr")
    @classmethod
    def _known_scales(cls, released: dict[int, str]) -> dict[int, str]:
        for scale in released:
            if scale not in (2, 4):
                raise ValueError(f"x{scale} is no scale of this project; give 2 or 4")
        return released


class Dataset(Section):
    """Where HR images come from, and whether they train or test.

    The images are those of exactly one of

        scikit_image   photographs inside the scikit-image package
        folder         a folder of the user's; with `lr_folder` also its LR images, else LR is made
        union          other datasets, for training
        part_of        another dataset without its gray images
        sources, ask   archives, tried in order, and where to ask if none can be fetched; a folder of the
                       dataset's name in the run's `datasets_dir` takes their place

    `images` is the expected number of images, `names` a regular expression for their names. A dataset without HR is
    upscaled and not scored. `megapixels`, roughly, of all HR images together is for a dry run's estimate of disk.
    """

    role: Literal["train", "benchmark"]
    scikit_image: Annotated[list[ScikitImagePhotograph], Field(min_length=1)] | None = None
    folder: Path | None = None
    lr_folder: Path | None = None
    union: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    part_of: str | None = None
    without_gray: bool = False
    sources: tuple[Source, ...] = ()
    ask: str = ""
    images: PositiveInt | None = None
    names: Annotated[str, Field(min_length=1)] | None = None
    has_hr: bool = True
    megapixels: PositiveFloat | None = None
    licence: str = ""

    @property
    def is_fetched(self) -> bool:
        """Whether the images come from archives, or must be obtained by hand as `ask` says."""
        return bool(self.sources or self.ask)

    @field_validator("names")
    @classmethod
    def _regular_expression(cls, names: str | None) -> str | None:
        try:
            re.compile(names or "")
        except re.error as error:
            raise ValueError(f"{names!r} is no regular expression: {error}") from None
        return names

    @model_validator(mode="after")
    def _one_source(self) -> Dataset:
        given = (self.scikit_image, self.folder, self.union, self.part_of)
        if sum(source is not None for source in given) + self.is_fetched != 1:
            raise ValueError(
                "give exactly one source: folder or scikit_image, union, part_of, or sources (with ask, or ask alone)"
            )
        if self.scikit_image and len(set(self.scikit_image)) < len(self.scikit_image):
            raise ValueError("scikit_image names one image twice")
        if (self.part_of is not None) != self.without_gray:
            raise ValueError("part_of and without_gray: true belong together; give both or none")
        if self.lr_folder is not None and self.folder is None:
            raise ValueError("lr_folder goes with folder, which holds the HR images; add it")
        own_files = self.folder is not None or self.is_fetched
        for key in ("images", "names") if not own_files else ():
            if getattr(self, key) is not None and not (key == "images" and self.part_of):
                raise ValueError(f"{key} is checked in a folder or an archive, which this dataset has not; remove it")
        if not self.has_hr and not own_files:
            raise ValueError("has_hr: false goes with a folder or sources; remove it")
        if self.union and len(set(self.union)) < len(self.union):
            raise ValueError("union names one dataset twice")
        files = [source.file for source in self.sources]
        for file in files:
            if files.count(file) > 1:
                raise ValueError(f"sources: {file} is given twice; give its mirrors as addresses of one source")
        if not self.has_hr and (self.role == "train" or self.lr_folder is not None):
            raise ValueError("has_hr: false is for a benchmark of LR images alone")
        return self


class DatasetFile(Section):
    """The content of config/datasets.yaml."""

    datasets: dict[str, Dataset]


def load_datasets(file: Path) -> dict[str, Dataset]:
    """The datasets that config/datasets.yaml defines, by name."""
    return validate(DatasetFile, read_yaml(file), str(file)).datasets
