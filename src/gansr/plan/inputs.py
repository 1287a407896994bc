"""What a run's models are planned from: the run, the catalog, the datasets and the files of weights."""

from __future__ import annotations

from pathlib import Path

from gansr.config.catalog import Catalog
from gansr.config.run import Run
from gansr.plan.datasets import PlannedDatasets


class RunInputs:
    """A run with the datasets and weights to which it may refer.

    Raises:
        UserError: a benchmark does not exist, or its files are wrong.
    """

    def __init__(self, run: Run, source: str, catalog: Catalog) -> None:
        self.run = run
        self.source = source
        self.catalog = catalog
        self.datasets = PlannedDatasets(run, catalog)
        for name in run.benchmarks:
            self.datasets.checked(name, "benchmark", "benchmarks")

    def weight_file(self, name: str) -> Path:
        """Where a file of weights.yaml is kept, or will be."""
        return self.run.weights_dir / self.catalog.weights[name].file

    def has_weights(self, name: str) -> bool:
        """Whether a file of weights.yaml is there, or may be downloaded."""
        return self.run.download or self.weight_file(name).is_file()
