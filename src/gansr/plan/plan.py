"""A run together with the methods, datasets and published tables it refers to.

From it the workflow takes, for each job, exactly the slice of the configuration that the job depends on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansr import code_versions
from gansr.config import plugins
from gansr.config.catalog import Catalog
from gansr.config.generator import smallest_lr, training_only
from gansr.config.loading import validate
from gansr.config.method import Method
from gansr.config.method_files import apply_overrides, read_method, variants
from gansr.config.metrics import METRICS, chosen_protocols
from gansr.config.model import BICUBIC, BICUBIC_Y, UNTRAINED, Model, Weights, generator_of, slug
from gansr.config.protocols import LUMA_ALONE, Protocol
from gansr.config.run import Run
from gansr.config.training_settings import ResultSettings, TrainingSettings
from gansr.errors import UserError, nearest
from gansr.plan.datasets import PlannedDatasets
from gansr.plan.figures import planned_figures
from gansr.plan.jobs.train import AdoptJob, InterpolateJob, ReleasedFile, TrainJob, used_plugins, versions_of
from gansr.plan.models import InterpolatedModel, PlannedModel, ReleasedModel, TrainedModel
from gansr.plan.seeds import with_seed
from gansr.plan.tables import planned_tables


class Plan:
    """A run with its datasets and models, every one of which refers to something that exists.

    Raises:
        UserError: a dataset, a method or a model's settings are wrong.
    """

    def __init__(self, run: Run, source: str, catalog: Catalog) -> None:
        self.run = run
        self.source = source
        self.catalog = catalog
        self.tables = planned_tables(run, catalog, source)
        self.figures = planned_figures(run, source)
        self.datasets = PlannedDatasets(run, catalog)
        for name in run.benchmarks:
            self.datasets.checked(name, "benchmark", "benchmarks")
        by_name = {model.name: model for model in run.models}
        self.models: dict[str, PlannedModel] = {}
        for model in run.models:
            self.models[model.name] = self._plan(model, generator_of(model, by_name))
        self.trained = {name: model for name, model in self.models.items() if isinstance(model, TrainedModel)}
        self.released = {name: model for name, model in self.models.items() if isinstance(model, ReleasedModel)}
        self.interpolated = {name: model for name, model in self.models.items() if isinstance(model, InterpolatedModel)}

    def _plan(self, model: Model, generator: str) -> PlannedModel:
        if model.interpolate:
            return self._plan_interpolated(model, generator)
        if model.released:
            return self._plan_released(model, generator)
        return self._plan_trained(model, generator)

    def _plan_trained(self, model: Model, generator: str) -> TrainedModel:
        run = self.run
        assert model.method is not None
        try:
            raw = read_method(self.catalog.methods, model.method, model.variant)
        except UserError as error:
            raise UserError(f"model {model.name}: {error}") from None
        file = self.catalog.methods / f"{model.method}.yaml"
        known = variants(self.catalog.methods, model.method)
        readings = {variant: read_method(self.catalog.methods, model.method, variant) for variant in known}
        methods = {v: validate(Method, reading, f"{file}{_in_variant(reading)}") for v, reading in readings.items()}
        method = as_written = methods[model.variant or known[0]]
        if method.stage in run.overrides:
            overridden = apply_overrides(raw, run.overrides[method.stage])
            method = validate(Method, overridden, f"{self.source}: overrides.{method.stage} on {model.method}")
        if method.patch_size % run.scale:
            raise UserError(
                f"model {model.name}: patch_size {method.patch_size} is not a multiple of the scale {run.scale}"
            )
        smallest = smallest_lr(run.generators[generator]) * run.scale
        if method.patch_size < smallest:
            raise UserError(
                f"model {model.name}: patch_size {method.patch_size} is too small for the generator {generator}; "
                f"it must be at least {smallest}"
            )
        self._check_stage(model, method)
        self._check_training_only(model, generator, method)
        try:
            method.check_generator(run.generators[generator])
        except ValueError as error:
            raise UserError(f"model {model.name}: {error} (generators.{generator})") from None
        self._check_judges(model, method)
        training = self._training_settings(model, method)
        dataset = model.dataset or run.train_dataset
        self.datasets.checked(dataset, "train", f"model {model.name}")
        job = TrainJob(
            code=code_versions.TRAINING,
            versions=versions_of(used_plugins(run.generators[generator], method)),
            scale=run.scale,
            seed=run.all_seeds[0] if model.seed is None else model.seed,
            generator=run.generators[generator],
            method=method,
            mad_interval=run.mad.interval if run.mad and method.stage == "finetune" else None,
            training=training.of_result,
        )
        return TrainedModel(
            model.name,
            generator,
            job,
            model.method,
            method,
            len(known) > 1,
            _changes(as_written.model_dump(mode="json"), method.model_dump(mode="json")),
            dataset,
            model.start,
        )

    def _training_settings(self, model: Model, method: Method) -> TrainingSettings:
        """The run's settings with the model's own."""
        given = self.run.training.model_dump() | model.training
        settings = validate(TrainingSettings, given, f"{self.source}: model {model.name}: training")
        beside = [key for key in model.training if key not in ResultSettings.model_fields]
        if beside:
            raise UserError(
                f"model {model.name}: training.{beside[0]} is the same for all models; give it in the run's training"
            )
        if method.batch_size % settings.gpus:
            raise UserError(
                f"model {model.name}: batch_size {method.batch_size} cannot be shared by {settings.gpus} GPUs; give "
                f"training.gpus a divisor of it"
            )
        critics = [critic["network"] for critic in method.used_critics.values()]
        smallest = max((plugins.fact("critic", critic, "SMALLEST_BATCH", 1) for critic in critics), default=1)
        share = method.batch_size // settings.gpus
        if share < smallest:
            raise UserError(
                f"model {model.name}: on {settings.gpus} GPUs each has {share} of the batch's patches, and the "
                f"discriminator needs {smallest} at least; give training.gpus a smaller number"
            )
        if settings.graph and settings.gpus > 1:
            raise UserError(f"model {model.name}: training.graph captures one process; set gpus: 1, or graph: false")
        if settings.graph and settings.skip_not_finite:
            raise UserError(
                f"model {model.name}: training.graph cannot skip an iteration; set skip_not_finite: 0, or graph: false"
            )
        return settings

    def _plan_interpolated(self, model: Model, generator: str) -> InterpolatedModel:
        assert model.interpolate is not None
        job = InterpolateJob(
            code=code_versions.INTERPOLATION,
            scale=self.run.scale,
            generator=self.run.generators[generator],
            interpolate=model.interpolate,
        )
        return InterpolatedModel(model.name, generator, job)

    def _plan_released(self, model: Model, generator: str) -> ReleasedModel:
        name = str(model.released)
        if name not in self.catalog.weights:
            raise UserError(
                f'model {model.name}: released: unknown weights "{name}"; {nearest(name, self.catalog.weights)}'
            )
        expected = self.catalog.weights[name]
        if not self.has_weights(name):
            raise UserError(
                f"model {model.name}: {self.weight_file(name)} is not there; set download: true, or put it there: "
                f"{expected.addresses[0] if expected.addresses else expected.ask}"
            )
        job = AdoptJob(
            code=code_versions.RELEASED,
            scale=self.run.scale,
            generator=self.run.generators[generator],
            released=ReleasedFile(file=expected.file, sha256=expected.sha256),
        )
        return ReleasedModel(model.name, generator, job, name)

    def _check_stage(self, model: Model, method: Method) -> None:
        if method.stage == "finetune" and model.start is None:
            raise UserError(
                f"model {model.name}: the method {model.method} fine-tunes; name the model it starts from: start: ..."
            )
        if method.stage == "pretrain" and model.start is not None:
            raise UserError(f"model {model.name}: the method {model.method} trains from scratch; remove start")

    def _check_training_only(self, model: Model, generator: str, method: Method) -> None:
        """A loss that compares the generator in training with its EMA model needs two of the same kind."""
        for term in method.used_terms:
            if not term.needs_ema:
                continue
            for key, (value, default) in training_only(self.run.generators[generator]).items():
                raise UserError(
                    f"model {model.name}: losses.{term.name} compares the generator in training with its EMA model, "
                    f"and generators.{generator} has {key} {value}, which the EMA model has not; use a generator with "
                    f"{key} {default}, which may start from this one's weights"
                )

    def _check_judges(self, model: Model, method: Method) -> None:
        for term in method.used_terms:
            for judge in term.judges:
                if judge not in self.catalog.weights:
                    known = nearest(judge, self.catalog.weights)
                    raise UserError(f'model {model.name}: losses.{term.name}: unknown judge "{judge}"; {known}')
                if not self.has_weights(judge):
                    without = plugins.fact("loss", term.loss, "WITHOUT_JUDGES", {})
                    place = f"overrides.{method.stage}.losses.{term.name}"
                    others = [f"{place}.{option}: {value}" for option, value in without.items()]
                    raise UserError(
                        f"model {model.name}: {self.weight_file(judge)} is not there; set download: true, or download "
                        f"{self.catalog.weights[judge].addresses[0]} to it" + "".join(f", or set {o}" for o in others)
                    )

    def weight_file(self, name: str) -> Path:
        """Where a file of weights.yaml is kept, or will be."""
        return self.run.weights_dir / self.catalog.weights[name].file

    def has_weights(self, name: str) -> bool:
        """Whether a file of weights.yaml is there, or may be downloaded."""
        return self.run.download or self.weight_file(name).is_file()

    @property
    def metric_weights(self) -> list[str]:
        """The weights that the run's metrics need and that can be had; a metric without them is an empty cell."""
        names = [name for metric in self.run.metrics for name in METRICS[metric].weights]
        return [name for name in dict.fromkeys(names) if self.has_weights(name)]

    @property
    def weights(self) -> list[str]:
        """All weights that the run needs and that can be had."""
        judges = [name for model in self.trained.values() for name in model.method.judges]
        return list(dict.fromkeys([*self.metric_weights, *judges, *(m.weights for m in self.released.values())]))

    def prepared_datasets(self) -> list[str]:
        """The datasets of which the run needs HR and LR images: parts of unions, not unions."""
        trained = {part for model in self.trained.values() for part in self.datasets.parts(model.dataset)}
        tested = {name for benchmark in self.run.benchmarks for name in (benchmark, *self.datasets.parts(benchmark))}
        return sorted(trained | tested)

    @property
    def scored_benchmarks(self) -> list[str]:
        """The benchmarks with HR images; SR of the others is made to be looked at."""
        return [name for name in self.run.benchmarks if self.datasets[name].has_hr]

    def tests(self) -> list[tuple[str, Weights, str]]:
        """What is tested: model, weights, benchmark.

        MATLAB bicubic and every model with the weights it is published with on every benchmark, bicubic of luma alone
        where a table shows it, and the rows of tables with the weights that they name.
        """
        pairs: list[tuple[str, Weights]] = [
            (BICUBIC, "raw"),
            *((name, self.tested_weights(name)) for name in self.models),
        ]
        tests = [(name, weights, benchmark) for name, weights in pairs for benchmark in self.run.benchmarks]
        if any(BICUBIC_Y in table.references for table in self.tables.values()):
            tests += [(BICUBIC_Y, "raw", benchmark) for benchmark in self.scored_benchmarks]
        for table in self.tables.values():
            for row in table.rows:
                (benchmark,) = table.tested(self.run.benchmarks)
                tests += [(name, row.weights, benchmark) for name in self.over_seeds(row.model)]
        return list(dict.fromkeys(tests))

    def protocols(self, model: str) -> dict[str, Protocol]:
        """The protocol of each metric on a model's images; those of bicubic of luma alone hold nothing else."""
        given = dict(self.run.protocols)
        if model == BICUBIC_Y:
            of_luma = [
                metric
                for metric in self.run.metrics
                if any(protocol.base == LUMA_ALONE for protocol in METRICS[metric].protocols)
            ]
            given |= dict.fromkeys(of_luma, LUMA_ALONE)
        return chosen_protocols(list(self.run.metrics), given)

    def tested_weights(self, model: str) -> Weights:
        """EMA weights where the method keeps them, as LDL's Table 1 does, else the raw weights."""
        trained = self.trained.get(model)
        return "ema" if trained is not None and trained.method.ema_decay is not None else "raw"

    def over_seeds(self, model: str) -> list[str]:
        """The model under its name and with each further seed of the run."""
        return list(dict.fromkeys(with_seed(model, seed, self.run) for seed in self.run.all_seeds))

    def scored_slugs(self, model: str, weights: Weights) -> list[str]:
        """The folders of a model's images and scores, one for every seed."""
        names = [model] if model in UNTRAINED else self.over_seeds(model)
        return [self.scored_slug(name, weights) for name in names]

    def scored_slug(self, model: str, weights: Weights) -> str:
        """The folder of a model's images and scores; raw weights beside tested EMA weights get a suffix."""
        if model in UNTRAINED:
            return slug(model)
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
