"""Which files each job of a run reads, and all files that the run makes."""

from __future__ import annotations

from pathlib import Path

from gansr.config.dataset_files import image_files
from gansr.config.model import UNTRAINED, Weights
from gansr.paths import DataPaths, RunPaths
from gansr.plan.models import InterpolatedModel, TrainedModel
from gansr.plan.plan import Plan

MODEL_WEIGHTS: tuple[Weights, ...] = ("raw", "ema")


class RunFiles:
    """The files of one run; models are given by their slugs (config.model.slug), as in the rules' wildcards."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.run = RunPaths.of_run(plan.run.run)
        self.data = DataPaths(plan.run.data_dir, plan.run.scale)
        self.models = {model.slug: model for model in plan.models.values()}
        self.scored = {plan.scored_slug(name, weights): (name, weights) for name, weights, _ in plan.tests()}

    def dataset_originals(self, dataset: str) -> list[Path]:
        """The user's own files that a dataset is prepared from."""
        given = self.plan.datasets[dataset]
        return image_files(given, dataset) if given.folder else []

    def images_of_parts(self, dataset: str) -> list[Path]:
        """The prepared images that a patch store holds."""
        return [self.data.images(part) for part in self.plan.datasets.parts(dataset)]

    def tested_weights(self, name: str) -> Path:
        """The weights that a model is tested with: EMA weights where its method keeps them."""
        return self.run.weights(self.plan.models[name].slug, self.plan.tested_weights(name))

    def start(self, slug: str) -> list[Path]:
        """The weights that a training starts from; none where it starts from scratch."""
        start = self._trained(slug).start
        return [self.tested_weights(start)] if start else []

    def mad_images(self) -> list[Path]:
        """The prepared benchmark from which the MAD patches are cut; empty where the run has none."""
        mad = self.plan.run.mad
        return [self.data.images(mad.benchmark)] if mad else []

    def monitored(self, slug: str) -> tuple[list[Path], list[Path]]:
        """The list of patches whose SR a training keeps, and the benchmark from which they are cut."""
        kept = self._trained(slug).job.mad_interval is not None
        return ([self.run.mad_patches], self.mad_images()) if kept else ([], [])

    def between(self, slug: str) -> tuple[Path, Path]:
        """The two weight files between which an interpolated model is computed."""
        model = self.models[slug]
        assert isinstance(model, InterpolatedModel)
        first, second = model.between
        return self.tested_weights(first), self.tested_weights(second)

    def scored_weights(self, scored: str) -> list[Path]:
        """The weights that SR images are made with; none for MATLAB bicubic."""
        name, weights = self.scored[scored]
        return [] if name in UNTRAINED else [self.run.weights(self.plan.models[name].slug, weights)]

    def all_prepared(self) -> list[Path]:
        """Prepared images, patch stores and the list of MAD patches."""
        stores = dict.fromkeys(model.dataset for model in self.plan.trained.values())
        return [
            *map(self.data.images, self.plan.prepared_datasets()),
            *map(self.data.patches, stores),
            *([self.run.mad_patches] if self.plan.run.mad else []),
        ]

    def all_model_files(self) -> list[Path]:
        """Weights and spec of every model, and log and snapshots of the trained ones."""
        every = [path for slug in self.models for path in (*self._weights(slug), self.run.spec(slug))]
        trained = [model.slug for model in self.plan.trained.values()]
        return every + [path for slug in trained for path in (self.run.training_log(slug), self.run.snapshots(slug))]

    def all_sr_images(self) -> list[Path]:
        """SR of every model on every benchmark that it is tested on."""
        return [self.run.images(scored, benchmark) for scored, benchmark in self._tests()]

    def all_scores(self) -> list[Path]:
        """Scores of every model on every benchmark with HR images."""
        with_hr = self.plan.scored_benchmarks
        return [self.run.scores(scored, benchmark) for scored, benchmark in self._tests() if benchmark in with_hr]

    def _tests(self) -> list[tuple[str, str]]:
        return [(self.plan.scored_slug(name, weights), benchmark) for name, weights, benchmark in self.plan.tests()]

    def _weights(self, slug: str) -> list[Path]:
        return [self.run.weights(slug, kind) for kind in MODEL_WEIGHTS]

    def _trained(self, slug: str) -> TrainedModel:
        model = self.models[slug]
        assert isinstance(model, TrainedModel)
        return model
