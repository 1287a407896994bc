"""A run: one config file's worth of models, benchmarks, tables and figures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, field_validator
from pydantic import model_validator as check

from gansr.config.dataset import Dataset
from gansr.config.generator import generator_options
from gansr.config.mad import Mad
from gansr.config.metrics import Metric, chosen_protocols
from gansr.config.model import Model, check_names, check_parents
from gansr.config.protocols import LUMA_ALONE
from gansr.config.tables import GivenSettings
from gansr.config.training_settings import TrainingSettings
from gansr.errors import UserError, nearest
from gansr.paths import BESIDE_DATASETS
from gansr.schema.section import Section


class Run(Section):
    """One config file; `run` names the folder in results/.

    The settings under `tables` and `figures` depend on the files of these tables and figures: they are checked when the
    plan is made (plan/tables.py, plan/figures.py).
    """

    run: str
    scale: Literal[2, 4]
    seed: NonNegativeInt = 0
    seeds: tuple[NonNegativeInt, ...] = ()
    download: bool = True
    data_dir: Path = Path("results/data")
    datasets_dir: Path = Path("datasets")
    weights_dir: Path = Path("weights")
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    train_dataset: str
    benchmarks: Annotated[list[str], Field(min_length=1)]
    metrics: Annotated[list[Metric], Field(min_length=1)]
    protocols: dict[str, str] = Field(default_factory=dict)
    generators: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    models: list[Model]
    training: TrainingSettings = TrainingSettings()
    overrides: dict[Literal["pretrain", "finetune"], dict[str, Any]] = Field(default_factory=dict)
    mad: Mad | None = None
    tables: dict[str, GivenSettings] = Field(default_factory=dict)
    figures: dict[str, Any] = Field(default_factory=dict)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds that models without a seed of their own are trained with."""
        return self.seeds or (self.seed,)

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
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name in BESIDE_DATASETS:
                taken = " or ".join(BESIDE_DATASETS)
                raise ValueError(f'"{name}" names a folder: letters, digits, ".", "_" and "-"; not {taken}')
        return datasets

    @field_validator("data_dir", "datasets_dir", "weights_dir")
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
                filled[name] = generator_options(given)
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

    @field_validator("seeds")
    @classmethod
    def _different_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        for seed in seeds:
            if seeds.count(seed) > 1:
                raise ValueError(f"{seed} is given twice; remove one")
        return seeds

    @check(mode="after")
    def _folders_apart(self) -> Run:
        for key, folder in (("datasets_dir", self.datasets_dir), ("weights_dir", self.weights_dir)):
            one, other = folder.resolve(), self.data_dir.resolve()
            if one == other or one in other.parents or other in one.parents:
                raise ValueError(f"{key}: {folder} and data_dir {self.data_dir} must lie apart; move one of them")
        return self

    @check(mode="after")
    def _one_way_of_seeding(self) -> Run:
        if self.seeds and "seed" in self.model_fields_set:
            raise ValueError("seed and seeds are both given; remove one")
        return self

    @check(mode="after")
    def _known_protocols(self) -> Run:
        for metric, protocol in self.protocols.items():
            if metric not in self.metrics:
                raise ValueError(f"protocols.{metric}: {metric} is not in metrics; add it or remove this")
            if protocol == LUMA_ALONE:
                raise ValueError(
                    f"protocols.{metric}: y_images is for SR that holds luma alone, which no model makes; "
                    f"name Bicubic-Y in a table's reference"
                )
        try:
            chosen_protocols(list(self.metrics), self.protocols)
        except UserError as error:
            raise ValueError(f"protocols: {error}") from None
        return self

    @check(mode="after")
    def _names_refer_to_something(self) -> Run:
        check_names(self.models)
        by_name = {model.name: model for model in self.models}
        for model in self.models:
            if model.generator is not None:
                _known("generator", model.generator, self.generators, f"model {model.name}")
        check_parents(by_name, self.generators)
        if self.mad:
            _known("benchmark", self.mad.benchmark, self.benchmarks, "mad")
            _on_the_lr_grid(self.mad, self.scale)
        return self


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


def json_schema() -> str:
    """The JSON schema of a run's config file, for editors and for Snakemake's own check."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Run.model_json_schema()}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
