"""FID and KID of a model on a benchmark, which need Inception's features of all images."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path

import numpy as np

from gansr.config.protocols import Protocol
from gansr.errors import UserError
from gansr.metrics.fid import frechet_distance
from gansr.metrics.inception import BenchmarkFeatures, Inception
from gansr.metrics.kid import kid_by_image
from gansr.metrics.pair import MetricError, Pair
from gansr.metrics.scorer import ALL_IMAGES, Inputs, Values

VERSION = 1


def build(protocols: dict[str, Protocol], inputs: Inputs) -> InceptionScores:
    """A scorer of `fid`, `kid` or both, as `protocols` asks for."""
    return InceptionScores(protocols, inputs.weights["inception"], inputs.hr_features)


class InceptionScores:
    """Collects features pair by pair; those of HR are read from a file if one is given.

    Raises:
        UserError: the weights or the known features cannot be read.
    """

    def __init__(self, metrics: Container[str], weights: Path, hr_features: Path | None) -> None:
        self.failed: dict[str, str] = {}
        self.wanted = [metric for metric in ("fid", "kid") if metric in metrics]
        self.network = Inception(weights)
        self.sr, self.hr = BenchmarkFeatures({}, {}), BenchmarkFeatures({}, {})
        self.place = hr_features
        self.known = BenchmarkFeatures.load(hr_features) if hr_features else None

    def add(self, name: str, pair: Pair) -> None:
        """Add an image.

        Raises:
            UserError: the file with HR features has none of this image.
        """
        if "fid" in self.wanted:
            self.sr.whole[name] = self.network.of_whole(pair.sr)
            self.hr.whole[name] = self._of_hr("whole", name, pair, self.network.of_whole)
        if "kid" in self.wanted and "kid" not in self.failed:
            try:
                self.sr.patches[name] = self.network.of_patches(pair.sr)
                self.hr.patches[name] = self._of_hr("patches", name, pair, self.network.of_patches)
            except MetricError as reason:
                self.failed["kid"] = f"{name}: {reason}"

    def _of_hr(self, kind: str, name: str, pair: Pair, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        if self.known is None:
            return compute(pair.hr)
        features: dict[str, np.ndarray] = getattr(self.known, kind)
        if name not in features:
            raise UserError(f"{self.place}: holds no features of {name}; remove it and run again")
        return features[name]

    def values(self) -> dict[str, Values]:
        """One value of FID for all images together, a value of KID for each image."""
        compute = {"fid": self._fid, "kid": self._kid}
        found = {}
        for metric in self.wanted:
            try:
                found[metric] = Values({}, self.failed[metric]) if metric in self.failed else Values(compute[metric]())
            except MetricError as reason:
                found[metric] = Values({}, str(reason))
        return found

    def _fid(self) -> dict[str, float]:
        return {ALL_IMAGES: frechet_distance(*(np.stack(list(side.whole.values())) for side in (self.sr, self.hr)))}

    def _kid(self) -> dict[str, float]:
        by_image = kid_by_image(*(list(side.patches.values()) for side in (self.sr, self.hr)))
        return dict(zip(self.sr.patches, map(float, by_image), strict=True))
