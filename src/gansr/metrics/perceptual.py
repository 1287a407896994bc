"""LPIPS and DISTS of a pair; LPIPS with VGG16 and DISTS share the pass through VGG16's first stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gansr.config.protocols import Protocol
from gansr.metrics.dists import DistsSum, DistsWeights, l2_pool
from gansr.metrics.lpips_distance import LpipsHead, LpipsSum, packaged_head
from gansr.metrics.pair import Pair
from gansr.metrics.scorer import Inputs, PerImage, once
from gansr.metrics.trunks import ALEXNET, VGG16, Strip, Trunk, exact_convolutions, normalized, strips

VERSION = 1
Both = tuple[Tensor, Tensor]


def build(protocols: dict[str, Protocol], inputs: Inputs) -> PerImage:
    """A scorer of those of `lpips_alex`, `lpips_vgg` and `dists` in `protocols`; only their weights are read."""
    functions: dict[str, Callable[[Pair], float]] = {}
    if "lpips_alex" in protocols:
        functions["lpips_alex"] = _one_of(AlexNetMetrics(inputs.weights["alexnet"]), "lpips_alex")
    with_vgg16 = [metric for metric in ("lpips_vgg", "dists") if metric in protocols]
    if with_vgg16:
        dists = inputs.weights["dists"] if "dists" in with_vgg16 else None
        both = once(Vgg16Metrics(inputs.weights["vgg16"], "lpips_vgg" in with_vgg16, dists))
        functions |= {metric: _one_of(both, metric) for metric in with_vgg16}
    return PerImage(functions)


def _one_of(function: Callable[[Pair], dict[str, float]], metric: str) -> Callable[[Pair], float]:
    return lambda pair: function(pair)[metric]


class AlexNetMetrics:
    """LPIPS with AlexNet."""

    def __init__(self, alexnet: Path) -> None:
        exact_convolutions()
        self.trunk = Trunk(ALEXNET, alexnet)
        self.head = LpipsHead(packaged_head("alex"), ALEXNET)

    @torch.inference_mode()
    def __call__(self, pair: Pair) -> dict[str, float]:
        """`lpips_alex` of a pair."""
        self.trunk.require_size(pair.tensors[0])
        distance = LpipsSum(self.head, ALEXNET.strides)
        for strip in strips(*pair.sr.shape[:2]):
            both = _cut(pair, strip)
            for stage in range(len(ALEXNET.stages)):
                both = _both(lambda x, stage=stage: self.trunk.stage(stage, self.trunk.pool(stage, x)), both)
                distance.add(stage, *both, strip)
        return {"lpips_alex": distance.value()}


class Vgg16Metrics:
    """LPIPS with VGG16, DISTS, or both.

    They share the first stage and the weights. From the second on they differ: LPIPS has max pooling, DISTS L2 pooling.
    """

    def __init__(self, vgg16: Path, lpips: bool, dists: Path | None) -> None:
        exact_convolutions()
        self.trunk = Trunk(VGG16, vgg16)
        self.head = LpipsHead(packaged_head("vgg"), VGG16) if lpips else None
        self.dists = DistsWeights(dists) if dists is not None else None

    @torch.inference_mode()
    def __call__(self, pair: Pair) -> dict[str, float]:
        """`lpips_vgg` and `dists` of a pair, as asked for."""
        self.trunk.require_size(pair.tensors[0])
        lpips = LpipsSum(self.head, VGG16.strides) if self.head else None
        dists = DistsSum(self.dists) if self.dists else None
        for strip in strips(*pair.sr.shape[:2]):
            if dists:
                sr, hr = pair.tensors
                dists.add(0, strip.cut(sr), strip.cut(hr), strip)
            first = _both(lambda x: self.trunk.stage(0, x), _cut(pair, strip))
            if dists:
                dists.add(1, *first, strip)
                deeper = _both(l2_pool, first)
                if lpips is None:
                    del first
                self._deeper_dists(dists, deeper, strip)
            if lpips:
                lpips.add(0, *first, strip)
                both = _both(lambda x: self.trunk.pool(1, x), first)
                del first
                self._deeper_lpips(lpips, both, strip)
        sums = {"lpips_vgg": lpips, "dists": dists}
        return {metric: found.value() for metric, found in sums.items() if found}

    def _deeper_dists(self, dists: DistsSum, both: Both, strip: Strip) -> None:
        for stage in range(1, len(VGG16.stages)):
            both = _both(lambda x, stage=stage: self.trunk.stage(stage, x), both)
            dists.add(stage + 1, *both, strip)
            if stage + 1 < len(VGG16.stages):
                both = _both(l2_pool, both)

    def _deeper_lpips(self, lpips: LpipsSum, both: Both, strip: Strip) -> None:
        for stage in range(1, len(VGG16.stages)):
            both = _both(lambda x, stage=stage: self.trunk.stage(stage, x), both)
            lpips.add(stage, *both, strip)
            if stage + 1 < len(VGG16.stages):
                both = _both(lambda x, stage=stage: self.trunk.pool(stage + 1, x), both)


def _cut(pair: Pair, strip: Strip) -> Both:
    sr, hr = pair.tensors
    return normalized(strip.cut(sr)), normalized(strip.cut(hr))


def _both(step, both: Both) -> Both:  # type: ignore[no-untyped-def]
    return step(both[0]), step(both[1])
