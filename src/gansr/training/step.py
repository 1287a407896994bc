"""One training iteration, whatever the method: generator, discriminator, EMA model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gansr.losses.adversarial import AdversarialLoss
from gansr.losses.base import LossContext, LossTerm, Outputs, full_precision
from gansr.losses.build import build_loss
from gansr.networks.build import build_critic
from gansr.training.ema import ema_model, update_ema
from gansr.training.engine import Engine
from gansr.training.schedule import learning_rate
from gansr.training.world import World


class NotFiniteError(Exception):
    """A loss term, or the generator's output itself, became NaN or infinite; told some iterations late."""

    def __init__(self, what: str, value: float, late: int = 0) -> None:
        super().__init__(f"{what} became {value}")
        self.late = late


@dataclass(frozen=True)
class WeightedTerm:
    """A loss term with its weight in the objective."""

    weight: float
    loss: LossTerm


def build_terms(losses: dict[str, dict[str, Any]], context: LossContext) -> dict[str, WeightedTerm]:
    """The loss terms of a method, those with weight 0 left out."""
    terms = {}
    for name, given in losses.items():
        options = {key: value for key, value in given.items() if key != "weight"}
        if given["weight"] > 0:
            terms[name] = WeightedTerm(given["weight"], build_loss(name, options, context))
    return terms


class TrainingStep:
    """Everything that changes during training, and how one iteration changes it.

    The order is that of the authors' code: update the generator, then the discriminator on the same
    images, then the EMA model. Of several processes each has a share of the batch; gradients are averaged
    over all, statistics of batch normalisation and relativistic averages are each process's own, as in the
    authors' code.
    """

    def __init__(
        self,
        generator: nn.Module,
        method: dict[str, Any],
        context: LossContext,
        engine: Engine,
        world: World | None = None,
    ) -> None:
        self.method, self.engine, self.world = method, engine, world or World()
        self.generator = engine.place(generator).train()
        # before the terms: its initial weights must not depend on which terms a method has
        self.discriminator = self._discriminator()
        self.terms = build_terms(method["losses"], context)
        for term in self.terms.values():
            engine.place(term.loss)
        self.decay: float | None = method["ema_decay"]
        self.ema = ema_model(self.generator) if self.decay is not None else None
        self.needs_ema = any(term.loss.needs_ema for term in self.terms.values())
        self.adversarial = self._adversarial()
        networks = [self.generator] if self.discriminator is None else [self.generator, self.discriminator]
        self.optimizers = [self._adam(network) for network in networks]
        self.done = 0  # iterations
        self.learning_rate = learning_rate(method, 0)  # of the latest iteration
        for network in (self.generator, self.ema):
            if network is not None:
                engine.compiled(network)
        # what gradients of several processes go through; alone, the networks themselves
        self.parallel_generator = self.world.parallel(self.generator)
        self.parallel_discriminator = self.discriminator and self.world.parallel(self.discriminator)

    def _adversarial(self) -> AdversarialLoss | None:
        term = self.terms.get("adversarial")
        return term.loss if term is not None and isinstance(term.loss, AdversarialLoss) else None

    def _discriminator(self) -> nn.Module | None:
        options = self.method["discriminator"]
        if options is None or self.method["losses"]["adversarial"]["weight"] == 0:
            return None
        return self.engine.place(build_critic(options, self.method["patch_size"])).train()

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        options = self.method["optimizer"]
        rate = float(options["learning_rate"])
        return torch.optim.Adam(
            network.parameters(),
            # a captured graph reads its learning rate from the device
            lr=torch.tensor(rate, device=self.engine.device) if self.engine.graph else rate,
            betas=tuple(options["betas"]),
            fused=True,
            capturable=self.engine.graph,
        )

    def __call__(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Train on one batch: LR and HR patches, N x 3 x H x W in [0, 1], on the training device.

        Returns:
            the unweighted value of each loss term, and of the discriminator's loss, as scalars.

        Raises:
            NotFiniteError: a loss is NaN or infinite; nothing was updated with it.
        """
        self.begin()
        values = self.update(lr, hr)
        self.done += 1
        return values

    def settle(self) -> None:
        """Nothing is unseen behind an iteration: its losses are looked at before anything is updated with them."""

    def begin(self) -> None:
        """Set the learning rate of the iteration that comes."""
        self.learning_rate = learning_rate(self.method, self.done)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(self.learning_rate)
                else:
                    group["lr"] = self.learning_rate

    def update(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Everything that an iteration computes, and nothing that a captured graph could not replay."""
        lr, hr = self.engine.images(lr, hr)
        with self.engine.beside():
            ema_sr = self._ema_sr(lr)
        with self.engine.autocast():
            sr = full_precision(self.parallel_generator(lr))
        self.engine.join()
        textured = self.adversarial.textured(lr, hr) if self.adversarial is not None else None
        # the logits of the real patches serve both updates: the discriminator does not change in between
        real_logits = self._judge(self.parallel_discriminator, hr, textured)
        outputs = Outputs(lr, hr, sr, ema_sr, real_logits, autocast=self.engine.autocast)
        values = self._update_generator(outputs, textured)
        if real_logits is not None:
            fake_logits = self._judge(self.parallel_discriminator, sr.detach(), textured)
            assert fake_logits is not None
            values["discriminator"] = self._update_discriminator(real_logits, fake_logits)
        if self.ema is not None and self.decay is not None:
            update_ema(self.ema, self.generator, self.decay)
        return values

    def _judge(self, critic: nn.Module | None, images: Tensor, textured: Tensor | None) -> Tensor | None:
        """The discriminator's logits; where there is a region mask it sees the textured regions alone."""
        if critic is None:
            return None
        with self.engine.autocast():
            logits: Tensor = critic(images if textured is None else images * textured)
        return full_precision(logits)

    def _ema_sr(self, lr: Tensor) -> Tensor | None:
        """The EMA model's SR, where a term asks for it."""
        if self.ema is None or not self.needs_ema:
            return None
        with torch.inference_mode(), self.engine.autocast():
            return full_precision(self.ema(lr))

    def _update_generator(self, outputs: Outputs, textured: Tensor | None) -> dict[str, Tensor]:
        if self.discriminator is not None and outputs.real_logits is not None:
            self.discriminator.requires_grad_(False)
            fake_logits = self._judge(self.discriminator, outputs.sr, textured)
            self.discriminator.requires_grad_(True)
            outputs = replace(outputs, real_logits=outputs.real_logits.detach(), fake_logits=fake_logits)
        values = {name: term.loss(outputs) for name, term in self.terms.items()}
        self._require_finite(values, outputs.sr)
        total = torch.stack([term.weight * values[name] for name, term in self.terms.items()]).sum()
        self.optimizers[0].zero_grad(set_to_none=True)
        total.backward()
        self.optimizers[0].step()
        return {name: value.detach() for name, value in values.items()}

    def _update_discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        assert self.adversarial is not None
        loss = self.adversarial.discriminator_loss(real_logits, fake_logits)
        self._require_finite({"discriminator": loss})
        self.optimizers[1].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[1].step()
        return loss.detach()

    def _require_finite(self, values: dict[str, Tensor], sr: Tensor | None = None) -> None:
        if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            return  # a graph cannot look; who replays it does
        # one look at all of them: each look waits for the device
        if not self.world.any(not torch.isfinite(torch.stack(list(values.values()))).all()):
            return
        suspects = {f"the loss term {name}": value for name, value in values.items()}
        if sr is not None:  # no term is to blame for what it was given
            suspects = {"the generator's output": sr, **suspects}
        for what, found in suspects.items():
            bad = found[~torch.isfinite(found)]
            if len(bad):
                raise NotFiniteError(what, bad[0].item())
        raise NotFiniteError("a loss of another process", float("nan"))

    def state(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, random states aside, which are each process's own."""
        return {
            "done": self.done,
            "generator": self.generator.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "discriminator": self.discriminator.state_dict() if self.discriminator is not None else None,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`."""
        self.done = state["done"]
        self.generator.load_state_dict(state["generator"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            rates = [group["lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate  # a captured graph reads this very tensor, and a saved one is on the CPU
