"""The folder `config`: what every run may refer to by name."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gansr.config.dataset import Dataset, load_datasets
from gansr.config.rates import Rates, load_rates
from gansr.config.weights import WeightFile, load_weight_files
from gansr.errors import UserError


@dataclass(frozen=True)
class Catalog:
    """The folder `config`: methods, datasets, weights and published tables."""

    folder: Path = Path("config")

    @classmethod
    def nearest(cls) -> Catalog:
        """The folder `config` here, or else that of the checkout that this package is installed from.

        Raises:
            UserError: neither is there.
        """
        places = [Path("config"), Path(__file__).parents[3] / "config"]
        for place in places:
            if (place / "weights.yaml").is_file():
                return cls(place)
        raise UserError(f"{places[0] / 'weights.yaml'}: not here, nor beside the package; run it in a checkout")

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

    @cached_property
    def rates(self) -> Rates:
        """The training rates of rates.yaml."""
        return load_rates(self.folder / "rates.yaml")

    def published(self, table: str) -> Path:
        """The file with a paper's printed table."""
        return self.folder / "published" / f"{table}.csv"

    def published_columns(self, table: str) -> list[str]:
        """The columns of a published comparison table: a method, with its training set where the paper names one."""
        file = self.published(table)
        try:
            with file.open(encoding="utf-8", newline="") as stream:
                return list(dict.fromkeys(column_label(row) for row in csv.DictReader(stream)))
        except (OSError, KeyError) as error:
            raise UserError(f"{file}: cannot read the published table ({error})") from None


def column_label(row: dict[str, str]) -> str:
    """How a run's `published` names the column that a row of a published table belongs to."""
    train_set = row.get("train_set")
    return f"{row['method']} ({train_set})" if train_set else row["method"]
