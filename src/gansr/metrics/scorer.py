"""How metrics are computed: a scorer is given the images of a benchmark one by one, and returns values at the end.

The file that a metric's row names (config/metrics.py) holds

    VERSION = 1                          raised when an edit changes the values
    def build(protocols, inputs):        returns a scorer of those of the file's metrics that are in `protocols`

One file may compute several metrics, so that a network that they share is loaded and run once for all of them. A file
whose metric is computed from other metrics' values has, instead of `build`,

    def combine(*values):                the value of an image from its values of the other metrics, in the row's order
"""

from __future__ import annotations

import importlib
import math
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gansr.config.metrics import METRICS, chosen_protocols
from gansr.config.protocols import Protocol
from gansr.errors import UserError
from gansr.metrics.pair import MetricError, Pair

ALL_IMAGES = "*"  # used in place of an image's name for a value of all images together
Result = TypeVar("Result")


@dataclass(frozen=True)
class Values:
    """The values of a metric by image, or one value under ALL_IMAGES; or none, and the reason in `unavailable`."""

    by_image: dict[str, float]
    unavailable: str = ""

    def are_of(self, metric: str, images: Iterable[str]) -> bool:
        """Whether these are the values of a metric on exactly these images."""
        expected = [ALL_IMAGES] if METRICS[metric].of_all_images else sorted(images)
        return sorted(self.by_image) == ([] if self.unavailable else expected)


@dataclass(frozen=True)
class Inputs:
    """The files that metrics are computed with.

    `weights` are by their names in weights.yaml; `hr_features` is what `hr-features` wrote, or None where Inception's
    features of HR are to be computed anew.
    """

    weights: dict[str, Path]
    hr_features: Path | None = None


class Scorer(typing.Protocol):
    """Computes one metric, or several that share something."""

    def add(self, name: str, pair: Pair) -> None:
        """Add an image."""

    def values(self) -> dict[str, Values]:
        """The values of each metric, after all images have been added."""


class PerImage:
    """A scorer of metrics that are functions of a pair; a metric that fails on an image is not computed further."""

    def __init__(self, functions: dict[str, Callable[[Pair], float]]) -> None:
        self.functions = functions
        self.found: dict[str, dict[str, float]] = {metric: {} for metric in functions}
        self.failed: dict[str, str] = {}

    def add(self, name: str, pair: Pair) -> None:
        """Add an image."""
        for metric in [metric for metric in self.functions if metric not in self.failed]:
            try:
                self.found[metric][name] = a_number(self.functions[metric](pair))
            except MetricError as reason:
                self.failed[metric] = f"{name}: {reason}"

    def values(self) -> dict[str, Values]:
        """The values of each metric."""
        return {
            metric: Values({}, self.failed[metric]) if metric in self.failed else Values(found)
            for metric, found in self.found.items()
        }


def once(function: Callable[[Pair], Result]) -> Callable[[Pair], Result]:
    """The function with a cache of its latest result, for several metrics that need it of the same pair."""
    latest: list[tuple[Pair, Result]] = []

    def remembering(pair: Pair) -> Result:
        if not latest or latest[0][0] is not pair:
            latest[:] = [(pair, function(pair))]
        return latest[0][1]

    return remembering


def a_number(value: float) -> float:
    """Return the value unless it is NaN; it may be infinite.

    Raises:
        MetricError: it is not a number.
    """
    if math.isnan(value):
        raise MetricError("gives no number")
    return value


class Scorers:
    """The scorers of any metrics, one for each file, so that each network is loaded once.

    Args:
        protocols: by metric. Metrics of which another one is made must be among them, or their values be given as
            `known` at the end.
        inputs: the files that they need.

    Raises:
        UserError: a file does not hold the expected weights, or a metric's file is not as described above.
    """

    def __init__(self, protocols: dict[str, Protocol], inputs: Inputs) -> None:
        self.protocols = protocols
        by_file: dict[str, dict[str, Protocol]] = {}
        for metric, protocol in protocols.items():
            if not METRICS[metric].made_of:
                by_file.setdefault(METRICS[metric].computed_in, {})[metric] = protocol
        self.of_images: dict[str, Scorer] = {
            file: _function(file, "build")(wanted, inputs) for file, wanted in by_file.items()
        }

    def add(self, name: str, pair: Pair) -> None:
        """Add an image.

        Raises:
            ImageError: a protocol cannot be applied to it.
        """
        for scorer in self.of_images.values():
            scorer.add(name, pair)

    def values(self, images: Iterable[str], known: dict[str, Values]) -> dict[str, Values]:
        """The values of each metric, in the order of the protocols.

        Raises:
            UserError: the values that a metric's file returns are not those of these images.
        """
        images, found = list(images), dict(known)
        for scorer in self.of_images.values():
            found |= scorer.values()
        for metric in self.protocols:
            if METRICS[metric].made_of:
                found[metric] = _combined(metric, [found[part] for part in METRICS[metric].made_of])
            if metric not in found or not found[metric].are_of(metric, images):
                wanted = f"one value under {ALL_IMAGES}" if METRICS[metric].of_all_images else "one value of each image"
                raise UserError(f"metrics/{METRICS[metric].computed_in}.py: does not give {wanted} for {metric}")
        return {metric: found[metric] for metric in self.protocols}


def protocols_of_parts(protocols: dict[str, Protocol]) -> dict[str, Protocol]:
    """The protocols of the metrics of which the given ones are made: their defaults, with the crop of the given one.

    Raises:
        UserError: a part is asked for by another protocol.
    """
    found: dict[str, Protocol] = {}
    for metric, protocol in protocols.items():
        row = METRICS[metric]
        of_metric = chosen_protocols(list(row.made_of), {}, protocol.crop if row.protocols[0].crop else None)
        for part, chosen in of_metric.items():
            other = (found | protocols).get(part, chosen)
            if other != chosen:
                raise UserError(
                    f"{metric} is made of {part} by {chosen.name}; choose that for {part}, not {other.name}"
                )
        found |= of_metric
    return found


def _combined(metric: str, parts: list[Values]) -> Values:
    """The values of a metric that is computed from the values of others, which are `parts`."""
    reasons = [part.unavailable for part in parts if part.unavailable]
    if reasons:
        return Values({}, reasons[0])
    combine, found = _function(METRICS[metric].computed_in, "combine"), {}
    for image in parts[0].by_image:
        try:
            found[image] = a_number(combine(*(part.by_image[image] for part in parts)))
        except MetricError as reason:
            return Values({}, f"{image}: {reason}")
    return Values(found)


def _function(file: str, name: str) -> Callable[..., Any]:
    """A function of a metric's file; the file is imported only when it is needed, because that may take seconds."""
    module = importlib.import_module(f"gansr.metrics.{file}")
    if not hasattr(module, name):
        raise UserError(f"{module.__file__}: no function {name}; metrics/scorer.py tells what a metric's file holds")
    found: Callable[..., Any] = getattr(module, name)
    return found
