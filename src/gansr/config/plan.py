"""A run together with the methods, datasets and published tables it refers to, checked as a whole.

From it the workflow takes, for each job, exactly the slice of the configuration that the job depends on.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gansr import code_versions
from gansr.config.dataset import Dataset, image_files, image_size, image_sizes, load_datasets, shared_images
from gansr.config.loading import validate
from gansr.config.method import Method, apply_overrides, read_method
from gansr.config.run import BICUBIC, PUBLISHED_SCALE, Mad, Model, Run, Weights, figure_models, slug
from gansr.config.weights import WeightFile, load_weight_files
from gansr.errors import UserError, nearest


@dataclass(frozen=True)
class Catalog:
    """The folder `config`: methods, datasets, weights and published tables."""

    folder: Path = Path("config")

    @property
    def methods(self) -> Path:
        """The folder of the method files."""
        return self.folder / "methods"

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The datasets of datasets.yaml."""
        return load_datasets(self.folder / "datasets.yaml")

    @cached_property
    def weights(self) -> dict[str, WeightFile]:
        """The weight files of weights.yaml."""
        return load_weight_files(self.folder / "weights.yaml")

    def published(self, table: str) -> Path:
        """The file with a paper's printed table."""
        return self.folder / "published" / f"{table}.csv"


@dataclass(frozen=True)
class PlannedModel:
    """A model of the run with everything its training depends on."""

    name: str
    generator: str
    method_name: str
    method: Method
    dataset: str
    start: str | None
    seed: int
    spec: dict[str, Any]

    @property
    def slug(self) -> str:
        """The name of the model's folders."""
        return slug(self.name)


class Plan:
    """A run whose every reference holds; building one raises UserError before any job starts."""

    def __init__(self, run: Run, source: str, catalog: Catalog) -> None:
        self.run = run
        self.source = source
        self.catalog = catalog
        try:
            self._build()
        except UserError as error:
            message = str(error)
            located = message.startswith((str(catalog.folder), source))
            raise UserError(message if located else f"{source}: {message}") from None

    def _build(self) -> None:
        run, catalog = self.run, self.catalog
        doubled = sorted(set(run.datasets) & set(catalog.datasets))
        if doubled:
            raise UserError(f'datasets: "{doubled[0]}" is already in {catalog.folder}/datasets.yaml; rename yours')
        self.datasets = {**catalog.datasets, **run.datasets}
        for name in run.benchmarks:
            self._dataset(name, "benchmark", "benchmarks")
        self.models = {model.name: self._plan_model(model) for model in run.models}
        self._check_overrides()
        self._check_leaks()
        self._check_figures()
        self._check_image_sizes()
        self._check_table2_weights()
        self._check_published()
        self._check_mad_patches()

    def _dataset(self, name: str, role: str, place: str) -> Dataset:
        if name not in self.datasets:
            raise UserError(f'{place}: unknown dataset "{name}"; {nearest(name, self.datasets)}')
        dataset = self.datasets[name]
        if dataset.role != role:
            raise UserError(f"{place}: the dataset {name} has the role {dataset.role}, not {role}")
        image_files(dataset, name)
        return dataset

    def _plan_model(self, model: Model) -> PlannedModel:
        run = self.run
        try:
            raw = read_method(self.catalog.methods, model.method)
        except UserError as error:
            raise UserError(f"model {model.name}: {error}") from None
        method_file = self.catalog.methods / f"{model.method}.yaml"
        method = validate(Method, raw, str(method_file))
        if method.stage in run.overrides:
            overridden = apply_overrides(raw, run.overrides[method.stage])
            method = validate(Method, overridden, f"{self.source}: overrides.{method.stage} on {model.method}")
        if method.patch_size % run.scale:
            raise UserError(
                f"model {model.name}: patch_size {method.patch_size} is not a multiple of the scale {run.scale}"
            )
        self._check_stage(model, method)
        self._check_perceptual_weights(model, method)
        dataset = model.dataset or run.train_dataset
        self._dataset(dataset, "train", f"model {model.name}")
        seed = run.seed if model.seed is None else model.seed
        spec = {
            "code": code_versions.TRAINING,
            "scale": run.scale,
            "seed": seed,
            "generator": run.generators[model.generator],
            "method": method.model_dump(mode="json", exclude={"title", "paper", "variant", "stage"}),
            "mad_interval": run.mad.interval if run.mad and method.stage == "finetune" else None,
        }
        return PlannedModel(model.name, model.generator, model.method, method, dataset, model.start, seed, spec)

    def _check_stage(self, model: Model, method: Method) -> None:
        if method.stage == "finetune" and model.start is None:
            raise UserError(
                f"model {model.name}: the method {model.method} fine-tunes; name the model it starts from: start: ..."
            )
        if method.stage == "pretrain" and model.start is not None:
            raise UserError(f"model {model.name}: the method {model.method} trains from scratch; remove start")

    def _check_perceptual_weights(self, model: Model, method: Method) -> None:
        if method.losses.get("perceptual", {}).get("weights") == "pretrained" and not self.vgg19.is_file():
            address = self.catalog.weights["vgg19"].address
            raise UserError(
                f"model {model.name}: {self.vgg19} is not there; download {address} to it, "
                f"or set overrides.finetune.losses.perceptual.weights: random"
            )

    @property
    def vgg19(self) -> Path:
        """Where the weights of the perceptual loss are expected."""
        return self.run.weights_dir / self.catalog.weights["vgg19"].file

    @property
    def alexnet(self) -> Path:
        """Where the backbone of LPIPS (alex) is expected."""
        return self.run.weights_dir / self.catalog.weights["alexnet"].file

    def _check_overrides(self) -> None:
        for stage, overrides in self.run.overrides.items():
            methods = [model.method for model in self.models.values() if model.method.stage == stage]
            if not methods:
                raise UserError(f"overrides.{stage}: no model of this run has a method of the stage {stage}; remove it")
            if "discriminator" in overrides and not any(method.discriminator for method in methods):
                raise UserError(f"overrides.{stage}.discriminator: no method of this stage has one; remove it")
            used = {loss for method in methods for loss in method.losses}
            losses = overrides.get("losses", {})
            if not isinstance(losses, dict):
                raise UserError(f"overrides.{stage}.losses: {losses!r} is no mapping of losses; add one or remove it")
            for loss in losses:
                if loss not in used:
                    raise UserError(
                        f'overrides.{stage}.losses: no method here has the loss "{loss}"; {nearest(loss, used)}'
                    )

    def _check_leaks(self) -> None:
        for train in {model.dataset for model in self.models.values()}:
            for benchmark in self.run.benchmarks:
                leaked = shared_images(self.datasets[train], self.datasets[benchmark])
                if leaked:
                    raise UserError(f"the benchmark {benchmark} tests on what {train} trains on: {', '.join(leaked)}")

    def _check_image_sizes(self) -> None:
        """Images too small for a patch, from their headers; broken ones are found when they are read."""
        for model in self.models.values():
            dataset = self.datasets[model.dataset]
            for image, (height, width) in image_sizes(dataset, model.dataset).items():
                if min(height, width) < model.method.patch_size:
                    raise UserError(
                        f"dataset {model.dataset}: {image} is {height} x {width}, smaller than the patch "
                        f"({model.method.patch_size}) of {model.name}; remove the image or lower patch_size"
                    )
        mad = self.run.mad
        if mad and mad.patches == "auto":
            sizes = image_sizes(self.datasets[mad.benchmark], mad.benchmark)
            if not any(min(size) - min(size) % self.run.scale >= mad.size for size in sizes.values()):
                raise UserError(f"mad.size: {mad.size} is larger than every image of {mad.benchmark}; lower it")

    def _check_figures(self) -> None:
        for figure, names in figure_models(self.run.figures).items():
            for name in names:
                method = self.models[name].method
                if method.stage != "finetune":
                    raise UserError(f"figures.{figure}: {name} is not fine-tuned, no SR is kept of it; name another")
                if figure == "artifact_map" and method.ema_decay is None:
                    raise UserError(f"figures.{figure}: {name} has no EMA model to compare with; set ema_decay")
                if self.run.mad and self.run.mad.interval > method.iterations:
                    raise UserError(
                        f"mad.interval: {self.run.mad.interval} is more than the {method.iterations} iterations of "
                        f"{name}; lower it"
                    )

    def _check_table2_weights(self) -> None:
        table = self.run.tables.ldl_table2
        for row in table.rows if table else []:
            if row.weights == "ema" and self.models[row.model].method.ema_decay is None:
                raise UserError(f"tables.ldl_table2 row {row.row}: {row.model} has no EMA weights; set weights: raw")

    def _check_published(self) -> None:
        shown = [model for model in self.run.models if "ldl_table1" in model.tables]
        if self.run.tables.ldl_table1 and not shown and not self.run.tables.ldl_table1.reference:
            raise UserError("tables.ldl_table1: no model and no reference is a column of it; remove it")
        columns = self.published_columns("ldl_table1")
        for model in self.run.models:
            wanted = model.published
            if wanted and self.run.scale != PUBLISHED_SCALE:
                raise UserError(
                    f"model {model.name}: the published table is x{PUBLISHED_SCALE}, this run x{self.run.scale}; "
                    f"remove published"
                )
            if wanted and (wanted.method, wanted.train_set) not in columns:
                known = sorted(f"{method} ({train_set})" for method, train_set in columns)
                given = f"{wanted.method} ({wanted.train_set})"
                raise UserError(
                    f"model {model.name}: {self.catalog.published('ldl_table1')} has no column {given}; "
                    f"{nearest(given, known)}"
                )

    def published_columns(self, table: str) -> set[tuple[str, str]]:
        """The (method, train_set) columns of a published table."""
        file = self.catalog.published(table)
        try:
            with file.open(encoding="utf-8", newline="") as stream:
                return {(row["method"], row["train_set"]) for row in csv.DictReader(stream)}
        except OSError as error:
            raise UserError(f"{file}: cannot read the published table ({error.strerror})") from None

    def _check_mad_patches(self) -> None:
        mad = self.run.mad
        if mad is None:
            return
        dataset = self.datasets[mad.benchmark]
        for number, patch in enumerate(mad.patches if mad.patches != "auto" else []):
            height, width = image_size(dataset, mad.benchmark, patch.image)
            height, width = height - height % self.run.scale, width - width % self.run.scale
            if patch.top + patch.size > height or patch.left + patch.size > width:
                raise UserError(
                    f"mad.patches.{number}: rows {patch.top} to {patch.top + patch.size} and columns {patch.left} to "
                    f"{patch.left + patch.size} are outside {patch.image} ({height} x {width}); move it inside"
                )

    def scored(self) -> list[tuple[str, Weights]]:
        """The models and weights that are tested: every model as published, and what Table 2 asks for."""
        pairs: list[tuple[str, Weights]] = [(name, self.tested_weights(name)) for name in self.models]
        table = self.run.tables.ldl_table2
        pairs += [(row.model, row.weights) for row in table.rows] if table else []
        return list(dict.fromkeys(pairs))

    def tested_weights(self, model: str) -> Weights:
        """EMA weights where the method keeps them, as LDL's Table 1 does, else the raw weights."""
        return "ema" if self.models[model].method.ema_decay is not None else "raw"

    def scored_slug(self, model: str, weights: Weights) -> str:
        """The folder of a model's images and scores; raw weights beside tested EMA weights get a suffix."""
        if model == BICUBIC:
            return slug(BICUBIC)
        return slug(model) + ("" if weights == self.tested_weights(model) else f"_{weights}")


def load_plan(data: dict[str, Any], source: str, catalog: Catalog | None = None) -> Plan:
    """Check a run's configuration as a whole.

    Args:
        data: the mapping of a run's config file.
        source: the name of that file, for messages.
        catalog: the folder with the methods, datasets and published tables; by default `config`.

    Raises:
        UserError: anything in the configuration is wrong; one line with the place and the way out.
    """
    return Plan(validate(Run, data, source), source, catalog or Catalog())


def canonical(data: Any) -> str:
    """JSON that is the same for equal data, whatever the order of keys: a job's slice of the configuration."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def mad_slice(mad: Mad) -> dict[str, Any]:
    """What the choice of the MAD patches depends on."""
    patches = mad.patches if mad.patches == "auto" else [patch.model_dump() for patch in mad.patches]
    return {"code": code_versions.MAD_PATCHES, "size": mad.size, "patches": patches}
