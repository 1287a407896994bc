"""The datasets of a run: which exist, and where each one's images are."""

from __future__ import annotations

from gansr.config.catalog import Catalog
from gansr.config.dataset import Dataset
from gansr.config.dataset_files import image_files
from gansr.config.run import Run
from gansr.errors import UserError, nearest


class PlannedDatasets(dict[str, Dataset]):
    """Datasets by name: those of the run and those of the catalog.

    For a dataset that can be fetched, a folder of its name in `datasets_dir`, made by the user, takes the place of its
    sources.

    Raises:
        UserError: the run redefines a dataset of the catalog.
    """

    def __init__(self, run: Run, catalog: Catalog) -> None:
        doubled = sorted(set(run.datasets) & set(catalog.datasets))
        if doubled:
            raise UserError(f'datasets: "{doubled[0]}" is already in {catalog.folder}/datasets.yaml; rename yours')
        for name, dataset in {**catalog.datasets, **run.datasets}.items():
            by_hand = run.datasets_dir / name
            put_there = dataset.is_fetched and by_hand.is_dir()
            self[name] = (
                dataset.model_copy(update={"folder": by_hand, "sources": (), "ask": ""}) if put_there else dataset
            )

    def checked(self, name: str, role: str, place: str) -> Dataset:
        """The dataset of this name.

        Raises:
            UserError: there is no such dataset, it has another role, or the files on this machine are not its images.
        """
        if name not in self:
            raise UserError(f'{place}: unknown dataset "{name}"; {nearest(name, self)}')
        dataset = self[name]
        if dataset.role != role:
            raise UserError(f"{place}: the dataset {name} has the role {dataset.role}, not {role}")
        if dataset.union and role != "train":
            raise UserError(f"{place}: {name} is a union, which only trains; name its parts {', '.join(dataset.union)}")
        for source in dataset.sources:
            if not (source.addresses or source.ask or dataset.ask):
                raise UserError(
                    f"dataset {name}: {source.file} has no addresses; add one, or say under ask where it is"
                )
        for part in (*(dataset.union or ()), *([dataset.part_of] if dataset.part_of else ())):
            if part in self and (self[part].union or self[part].part_of or not self[part].has_hr):
                raise UserError(f"dataset {name}: {part} has no HR images of its own; name a dataset that has")
            self.checked(part, role, f"dataset {name}")
        if self.is_here(name):
            image_files(dataset, name)
        return dataset

    def is_here(self, name: str) -> bool:
        """Whether the dataset's original images are on this machine, so that they can be checked before any job."""
        return self[name].folder is not None or self[name].scikit_image is not None

    def parts(self, name: str) -> tuple[str, ...]:
        """The datasets from which a dataset is made: those of a union, the one that it is a part of, or itself."""
        dataset = self[name]
        return dataset.union or ((dataset.part_of,) if dataset.part_of else (name,))
