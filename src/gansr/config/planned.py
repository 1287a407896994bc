"""A run together with the methods, datasets and published tables it refers to.

From it the workflow takes, for each job, exactly the slice of the configuration that the job depends on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gansr import code_versions
from gansr.config.catalog import Catalog
from gansr.config.dataset import Dataset, image_files
from gansr.config.loading import validate
from gansr.config.method import Method
from gansr.config.method_files import apply_overrides, read_method, variants
from gansr.config.model import BICUBIC, Model, Weights, generator_of, slug
from gansr.config.run import Run
from gansr.config.weights import METRIC_WEIGHTS
from gansr.errors import UserError, nearest

SMALLEST_LR = {"swinir": 8}  # pixels: one attention window


@dataclass(frozen=True)
class PlannedModel:
    """A model of the run; `spec` is everything that its weights depend on, input files aside."""

    name: str
    generator: str
    spec: dict[str, Any]

    @property
    def slug(self) -> str:
        """The name of the model's folders."""
        return slug(self.name)


@dataclass(frozen=True)
class TrainedModel(PlannedModel):
    """A model that a method trains."""

    method_name: str
    method: Method
    has_variants: bool
    overridden: dict[str, Any]  # keys of the method file, as a.b.c, that the run gives other values
    dataset: str
    start: str | None
    seed: int


@dataclass(frozen=True)
class InterpolatedModel(PlannedModel):
    """A model whose weights lie between those of two others."""

    between: tuple[str, str]
    alpha: float


class Plan:
    """A run with its datasets and models, every one of which refers to something that exists.

    Raises:
        UserError: a dataset, a method or a model's settings are wrong.
    """

    def __init__(self, run: Run, source: str, catalog: Catalog) -> None:
        self.run = run
        self.source = source
        self.catalog = catalog
        doubled = sorted(set(run.datasets) & set(catalog.datasets))
        if doubled:
            raise UserError(f'datasets: "{doubled[0]}" is already in {catalog.folder}/datasets.yaml; rename yours')
        self.datasets = {**catalog.datasets, **run.datasets}
        for name in run.benchmarks:
            self._dataset(name, "benchmark", "benchmarks")
        by_name = {model.name: model for model in run.models}
        self.models: dict[str, PlannedModel] = {}
        for model in run.models:
            plan = self._plan_interpolated if model.interpolate else self._plan_trained
            self.models[model.name] = plan(model, generator_of(model, by_name))
        self.trained = {name: model for name, model in self.models.items() if isinstance(model, TrainedModel)}
        self.interpolated = {name: model for name, model in self.models.items() if isinstance(model, InterpolatedModel)}

    def _dataset(self, name: str, role: str, place: str) -> Dataset:
        if name not in self.datasets:
            raise UserError(f'{place}: unknown dataset "{name}"; {nearest(name, self.datasets)}')
        dataset = self.datasets[name]
        if dataset.role != role:
            raise UserError(f"{place}: the dataset {name} has the role {dataset.role}, not {role}")
        image_files(dataset, name)
        return dataset

    def _plan_trained(self, model: Model, generator: str) -> TrainedModel:
        run = self.run
        assert model.method is not None
        try:
            raw = read_method(self.catalog.methods, model.method, model.variant)
        except UserError as error:
            raise UserError(f"model {model.name}: {error}") from None
        file = self.catalog.methods / f"{model.method}.yaml"
        method = validate(Method, raw, f"{file}{_in_variant(raw)}")
        known = variants(self.catalog.methods, model.method)
        for other in known:
            unused = read_method(self.catalog.methods, model.method, other)
            validate(Method, unused, f"{file}{_in_variant(unused)}")
        as_written = method
        if method.stage in run.overrides:
            overridden = apply_overrides(raw, run.overrides[method.stage])
            method = validate(Method, overridden, f"{self.source}: overrides.{method.stage} on {model.method}")
        if method.patch_size % run.scale:
            raise UserError(
                f"model {model.name}: patch_size {method.patch_size} is not a multiple of the scale {run.scale}"
            )
        smallest = SMALLEST_LR.get(run.generators[generator]["network"], 1) * run.scale
        if method.patch_size < smallest:
            raise UserError(
                f"model {model.name}: patch_size {method.patch_size} is too small for the generator {generator}; "
                f"it must be at least {smallest}"
            )
        self._check_stage(model, method)
        self._check_drop_path(model, generator, method)
        self._check_perceptual_weights(model, method)
        dataset = model.dataset or run.train_dataset
        self._dataset(dataset, "train", f"model {model.name}")
        seed = run.seed if model.seed is None else model.seed
        spec = {
            "code": code_versions.TRAINING,
            "scale": run.scale,
            "seed": seed,
            "generator": run.generators[generator],
            "method": method.model_dump(mode="json", exclude={"title", "paper", "variant", "stage"}),
            "mad_interval": run.mad.interval if run.mad and method.stage == "finetune" else None,
        }
        return TrainedModel(
            model.name,
            generator,
            spec,
            model.method,
            method,
            len(known) > 1,
            _changes(as_written.model_dump(mode="json"), method.model_dump(mode="json")),
            dataset,
            model.start,
            seed,
        )

    def _plan_interpolated(self, model: Model, generator: str) -> InterpolatedModel:
        assert model.interpolate is not None
        between, alpha = model.interpolate.between, model.interpolate.alpha
        spec = {
            "code": code_versions.INTERPOLATION,
            "scale": self.run.scale,
            "generator": self.run.generators[generator],
            "interpolate": {"between": list(between), "alpha": alpha},
        }
        return InterpolatedModel(model.name, generator, spec, between, alpha)

    def _check_stage(self, model: Model, method: Method) -> None:
        if method.stage == "finetune" and model.start is None:
            raise UserError(
                f"model {model.name}: the method {model.method} fine-tunes; name the model it starts from: start: ..."
            )
        if method.stage == "pretrain" and model.start is not None:
            raise UserError(f"model {model.name}: the method {model.method} trains from scratch; remove start")

    def _check_drop_path(self, model: Model, generator: str, method: Method) -> None:
        drop_path = self.run.generators[generator].get("drop_path", 0)
        artifact = method.losses.get("artifact", {})
        if drop_path > 0 and artifact.get("ema_refine") and artifact["weight"] > 0:
            raise UserError(
                f"model {model.name}: losses.artifact.ema_refine compares with an EMA model that skips nothing, and "
                f"generators.{generator} skips blocks at random in training (drop_path {drop_path}); use a generator "
                f"with drop_path 0, which may start from this one's weights"
            )

    def _check_perceptual_weights(self, model: Model, method: Method) -> None:
        perceptual = method.losses.get("perceptual", {"weight": 0})
        if perceptual["weight"] > 0 and perceptual["weights"] == "pretrained" and not self.vgg19.is_file():
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
    def metric_weights(self) -> list[Path]:
        """Where the weights that the run's metrics need are expected."""
        networks = [METRIC_WEIGHTS[metric] for metric in self.run.metrics if metric in METRIC_WEIGHTS]
        return [self.run.weights_dir / self.catalog.weights[network].file for network in networks]

    def scored(self) -> list[tuple[str, Weights]]:
        """The models and weights that are tested: every model as published, and what LDL's Table 2 asks for."""
        pairs: list[tuple[str, Weights]] = [(name, self.tested_weights(name)) for name in self.models]
        table = self.run.tables.ldl_table2
        pairs += [(row.model, row.weights) for row in table.rows] if table else []
        return list(dict.fromkeys(pairs))

    def tested_weights(self, model: str) -> Weights:
        """EMA weights where the method keeps them, as LDL's Table 1 does, else the raw weights."""
        trained = self.trained.get(model)
        return "ema" if trained is not None and trained.method.ema_decay is not None else "raw"

    def scored_slug(self, model: str, weights: Weights) -> str:
        """The folder of a model's images and scores; raw weights beside tested EMA weights get a suffix."""
        if model == BICUBIC:
            return slug(BICUBIC)
        return slug(model) + ("" if weights == self.tested_weights(model) else f"_{weights}")


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The values of `after` that `before` does not have, under their keys joined by dots."""
    changed: dict[str, Any] = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            changed |= {f"{key}.{inner}": new for inner, new in _changes(old, value).items()}
        elif value != old:
            changed[key] = value
    return changed


def _in_variant(raw: dict[str, Any]) -> str:
    """What a message adds to a method file's name, where the file itself is another variant."""
    return f" (variant {raw['variant']})" if raw.get("variant", "release") != "release" else ""
