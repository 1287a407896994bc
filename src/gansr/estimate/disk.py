"""How much disk a run's inputs and results need, estimated before any job starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from gansr.config.dataset_files import image_sizes
from gansr.estimate.flops import generator_flops
from gansr.plan.plan import Plan

PNG = 1.7  # bytes per pixel of an 8-bit RGB photograph, measured on Set14 (1.56) and BSDS100 (1.73)
FLOAT = 4  # bytes
# How many arrays of a network's size a training keeps. Generator: published raw and EMA weights, and in the checkpoint
# raw weights, EMA weights and the two moments of Adam. Discriminator: weights and two moments.
GENERATOR_COPIES, DISCRIMINATOR_COPIES = 6, 3
DISCRIMINATOR = 15_000_000  # parameters with 64 features; they grow with the square of the features


@dataclass
class Disk:
    """Bytes that a run's jobs will write; files and models of unknown size are left out and listed in `unknown`."""

    plan: Plan
    unknown: set[str] = field(default_factory=set)

    def archives(self, datasets: list[str], weights: list[str]) -> float:
        """Bytes of the archives and weight files to be downloaded: of each dataset the first source, each file once.

        An archive without a published size is taken to have the size of PNG files of the dataset's pixels.
        """
        files: dict[str, float] = {}
        for name in datasets:
            for source in self.plan.datasets[name].sources[:1]:
                if not (self.plan.run.datasets_dir / source.file).exists():
                    files.setdefault(source.file, source.bytes or self._pixels(name) * PNG)
        for name in weights:
            expected = self.plan.catalog.weights[name]
            if self.plan.weight_file(name).exists():
                continue
            files[expected.file] = expected.bytes or 0
            if expected.bytes is None:
                self.unknown.add(expected.file)
        return sum(files.values())

    def images(self, datasets: list[str]) -> float:
        """Bytes of prepared HR and LR images."""
        return sum(map(self._pixels, datasets)) * PNG * (1 + 1 / self.plan.run.scale**2)

    def patch_stores(self, datasets: list[str]) -> float:
        """Bytes of patch stores; the patch store of a union holds the images of all its parts."""
        parts = [part for name in datasets for part in self.plan.datasets.parts(name)]
        return sum(map(self._pixels, parts)) * 3 * (1 + 1 / self.plan.run.scale**2)

    def sr_images(self, benchmarks: list[str]) -> float:
        """Bytes of SR images; the list has a benchmark once for every model tested on it."""
        return sum(map(self._pixels, benchmarks)) * PNG

    def models(self, names: list[str]) -> float:
        """Bytes of trained models with their last checkpoints, at most.

        The number of a generator's parameters is taken to be that of its multiply-adds per LR pixel. This is an upper
        bound, because each parameter is used at least once for every LR pixel.
        """
        return sum(map(self._model, names))

    def _model(self, name: str) -> float:
        model = self.plan.trained[name]
        flops = generator_flops(model.network_options, self.plan.run.scale, 1)
        if flops is None:
            self.unknown.add(name)
            return 0
        critics = model.method.critics.values()
        discriminator = DISCRIMINATOR * sum((critic.get("features", 0) / 64) ** 2 for critic in critics)
        return FLOAT * (GENERATOR_COPIES * flops / 2 + DISCRIMINATOR_COPIES * discriminator)

    def _pixels(self, name: str) -> float:
        dataset = self.plan.datasets[name]
        if dataset.megapixels is not None:
            return dataset.megapixels * 1e6
        if self.plan.datasets.is_here(name):
            return sum(height * width for height, width in image_sizes(dataset, name).values())
        self.unknown.add(name)
        return 0
