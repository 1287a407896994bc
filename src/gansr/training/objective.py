"""The objective of a generator: the loss terms with their weights and views, and their critics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gansr.config.term import Term
from gansr.losses.base import LossContext, LossTerm, Outputs
from gansr.losses.build import build_loss, build_view
from gansr.losses.views.base import Shown, View
from gansr.networks.build import build_critic
from gansr.training.engine import Engine
from gansr.training.world import World


@dataclass(frozen=True)
class WeightedTerm:
    """A loss term with its weight in the objective, and the view that transforms its and its critic's images."""

    weight: float
    loss: LossTerm
    view: View | None = None

    def shown(self, lr: Tensor, hr: Tensor) -> Shown:
        """The view of a batch; without a view the images themselves."""
        return Shown(hr, lambda sr: sr) if self.view is None else self.view(lr, hr)

    def given(self, outputs: Outputs, shown: Shown) -> Outputs:
        """The outputs with HR, SR and the EMA model's SR transformed by the view."""
        if self.view is None:
            return outputs
        with torch.no_grad():
            ema_sr = None if outputs.ema_sr is None else shown.of_sr(outputs.ema_sr)
        return replace(outputs, hr=shown.hr, sr=shown.of_sr(outputs.sr), ema_sr=ema_sr)


@dataclass(frozen=True)
class Critic:
    """The network that one adversarial term trains against; `label` is the name of its loss in the log.

    `parallel` is the network wrapped by DistributedDataParallel, or the network itself if there is one process.
    """

    label: str
    network: nn.Module
    parallel: nn.Module
    optimizer: torch.optim.Adam


def used_terms(method: dict[str, Any]) -> list[Term]:
    """The loss terms of a method, those with weight 0 left out."""
    terms = [Term.of(name, given) for name, given in method["losses"].items()]
    return [term for term in terms if term.weight > 0]


def build_terms(method: dict[str, Any], context: LossContext, engine: Engine) -> dict[str, WeightedTerm]:
    """The loss terms of a method by name, on the device."""
    terms = {}
    for term in used_terms(method):
        loss = build_loss(term.loss, term.options, context)
        view = None if term.view is None else build_view(term.view)
        for module in (loss, view):
            if module is not None:
                engine.place(module)
        terms[term.name] = WeightedTerm(term.weight, loss, view)
    return terms


def build_critics(
    method: dict[str, Any], engine: Engine, world: World, adam: Callable[..., torch.optim.Adam]
) -> dict[str, Critic]:
    """The critics by the names of their terms, with fresh weights, on the device."""
    critics = {}
    for term in used_terms(method):
        options = method["critics"].get(term.name)
        if options is not None:
            network = engine.place(build_critic(options, method["patch_size"], term.channels)).train()
            label = "discriminator" if term.name == "adversarial" else f"discriminator {term.name}"
            critics[term.name] = Critic(label, network, world.parallel(network), adam(network.parameters()))
    return critics
