"""The plan of a run: its models (one per seed), datasets, tables and figures, and which model is tested on what."""

from __future__ import annotations

from gansr.config.catalog import Catalog
from gansr.config.metrics import METRICS, chosen_protocols
from gansr.config.model import BICUBIC, BICUBIC_Y, UNTRAINED, Weights, generator_of, slug
from gansr.config.protocols import LUMA_ALONE, Protocol
from gansr.config.run import Run
from gansr.plan.figures import planned_figures
from gansr.plan.inputs import RunInputs
from gansr.plan.models import InterpolatedModel, ReleasedModel, TrainedModel
from gansr.plan.planning import planned_model
from gansr.plan.seeds import with_seed
from gansr.plan.tables import planned_tables


class Plan(RunInputs):
    """A run with its datasets, models, tables and figures, all of whose names refer to something that exists.

    Raises:
        UserError: a dataset, a method or a model's settings are wrong.
    """

    def __init__(self, run: Run, source: str, catalog: Catalog) -> None:
        super().__init__(run, source, catalog)
        self.tables = planned_tables(run, catalog, source)
        self.figures = planned_figures(run, source)
        by_name = {model.name: model for model in run.models}
        self.models = {model.name: planned_model(self, model, generator_of(model, by_name)) for model in run.models}
        self.trained = {name: model for name, model in self.models.items() if isinstance(model, TrainedModel)}
        self.released = {name: model for name, model in self.models.items() if isinstance(model, ReleasedModel)}
        self.interpolated = {name: model for name, model in self.models.items() if isinstance(model, InterpolatedModel)}

    @property
    def metric_weights(self) -> list[str]:
        """The weights that the run's metrics need and that are there or may be downloaded.

        A metric whose weights are missing gives empty cells.
        """
        names = [name for metric in self.run.metrics for name in METRICS[metric].weights]
        return [name for name in dict.fromkeys(names) if self.has_weights(name)]

    @property
    def weights(self) -> list[str]:
        """All weights that the run needs: of metrics (if available, see `metric_weights`), judges, released models."""
        judges = [name for model in self.trained.values() for name in model.method.judges]
        return list(dict.fromkeys([*self.metric_weights, *judges, *(m.weights for m in self.released.values())]))

    def prepared_datasets(self) -> list[str]:
        """The datasets whose HR and LR images the run prepares: the parts of unions, but not unions themselves."""
        trained = {part for model in self.trained.values() for part in self.datasets.parts(model.dataset)}
        tested = {name for benchmark in self.run.benchmarks for name in (benchmark, *self.datasets.parts(benchmark))}
        return sorted(trained | tested)

    @property
    def scored_benchmarks(self) -> list[str]:
        """The benchmarks with HR images; on the others SR images are made but not scored."""
        return [name for name in self.run.benchmarks if self.datasets[name].has_hr]

    def tests(self) -> list[tuple[str, Weights, str]]:
        """What is tested: model, weights, benchmark.

        MATLAB bicubic and every model (with its `tested_weights`) on every benchmark; bicubic of luma alone if a table
        shows it; and for tables with the layout named_rows each row's model with the row's weights.
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
        """The protocol of each metric for a model's images; `Bicubic-Y`, whose images hold only luma, has its own."""
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
        """The names of a model for all seeds of the run: its own name, then those with further seeds."""
        return list(dict.fromkeys(with_seed(model, seed, self.run) for seed in self.run.all_seeds))

    def scored_slugs(self, model: str, weights: Weights) -> list[str]:
        """The folders of a model's images and scores, one for every seed."""
        names = [model] if model in UNTRAINED else self.over_seeds(model)
        return [self.scored_slug(name, weights) for name in names]

    def scored_slug(self, model: str, weights: Weights) -> str:
        """The folder of a model's images and scores; other weights than its `tested_weights` get a suffix (_raw)."""
        if model in UNTRAINED:
            return slug(model)
        return slug(model) + ("" if weights == self.tested_weights(model) else f"_{weights}")
