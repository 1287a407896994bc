"""One training iteration of a generator, for every method: update of generator, critics and EMA model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gansr.losses.base import LossContext, Outputs, full_precision
from gansr.losses.views.base import Shown
from gansr.training.ema import ema_model, update_ema
from gansr.training.engine import Engine
from gansr.training.objective import Critic, build_critics, build_terms
from gansr.training.optimizers import generator_optimizers, make_adam, restore_optimizer, set_learning_rate
from gansr.training.schedule import learning_rate
from gansr.training.stage import NotFiniteError
from gansr.training.world import World


class TrainingStep:
    """Networks and optimisers of a generator's training, and one iteration, which updates them.

    The order is that of the authors' code: update the generator, then each critic on the same images, then the EMA
    model. If there are several processes, each has a share of the batch. Gradients are averaged over all processes;
    statistics of batch normalisation and relativistic averages are each process's own, as in the authors' code.

    `parameter_groups` are the groups that the generator's file declares (`networks.build.parameter_groups`).
    """

    def __init__(
        self,
        generator: nn.Module,
        method: dict[str, Any],
        context: LossContext,
        engine: Engine,
        world: World | None = None,
        parameter_groups: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.method, self.engine, self.world = method, engine, world or World()
        self.generator = engine.place(generator).train()
        # Critics are built before the terms: building a term may draw random numbers, and the critics' initial weights
        # must not depend on which terms a method has.
        self.critics = build_critics(method, engine, self.world, partial(make_adam, method, engine))
        self.terms = build_terms(method, context, engine)
        self.decay: float | None = method["ema_decay"]
        self.ema = ema_model(self.generator) if self.decay is not None else None
        self.needs_ema = any(term.loss.needs_ema for term in self.terms.values())
        self.groups = generator_optimizers(self.generator, parameter_groups or {}, method, engine)
        self.done = 0  # number of iterations done
        self.learning_rate = learning_rate(method, 0)  # that of the latest iteration
        for network in (self.generator, self.ema):
            if network is not None:
                engine.compiled(network)
        # wrapped by DistributedDataParallel if there are several processes, else the generator itself
        self.parallel_generator = self.world.parallel(self.generator)

    @property
    def optimizers(self) -> list[torch.optim.Adam]:
        """The optimisers of the generator's parameter groups, then those of the critics."""
        return [*(group.optimizer for group in self.groups), *(critic.optimizer for critic in self.critics.values())]

    @property
    def published(self) -> dict[str, nn.Module]:
        """The generator with its raw and its EMA weights; the same where the method keeps no EMA."""
        return {"generator": self.generator, "generator_ema": self.generator if self.ema is None else self.ema}

    @property
    def phase(self) -> int:
        """The number of parameter groups that the next iteration updates.

        A graph that was captured in another phase must not be replayed, because it updates other groups.
        """
        return sum(group.starts <= self.done + 1 for group in self.groups)

    def __call__(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Train on one batch: LR and HR patches, N x 3 x H x W in [0, 1], on the training device.

        Returns:
            the unweighted value of each loss term, and of each critic's loss, as scalars.

        Raises:
            NotFiniteError: a loss is NaN or infinite; it was not used for an update.
        """
        self.begin()
        values = self.update(lr, hr)
        self.done += 1
        return values

    def settle(self) -> None:
        """Does nothing: `update` has already checked every loss before it was used."""

    def begin(self) -> None:
        """Set the learning rate of the next iteration."""
        self.learning_rate = learning_rate(self.method, self.done)
        for group in self.groups:
            set_learning_rate(group.optimizer, self.learning_rate * group.rate)
        for critic in self.critics.values():
            set_learning_rate(critic.optimizer, self.learning_rate)

    def update(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """The computation of an iteration, without anything that cannot be captured in a CUDA graph."""
        lr, hr = self.engine.images(lr, hr)
        with self.engine.beside():
            ema_sr = self._ema_sr(lr)
        sr, extras = self._generate(lr)
        self.engine.join()
        outputs = Outputs(lr, hr, sr, ema_sr, autocast=self.engine.autocast, extras=extras)
        shown = {name: term.shown(lr, hr) for name, term in self.terms.items()}
        # the logits of the real patches are used for both updates, because a critic does not change in between
        real = {name: self._logits(critic.parallel, shown[name].hr) for name, critic in self.critics.items()}
        values = self._update_generator(outputs, shown, real)
        for name, critic in self.critics.items():
            fake = self._logits(critic.parallel, shown[name].of_sr(sr.detach()))
            values[critic.label] = self._update_critic(name, critic, real[name], fake)
        if self.ema is not None and self.decay is not None:
            update_ema(self.ema, self.generator, self.decay)
        return values

    def _generate(self, lr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """SR, and the generator's outputs in addition to SR."""
        with self.engine.autocast():
            given = self.parallel_generator(lr)
        sr, extras = given if isinstance(given, tuple) else (given, {})
        return full_precision(sr), {name: full_precision(extra) for name, extra in extras.items()}

    def _logits(self, critic: nn.Module, images: Tensor) -> Tensor:
        with self.engine.autocast():
            logits: Tensor = critic(images)
        return full_precision(logits)

    def _ema_sr(self, lr: Tensor) -> Tensor | None:
        """The EMA model's SR; None if no term needs it."""
        if self.ema is None or not self.needs_ema:
            return None
        with torch.inference_mode(), self.engine.autocast():
            return full_precision(self.ema(lr))

    def _update_generator(
        self, outputs: Outputs, shown: dict[str, Shown], real: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        given = {name: term.given(outputs, shown[name]) for name, term in self.terms.items()}
        for name, critic in self.critics.items():
            critic.network.requires_grad_(False)
            fake = self._logits(critic.network, given[name].sr)
            critic.network.requires_grad_(True)
            given[name] = replace(given[name], real_logits=real[name].detach(), fake_logits=fake)
        values = {name: term.loss(given[name]) for name, term in self.terms.items()}
        self._require_finite(values, outputs.sr)
        total = torch.stack([term.weight * values[name] for name, term in self.terms.items()]).sum()
        for group in self.groups:
            group.optimizer.zero_grad(set_to_none=True)
        total.backward()
        for group in self.groups:
            if group.starts <= self.done + 1:
                group.optimizer.step()
        return {name: value.detach() for name, value in values.items()}

    def _update_critic(self, term: str, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        loss = self.terms[term].loss.discriminator_loss(real, fake)
        self._require_finite({critic.label: loss})
        critic.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        critic.optimizer.step()
        return loss.detach()

    def _require_finite(self, values: dict[str, Tensor], sr: Tensor | None = None) -> None:
        if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            return  # values cannot be read during a capture; CapturedStep checks the losses of replayed iterations
        # all values at once, because each read waits for the device
        if not self.world.any(not torch.isfinite(torch.stack(list(values.values()))).all()):
            return
        suspects = {f"the loss term {name}": value for name, value in values.items()}
        if sr is not None:  # checked first: if SR itself is not finite, no term is the cause
            suspects = {"the generator's output": sr, **suspects}
        for what, found in suspects.items():
            bad = found[~torch.isfinite(found)]
            if len(bad):
                raise NotFiniteError(what, bad[0].item())
        raise NotFiniteError("a loss of another process", float("nan"))

    def state(self) -> dict[str, Any]:
        """Everything needed to resume with bit-identical results, except random states, which each process has."""
        return {
            "done": self.done,
            "generator": self.generator.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "critics": {name: critic.network.state_dict() for name, critic in self.critics.items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state()`."""
        self.done = state["done"]
        self.generator.load_state_dict(state["generator"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        for name, critic in self.critics.items():
            critic.network.load_state_dict(state["critics"][name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            restore_optimizer(optimizer, saved)
