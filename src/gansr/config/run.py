"""A run: one config file's worth of models, benchmarks, tables and figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, NonNegativeInt, PositiveInt, Tag, field_validator
from pydantic import model_validator as check

from gansr.config.dataset import Dataset
from gansr.config.method import network_options
from gansr.config.section import Section
from gansr.errors import nearest

BICUBIC = "Bicubic"
PUBLISHED_SCALE = 4  # of the papers' tables
RESERVED = ("metric", "benchmark", "row")  # columns of the tables
Metric = Literal["psnr_y", "ssim_y", "lpips_alex"]
PatchType = Literal["A", "B", "C"]
Weights = Literal["raw", "ema"]
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Published(Section):
    """The column of a published table that a model is compared with."""

    method: str
    train_set: str


class Model(Section):
    """A generator trained by a method on a dataset with a seed; one column of a table."""

    name: Name
    generator: str
    method: str
    dataset: str | None = None
    start: str | None = None
    seed: NonNegativeInt | None = None
    tables: tuple[Literal["ldl_table1"], ...] = ("ldl_table1",)
    published: Published | None = None


class MadPatch(Section):
    """A patch whose SR output is kept during fine-tuning; coordinates in pixels of the HR image."""

    image: str
    top: NonNegativeInt
    left: NonNegativeInt
    size: PositiveInt
    type: PatchType


# The tag of a branch stands in brackets, so that it is told apart from a key in an error's place.
MadPatches = Annotated[
    Annotated[Literal["auto"], Tag("[auto]")] | Annotated[list[MadPatch], Field(min_length=1), Tag("[list]")],
    Discriminator(lambda given: "[list]" if isinstance(given, list) else "[auto]"),
]


class Mad(Section):
    """What the MAD stability curves (Fig. 4 of LDL) are made from."""

    benchmark: str
    interval: PositiveInt
    size: PositiveInt = 96
    patches: MadPatches = "auto"


class LdlTable1(Section):
    """Table 1 of LDL; `reference` columns stand beside the models and do not contend for the best."""

    reference: tuple[str, ...] = (BICUBIC,)


class AblationRow(Section):
    """One row of LDL's Table 2: a model, scored with its raw or its EMA weights."""

    row: str | int
    model: str
    weights: Weights


class LdlTable2(Section):
    """Table 2 of LDL: the ablation of the artifact map on one benchmark."""

    benchmark: str
    rows: Annotated[list[AblationRow], Field(min_length=1)]


class Tables(Section):
    """The tables to make."""

    ldl_table1: LdlTable1 | None = None
    ldl_table2: LdlTable2 | None = None


class MadStability(Section):
    """Fig. 4 of LDL: the models whose curves are drawn solid and dashed."""

    solid: str
    dashed: str


class ArtifactMap(Section):
    """Fig. 5 of LDL: the model whose artifact map is drawn."""

    model: str


class Figures(Section):
    """The figures to make."""

    mad_stability: MadStability | None = None
    artifact_map: ArtifactMap | None = None


class Run(Section):
    """One config file; `run` names the folder in results/."""

    run: str
    scale: Literal[2, 4]
    seed: NonNegativeInt = 0
    data_dir: Path = Path("results/data")
    weights_dir: Path = Path("weights")
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    train_dataset: str
    benchmarks: Annotated[list[str], Field(min_length=1)]
    metrics: Annotated[list[Metric], Field(min_length=1)]
    generators: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    models: list[Model]
    overrides: dict[Literal["pretrain", "finetune"], dict[str, Any]] = Field(default_factory=dict)
    mad: Mad | None = None
    tables: Tables = Tables()
    figures: Figures = Figures()

    @field_validator("run")
    @classmethod
    def _safe_run(cls, run: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run) or run == "data":
            raise ValueError(f'"{run}" names a folder: letters, digits, ".", "_" and "-"; not "data"')
        return run

    @field_validator("datasets")
    @classmethod
    def _safe_datasets(cls, datasets: dict[str, Dataset]) -> dict[str, Dataset]:
        for name in datasets:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
                raise ValueError(f'"{name}" names a folder: letters, digits, ".", "_" and "-"')
        return datasets

    @field_validator("data_dir", "weights_dir")
    @classmethod
    def _no_braces(cls, folder: Path) -> Path:
        if "{" in str(folder) or "}" in str(folder):
            raise ValueError(f"{folder}: braces are Snakemake's wildcards; use another folder")
        return folder

    @field_validator("generators")
    @classmethod
    def _fill_generator_options(cls, generators: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        filled = {}
        for name, given in generators.items():
            try:
                filled[name] = network_options("generator", given)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return filled

    @field_validator("benchmarks", "metrics")
    @classmethod
    def _named_once(cls, names: list[str]) -> list[str]:
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'"{name}" is given twice; remove one')
        return names

    @check(mode="after")
    def _names_refer_to_something(self) -> Run:
        _distinct_models(self.models)
        by_name = {model.name: model for model in self.models}
        for model in self.models:
            _known("generator", model.generator, self.generators, f"model {model.name}")
            if model.start is not None:
                _known("start model", model.start, by_name, f"model {model.name}")
                _fits(model, by_name[model.start])
                _no_circle(model, by_name)
        columns = [BICUBIC, *by_name]
        if self.tables.ldl_table1:
            for name in self.tables.ldl_table1.reference:
                _known("model", name, columns, "tables.ldl_table1.reference")
        if self.tables.ldl_table2:
            _known("benchmark", self.tables.ldl_table2.benchmark, self.benchmarks, "tables.ldl_table2")
            labels = [str(row.row) for row in self.tables.ldl_table2.rows]
            for label in labels:
                if labels.count(label) > 1:
                    raise ValueError(f'tables.ldl_table2: the row "{label}" is given twice; rename one')
            for row in self.tables.ldl_table2.rows:
                _known("model", row.model, by_name, f"tables.ldl_table2 row {row.row}")
        if self.mad:
            _known("benchmark", self.mad.benchmark, self.benchmarks, "mad")
            _on_the_lr_grid(self.mad, self.scale)
        for figure, names in figure_models(self.figures).items():
            if self.mad is None:
                raise ValueError(f"figures.{figure} draws the patches of mad; add the section mad")
            for name in names:
                _known("model", name, by_name, f"figures.{figure}")
        return self


def slug(name: str) -> str:
    """A model's name made safe for files."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", name).strip("_.") or "model"


def _distinct_models(models: list[Model]) -> None:
    for model in models:
        if model.name in RESERVED or "{" in model.name or "}" in model.name:
            raise ValueError(f'models: "{model.name}" is reserved or has braces; rename it')
    by_slug: dict[str, str] = {slug(BICUBIC).lower(): BICUBIC}
    for model in models:
        key = slug(model.name).lower()
        if model.name == by_slug.get(key):
            raise ValueError(f'models: the name "{model.name}" is used twice; rename one')
        if key in by_slug:
            raise ValueError(
                f'models: "{model.name}" and "{by_slug[key]}" have the same file name "{slug(model.name)}"; rename one'
            )
        by_slug[key] = model.name
    for key, name in by_slug.items():
        if key.endswith("_raw") and key.removesuffix("_raw") in by_slug:
            raise ValueError(f'models: "{name}" would share the folder of the raw weights of another; rename it')


def _fits(model: Model, start: Model) -> None:
    if start.generator != model.generator:
        raise ValueError(
            f"model {model.name}: starts from {start.name}, whose generator is {start.generator}, not "
            f"{model.generator}; start from a {model.generator} model"
        )
    if start.name == model.name:
        raise ValueError(f"model {model.name}: starts from itself; name another model")


def _no_circle(model: Model, by_name: dict[str, Model]) -> None:
    chain = [model.name]
    while (start := by_name[chain[-1]].start) is not None and start in by_name:
        if start in chain:
            raise ValueError(f"model {model.name}: models start from each other: {' -> '.join([*chain, start])}")
        chain.append(start)


def _known(noun: str, name: str, known: Any, place: str) -> None:
    if name not in known:
        raise ValueError(f'{place}: unknown {noun} "{name}"; {nearest(name, known)}')


def _on_the_lr_grid(mad: Mad, scale: int) -> None:
    if mad.size % scale:
        raise ValueError(f"mad.size: {mad.size} is not a multiple of the scale {scale}")
    for number, patch in enumerate(mad.patches if mad.patches != "auto" else []):
        for key in ("top", "left", "size"):
            value = getattr(patch, key)
            if value % scale:
                raise ValueError(f"mad.patches.{number}.{key}: {value} is not a multiple of the scale {scale}")


def figure_models(figures: Figures) -> dict[str, list[str]]:
    """The models that each figure of a run shows."""
    models: dict[str, list[str]] = {}
    if figures.mad_stability:
        models["mad_stability"] = [figures.mad_stability.solid, figures.mad_stability.dashed]
    if figures.artifact_map:
        models["artifact_map"] = [figures.artifact_map.model]
    return models


def json_schema() -> str:
    """The JSON schema of a run's config file, for editors and for Snakemake's own check."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Run.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
