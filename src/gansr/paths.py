"""The names of a run's folders and files; no other module knows them.

A name may be one of Snakemake's wildcards ("{model}"): the same functions give the patterns in the rules and the real
paths. results/README.md lists the files for users and their scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path("results")


@dataclass(frozen=True)
class ModelPaths:
    """The files of one model: in the folder where it is published, and where a training leaves them."""

    folder: Path

    def weights(self, kind: str = "raw") -> Path:
        """The `raw` or `ema` weights of the generator."""
        return self.folder / ("generator_ema.safetensors" if kind == "ema" else "generator.safetensors")

    @property
    def spec(self) -> Path:
        """All that is needed to make the model again."""
        return self.folder / "spec.yaml"

    @property
    def training_log(self) -> Path:
        """The losses over the training."""
        return self.folder / "log.jsonl"

    @property
    def snapshots(self) -> Path:
        """SR of the MAD patches, kept during the training."""
        return self.folder / "snapshots.npz"


@dataclass(frozen=True)
class StatePaths:
    """The files of one training while it runs, and what it leaves until it is published."""

    folder: Path

    @property
    def owner(self) -> Path:
        """Locked by the process that trains; holds its number."""
        return self.folder / "owner"

    @property
    def log(self) -> Path:
        """The losses so far."""
        return self.folder / "log.jsonl"

    @property
    def snapshots(self) -> Path:
        """SR of the MAD patches, one file for each kept iteration."""
        return self.folder / "snapshots"

    @property
    def progress(self) -> Path:
        """What `gansr status` shows."""
        return self.folder / "progress.json"

    @property
    def finished(self) -> Path:
        """The finished model's files, see ModelPaths."""
        return self.folder / "finished"

    def checkpoint(self, iteration: int) -> Path:
        """The state saved after an iteration."""
        return self.folder / f"checkpoint_{iteration:09d}.pt"

    @property
    def checkpoints(self) -> list[Path]:
        """The saved states that are there, the latest first."""
        return sorted(self.folder.glob("checkpoint_*.pt"), reverse=True)


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run, results/<run>; models and scored weights are named by their slugs."""

    folder: Path

    @classmethod
    def of_run(cls, run: str) -> RunPaths:
        """The paths of the run of this name."""
        return cls(RESULTS / run)

    def model(self, model: str) -> Path:
        """The folder of a model's published files."""
        return self.folder / "models" / model

    def weights(self, model: str, kind: str = "raw") -> Path:
        """A model's `raw` or `ema` weights."""
        return ModelPaths(self.model(model)).weights(kind)

    def spec(self, model: str) -> Path:
        """A model's spec.yaml: all that is needed to make the model again."""
        return ModelPaths(self.model(model)).spec

    def training_log(self, model: str) -> Path:
        """The losses over a training."""
        return ModelPaths(self.model(model)).training_log

    def snapshots(self, model: str) -> Path:
        """SR of the MAD patches, kept during a training."""
        return ModelPaths(self.model(model)).snapshots

    def state(self, model: str) -> Path:
        """Saved states of a model's trainings, a folder for each digest (training/state_folder.py).

        It is no declared output of a job, because Snakemake deletes outputs before it starts the job again.
        """
        return self.folder / "state" / model

    def trainings(self) -> dict[str, list[StatePaths]]:
        """The trainings that have begun, those of each model under its slug."""
        models = sorted(folder for folder in self.state("").glob("*") if folder.is_dir())
        return {model.name: [StatePaths(path) for path in sorted(model.iterdir()) if path.is_dir()] for model in models}

    def tensorboard(self, model: str) -> Path:
        """TensorBoard's files of a model's training."""
        return self.folder / "tensorboard" / model

    def images(self, scored: str, benchmark: str) -> Path:
        """SR images of one model on one benchmark."""
        return self.folder / "images" / scored / benchmark

    def scores(self, scored: str, benchmark: str) -> Path:
        """Per-image scores of one model on one benchmark, a CSV."""
        return self.folder / "metrics" / scored / f"{benchmark}.csv"

    def score_notes(self, scored: str, benchmark: str) -> Path:
        """The JSON beside the scores: protocols, reasons of missing scores, checksum of the CSV."""
        return self.scores(scored, benchmark).with_suffix(".json")

    def score_values(self, scored: str, benchmark: str) -> Path:
        """Finished values of metrics (metrics/kept_values.py), from which score files are put together.

        It is no declared output of a job, because Snakemake deletes outputs before it starts the job again.
        """
        return self.folder / "score_values" / scored / benchmark

    def table(self, table: str, form: str = ".csv") -> Path:
        """One form of a table: .csv, .md, .tex, _notes.md, _vs_published.csv."""
        return self.folder / "tables" / f"{table}{form}"

    def figure(self, stem: str, form: str) -> Path:
        """One file of a figure: .pdf, .png, .csv."""
        return self.folder / "figures" / f"{stem}{form}"

    def log(self, *step: str) -> Path:
        """The messages of one job."""
        return (self.folder / "logs").joinpath(*step).with_name(f"{step[-1]}.log")

    def timing(self, *step: str) -> Path:
        """How long one job took and what it used."""
        return (self.folder / "timings").joinpath(*step).with_name(f"{step[-1]}.tsv")

    @property
    def timings(self) -> Path:
        """The folder of all timings."""
        return self.folder / "timings"

    @property
    def mad_patches(self) -> Path:
        """The patches whose SR is kept during fine-tuning."""
        return self.folder / "mad_patches.json"

    @property
    def training_settings(self) -> Path:
        """Settings of trainings that change no result: a file and no parameter, so that a change runs no job again."""
        return self.folder / "training_settings.json"

    @property
    def provenance(self) -> Path:
        """provenance.json: code, packages, inputs and configuration of the run."""
        return self.folder / "provenance.json"


@dataclass(frozen=True)
class DataPaths:
    """The folder of prepared data, `data_dir`, at one scale."""

    folder: Path
    scale: int

    def dataset(self, dataset: str) -> Path:
        """Everything prepared of one dataset."""
        return self.folder / dataset / f"x{self.scale}"

    def images(self, dataset: str) -> Path:
        """The folder with a dataset's prepared HR and LR."""
        return self.dataset(dataset) / "images"

    def patches(self, dataset: str) -> Path:
        """The patch store of a training dataset."""
        return self.dataset(dataset) / "patches"

    def hr_features(self, dataset: str) -> Path:
        """Inception's features of a benchmark's HR images."""
        return self.dataset(dataset) / "hr_features.npz"

    def dataset_receipt(self, dataset: str) -> Path:
        """The receipt of a fetched dataset: which archive, from where, its checksum."""
        return self.folder / "receipts" / "datasets" / f"{dataset}.json"

    def weight_receipt(self, weights: str) -> Path:
        """The receipt of a fetched file of weights: from where, its checksum."""
        return self.folder / "receipts" / "weights" / f"{weights}.json"

    def dataset_request(self, dataset: str) -> Path:
        """What the job that fetches a dataset is asked for."""
        return self.folder / "requests" / "datasets" / f"{dataset}.json"

    def weight_request(self, weights: str) -> Path:
        """What the job that fetches a file of weights is asked for."""
        return self.folder / "requests" / "weights" / f"{weights}.json"

    def lock(self, dataset: str) -> Path:
        """Held while a dataset is prepared."""
        return self.folder / "locks" / dataset


BESIDE_DATASETS = ("receipts", "requests", "locks")  # folders in data_dir that no dataset may be named after


def begun_runs() -> list[Path]:
    """The folders of runs in results in which a training has begun."""
    begun = [RunPaths(folder) for folder in sorted(RESULTS.glob("*")) if folder.is_dir()]
    return [run.folder for run in begun if any(s.progress.exists() for of in run.trainings().values() for s in of)]


def hr_images(images: Path) -> Path:
    """The folder of HR in a dataset's prepared images."""
    return images / "HR"


def lr_images(images: Path) -> Path:
    """The folder of LR in a dataset's prepared images."""
    return images / "LR"
