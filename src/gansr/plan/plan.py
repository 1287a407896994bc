"""A run resolved: everything that it refers to, its models over seeds, its tables and figures, and what is tested."""

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
    """A run with its datasets, models, tables and figures, each of which refers to something that exists.

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
