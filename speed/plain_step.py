"""A training iteration as in the papers' code: eager, float32, without reuse of results.

It has five passes of the discriminator, an EMA update parameter by parameter, unfolded windows and both distance
tables. Its networks, the perceptual network included, are copies of those of the fast step.
"""

from __future__ import annotations

import copy
from typing import Any

import plain
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansr.training.schedule import learning_rate
from gansr.training.step import TrainingStep


class PlainStep:
    """One iteration of a method on copies of a step's networks, in torch's default memory format."""

    def __init__(self, step: TrainingStep) -> None:
        self.method, self.losses, self.decay = step.method, step.method["losses"], step.method["ema_decay"]
        self.done = 0
        place = step.engine.device
        self.generator = self._copy(step.generator, place).train()
        self.average = self._copy(step.generator, place).eval().requires_grad_(False)
        critic = step.critics.get("adversarial")
        self.critic = self._copy(critic.network, place).train() if critic is not None else None
        perceptual = step.terms.get("perceptual")
        self.features = self._copy(perceptual.loss.network, place) if perceptual is not None else None  # type: ignore[arg-type]
        options = step.method["optimizer"]
        networks = [self.generator] if self.critic is None else [self.generator, self.critic]
        self.optimizers = [
            torch.optim.Adam(network.parameters(), options["learning_rate"], tuple(options["betas"]))
            for network in networks
        ]

    @staticmethod
    def _copy(network: nn.Module, place: torch.device) -> nn.Module:
        return copy.deepcopy(network).to(place).to(memory_format=torch.contiguous_format)

    def __call__(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Train on one batch; returns the values of the terms."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.method, self.done)
        self.done += 1
        values = self._update_generator(lr, hr)
        if self.critic is not None:
            values["discriminator"] = self._update_critic(hr)
        if self.decay is not None:
            with torch.no_grad():
                for average, weight in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                    average.mul_(self.decay).add_(weight, alpha=1 - self.decay)
        return values

    def _update_generator(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        if self.critic is not None:
            self.critic.requires_grad_(False)
        self.optimizers[0].zero_grad()
        self.sr = sr = self.generator(lr)
        self.mask = plain.region_mask(lr, hr.shape[-1] // lr.shape[-1]).float() if self._is_masked() else None
        values = {name: self._term(name, lr, hr, sr) for name, options in self.losses.items() if options["weight"]}
        torch.stack([self.losses[name]["weight"] * value for name, value in values.items()]).sum().backward()
        self.optimizers[0].step()
        return {name: value.detach() for name, value in values.items()}

    def _is_masked(self) -> bool:
        return "view" in self.losses.get("adversarial", {})

    def _term(self, name: str, lr: Tensor, hr: Tensor, sr: Tensor) -> Tensor:
        terms: dict[str, Any] = {
            "pixel": lambda: F.l1_loss(sr, hr),
            "perceptual": lambda: self._perceptual(hr, sr),
            "adversarial": lambda: self._adversarial(hr, sr),
            "artifact": lambda: self._artifact(lr, hr, sr),
            "best_buddy": lambda: plain.best_buddy(sr, hr)[0],
            "back_projection": lambda: F.l1_loss(plain.reduce_bicubic(sr, hr.shape[-1] // lr.shape[-1]), lr),
        }
        value: Tensor = terms[name]()
        return value

    def _perceptual(self, hr: Tensor, sr: Tensor) -> Tensor:
        assert self.features is not None
        found, target = self.features(sr), self.features(hr.detach())
        layers = self.losses["perceptual"]["layers"]
        return torch.stack([weight * F.l1_loss(found[name], target[name]) for name, weight in layers.items()]).sum()

    def _artifact(self, lr: Tensor, hr: Tensor, sr: Tensor) -> Tensor:
        with torch.no_grad():
            ema_sr = self.average(lr)
        weight = plain.artifact_map(sr, hr, ema_sr)
        return F.l1_loss(weight * sr, weight * hr)

    def _judge(self, images: Tensor) -> Tensor:
        assert self.critic is not None
        logits: Tensor = self.critic(images if self.mask is None else images * self.mask)
        return logits

    def _adversarial(self, hr: Tensor, sr: Tensor) -> Tensor:
        real, fake = self._judge(hr).detach(), self._judge(sr)
        return (_cross_entropy(real - fake.mean(), 0.0) + _cross_entropy(fake - real.mean(), 1.0)) / 2

    def _update_critic(self, hr: Tensor) -> Tensor:
        assert self.critic is not None
        self.critic.requires_grad_(True)
        self.optimizers[1].zero_grad()
        fake, real = self._judge(self.sr).detach(), self._judge(hr)
        of_real = 0.5 * _cross_entropy(real - fake.mean(), 1.0)
        of_real.backward()
        fake = self._judge(self.sr.detach())
        of_fake = 0.5 * _cross_entropy(fake - real.mean().detach(), 0.0)
        of_fake.backward()
        self.optimizers[1].step()
        return (of_real + of_fake).detach()


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
