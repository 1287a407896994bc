"""The metrics that have a value for each image, by name; what several of them share is computed once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from gansr.config.protocols import NO_REFERENCE, Protocol
from gansr.metrics import psnr_ssim
from gansr.metrics.pair import Pair, cropped

Score = Callable[[Pair], float]
Result = TypeVar("Result")


def per_image_metrics(protocols: dict[str, Protocol], weights: dict[str, Path]) -> dict[str, Score]:
    """How each metric of a pair is computed, in the order of `protocols`.

    Args:
        protocols: by metric; those that need all images at once are left out of the result.
        weights: the files that these metrics need, by their names in weights.yaml.

    Raises:
        UserError: a file holds something else than the weights.
    """
    functions: dict[str, Score] = {}
    for metric, function in (("psnr_y", psnr_ssim.psnr_y), ("ssim_y", psnr_ssim.ssim_y)):
        if metric in protocols:
            functions[metric] = _on_luma(function, protocols[metric])
    functions |= _no_reference(protocols, weights)
    functions |= _perceptual(protocols, weights)
    return {metric: functions[metric] for metric in protocols if metric in functions}


def _on_luma(function: Callable[..., float], protocol: Protocol) -> Score:
    return lambda pair: function(pair, protocol.colour, protocol.crop)


def _no_reference(protocols: dict[str, Protocol], weights: dict[str, Path]) -> dict[str, Score]:
    functions: dict[str, Score] = {}
    crops = {protocols[metric].crop for metric in NO_REFERENCE if metric in protocols}
    if not crops:
        return functions
    (crop,) = crops  # one for all of them, since they share their results
    if {"niqe", "pi"} & protocols.keys():
        from gansr.metrics.niqe import Niqe

        functions["niqe"] = _on_sr_luma(Niqe(weights["niqe"]), crop)
    if {"ma", "pi"} & protocols.keys():
        from gansr.metrics.ma import Ma

        functions["ma"] = _on_sr_luma(Ma(weights["nrqm"]), crop)
    if "pi" in protocols:
        niqe, ma = functions["niqe"], functions["ma"]
        functions["pi"] = lambda pair: (niqe(pair) + 10 - ma(pair)) / 2
    return functions


def _on_sr_luma(function: Callable[[np.ndarray], float], crop: int) -> Score:
    return _once(lambda pair: function(cropped(pair.sr_luma("y_rounded"), crop)))


def _perceptual(protocols: dict[str, Protocol], weights: dict[str, Path]) -> dict[str, Score]:
    functions: dict[str, Score] = {}
    if not {"lpips_alex", "lpips_vgg", "dists"} & protocols.keys():
        return functions
    # torch takes seconds to import: only where it is used
    from gansr.metrics.perceptual import AlexNetMetrics, Vgg16Metrics

    if "lpips_alex" in protocols:
        functions["lpips_alex"] = _one_of(AlexNetMetrics(weights["alexnet"]), "lpips_alex")
    if {"lpips_vgg", "dists"} & protocols.keys():
        dists = weights["dists"] if "dists" in protocols else None
        both = _once(Vgg16Metrics(weights["vgg16"], "lpips_vgg" in protocols, dists))
        functions |= {metric: _one_of(both, metric) for metric in ("lpips_vgg", "dists")}
    return functions


def _one_of(function: Callable[[Pair], dict[str, float]], metric: str) -> Score:
    return lambda pair: function(pair)[metric]


def _once(function: Callable[[Pair], Result]) -> Callable[[Pair], Result]:
    """The function, with its latest result kept for the next metric that needs it."""
    latest: list[tuple[Pair, Result]] = []

    def remembering(pair: Pair) -> Result:
        if not latest or latest[0][0] is not pair:
            latest[:] = [(pair, function(pair))]
        return latest[0][1]

    return remembering
