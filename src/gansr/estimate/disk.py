"""How much disk a run's inputs and results need, estimated before any job starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from gansr.config.dataset_files import image_sizes
from gansr.estimate.flops import generator_flops
from gansr.plan.plan import Plan

PNG = 1.7  # bytes per pixel of an 8-bit RGB photograph, measured on Set14 (1.56) and BSDS100 (1.73)
FLOAT = 4  # bytes
# Copies of a network's weights that a training keeps: published raw and EMA, and in its checkpoint raw, EMA and the two
# moments of Adam; of a discriminator the weights and their moments.
GENERATOR_COPIES, DISCRIMINATOR_COPIES = 6, 3
DISCRIMINATOR = 15_000_000  # parameters with 64 features, the square of which they grow with


@dataclass
class Disk:
    """Bytes that a run's jobs will write; what is not known is named and left out."""

    plan: Plan
    unknown: set[str] = field(default_factory=set)

    def archives(self, datasets: list[str], weights: list[str]) -> float:
        """Of the preferred source of each dataset and of each file of weights that is not there, each counted once.

        An archive whose size nobody has published is taken to be PNG files of the dataset's pixels.
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
        """Of prepared HR and LR images."""
        return sum(map(self._pixels, datasets)) * PNG * (1 + 1 / self.plan.run.scale**2)

    def patch_stores(self, datasets: list[str]) -> float:
        """Of patch stores; a union's holds the images of all its parts."""
        parts = [part for name in datasets for part in self.plan.datasets.parts(name)]
        return sum(map(self._pixels, parts)) * 3 * (1 + 1 / self.plan.run.scale**2)

    def sr_images(self, benchmarks: list[str]) -> float:
        """Of SR images; a benchmark stands in the list once for every model tested on it."""
        return sum(map(self._pixels, benchmarks)) * PNG

    def models(self, names: list[str]) -> float:
        """Of trained models with their last checkpoints, at most.

        A generator has no more parameters than multiply-adds per LR pixel, where each of them is used once or more.
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
