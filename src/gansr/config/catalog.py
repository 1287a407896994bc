"""The folder `config`: the methods, datasets, weights and tables that every run may refer to by name."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gansr.config.dataset import Dataset, load_datasets
from gansr.config.rates import Rates, load_rates
from gansr.config.tables import Table
from gansr.config.weights import WeightFile, load_weight_files
from gansr.errors import UserError
from gansr.schema.loading import read_yaml, validate

# A name that ends in _notes or _vs_published could give a file of another table's name: <table>_notes.md, for instance.
TABLE_NAME = r"(?!.*_(notes|vs_published)$)[A-Za-z0-9][A-Za-z0-9_]*"


@dataclass(frozen=True)
class Catalog:
    """The folder `config`: methods, datasets, weights, tables and their published values."""

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

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The tables that a run may ask for, by name: the files of config/tables.

        Raises:
            UserError: a file is wrong, or its name cannot be a table's.
        """
        files = sorted((self.folder / "tables").glob("*.yaml"))
        for file in files:
            if not re.fullmatch(TABLE_NAME, file.stem):
                raise UserError(
                    f'{file}: a table is named with letters, digits and "_", and not like its files; rename it'
                )
        return {file.stem: validate(Table, read_yaml(file), str(file)) for file in files}

    def published(self, table: str) -> Path | None:
        """The file with a table's published values; None where it has none."""
        values = self.tables[table].published
        return None if values is None else self.folder / "published" / values.file

    def published_labels(self, table: str) -> list[str]:
        """The names, as a run gives them, of the models in a table's published values; empty where it has none.

        Raises:
            UserError: the file cannot be read, or lacks a column.
        """
        values, file = self.tables[table].published, self.published(table)
        if values is None or file is None:
            return []
        try:
            with file.open(encoding="utf-8", newline="") as stream:
                return list(dict.fromkeys(values.label_of(row) for row in csv.DictReader(stream)))
        except (OSError, KeyError) as error:
            raise UserError(f"{file}: cannot read the published table ({error})") from None
