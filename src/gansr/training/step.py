"""One training iteration, whatever the method: generator, discriminator, EMA model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gansr.losses.adversarial import AdversarialLoss
from gansr.losses.base import LossContext, LossTerm, Outputs
from gansr.losses.build import build_loss
from gansr.networks.build import build_discriminator
from gansr.training.schedule import build_scheduler


class NotFiniteError(Exception):
    """A loss term, or the generator's output itself, became NaN or infinite."""

    def __init__(self, what: str, value: float) -> None:
        super().__init__(f"{what} became {value}")


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


def ema_model(generator: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of a generator's parameters (LDL, Eq. 5), starting at its weights.

    After each iteration's `update_parameters`: average = decay * average + (1 - decay) * weights. Buffers
    are taken over.
    """
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay))
    # torch copies the weights at the first update instead of averaging: spend that one now, on equal weights
    average.update_parameters(generator)
    return average.eval().requires_grad_(False)


class TrainingStep:
    """Everything that changes during training, and how one iteration changes it.

    The order is that of the authors' code: update the generator, then the discriminator on the same
    images, then the EMA model.
    """

    def __init__(
        self, generator: nn.Module, method: dict[str, Any], context: LossContext, device: torch.device
    ) -> None:
        self.memory_format = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.generator = self._place(generator, device).train()
        # before the terms: its initial weights must not depend on which terms a method has
        self.discriminator = self._discriminator(method, device)
        self.terms = build_terms(method["losses"], context)
        for term in self.terms.values():
            self._place(term.loss, device)
        decay = method["ema_decay"]
        self.ema = ema_model(self.generator, decay) if decay is not None else None
        self.needs_ema = any(term.loss.needs_ema for term in self.terms.values())
        self.adversarial = self._adversarial()
        self.optimizers = [self._adam(self.generator, method)]
        if self.discriminator is not None:
            self.optimizers.append(self._adam(self.discriminator, method))
        self.schedulers = [build_scheduler(optimizer, method) for optimizer in self.optimizers]
        self.learning_rate = float(method["optimizer"]["learning_rate"])  # of the latest iteration

    def _adversarial(self) -> AdversarialLoss | None:
        term = self.terms.get("adversarial")
        return term.loss if term is not None and isinstance(term.loss, AdversarialLoss) else None

    def _place(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network on the device; on a CPU with channels last, which its convolutions are faster with."""
        return network.to(device).to(memory_format=self.memory_format)

    def _discriminator(self, method: dict[str, Any], device: torch.device) -> nn.Module | None:
        if method["discriminator"] is None or method["losses"]["adversarial"]["weight"] == 0:
            return None
        return self._place(build_discriminator(method["discriminator"], method["patch_size"]), device).train()

    @staticmethod
    def _adam(network: nn.Module, method: dict[str, Any]) -> torch.optim.Adam:
        options = method["optimizer"]
        betas = tuple(options["betas"])
        return torch.optim.Adam(network.parameters(), lr=options["learning_rate"], betas=betas, fused=True)

    def __call__(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Train on one batch: LR and HR patches, N x 3 x H x W in [0, 1], on the training device.

        Returns:
            the unweighted value of each loss term, and of the discriminator's loss, as scalars.

        Raises:
            NotFiniteError: a loss is NaN or infinite; nothing was updated with it.
        """
        lr, hr = (images.contiguous(memory_format=self.memory_format) for images in (lr, hr))
        sr = self.generator(lr)
        textured = self.adversarial.textured(lr, hr) if self.adversarial is not None else None
        # the logits of the real patches serve both updates: the discriminator does not change in between
        real_logits = self._judge(hr, textured) if self.discriminator is not None else None
        values = self._update_generator(lr, hr, sr, real_logits, textured)
        if real_logits is not None:
            values["discriminator"] = self._update_discriminator(real_logits, self._judge(sr.detach(), textured))
        if self.ema is not None:
            self.ema.update_parameters(self.generator)
        self.learning_rate = float(self.schedulers[0].get_last_lr()[0])
        for scheduler in self.schedulers:
            scheduler.step()
        return values

    def _judge(self, images: Tensor, textured: Tensor | None) -> Tensor:
        """The discriminator's logits; where there is a region mask it sees the textured regions alone."""
        assert self.discriminator is not None
        logits: Tensor = self.discriminator(images if textured is None else images * textured)
        return logits

    def _update_generator(
        self, lr: Tensor, hr: Tensor, sr: Tensor, real_logits: Tensor | None, textured: Tensor | None
    ) -> dict[str, Tensor]:
        ema_sr = fake_logits = None
        if self.needs_ema and self.ema is not None:
            with torch.no_grad():
                ema_sr = self.ema(lr)
        if self.discriminator is not None and real_logits is not None:
            real_logits = real_logits.detach()
            self.discriminator.requires_grad_(False)
            fake_logits = self._judge(sr, textured)
            self.discriminator.requires_grad_(True)
        outputs = Outputs(lr, hr, sr, ema_sr, real_logits, fake_logits)
        values = {name: term.loss(outputs) for name, term in self.terms.items()}
        self._require_finite(values, sr)
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

    @staticmethod
    def _require_finite(values: dict[str, Tensor], sr: Tensor | None = None) -> None:
        # one look at all of them: each look waits for the device
        if torch.isfinite(torch.stack(list(values.values()))).all():
            return
        suspects = {f"the loss term {name}": value for name, value in values.items()}
        if sr is not None:  # no term is to blame for what it was given
            suspects = {"the generator's output": sr, **suspects}
        for what, found in suspects.items():
            bad = found[~torch.isfinite(found)]
            if len(bad):
                raise NotFiniteError(what, bad[0].item())

    def state(self) -> dict[str, Any]:
        """Everything needed to go on bit for bit, global random state included."""
        return {
            "generator": self.generator.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "discriminator": self.discriminator.state_dict() if self.discriminator is not None else None,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedulers": [scheduler.state_dict() for scheduler in self.schedulers],
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state()`."""
        self.generator.load_state_dict(state["generator"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for scheduler, saved in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(saved)
        torch.set_rng_state(state["random"])
        if torch.cuda.is_available() and len(state["random_cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["random_cuda"])
