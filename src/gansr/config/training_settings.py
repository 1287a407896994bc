"""How a training is computed: precision, memory format, devices; and how it is kept and watched."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from gansr.config.section import Section

# What a result depends on, if only in its last digits: part of a model's spec. The others make nothing again.
OF_SPEC = ("precision", "channels_last", "compile", "graph", "gpus", "skip_not_finite")


class TrainingSettings(Section):
    """The section `training` of a run, or of one of its models.

    precision         fp32, exact; tf32, in which a GPU multiplies faster with 10 bits of the mantissa; bf16,
                      autocast of the networks, losses in fp32
    channels_last     memory format of networks and images
    compile           torch.compile of the generator's repeated blocks
    graph             the whole step as one captured CUDA graph; without a GPU it changes nothing
    gpus              processes with a share of the batch each, one on each GPU
    prefetch          batches that are made ready ahead; 0 makes each one when it is needed
    checkpoint_every  iterations between saved states; none saves every few seconds, 2 % of the time at most
    skip_not_finite   iterations that may be skipped because a loss was NaN or infinite, before the training stops
    tensorboard       whether the log is written for TensorBoard as well
    """

    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    graph: bool = False
    gpus: PositiveInt = 1
    prefetch: NonNegativeInt = 2
    checkpoint_every: PositiveInt | None = None
    skip_not_finite: NonNegativeInt = 0
    tensorboard: bool = False

    def of_spec(self) -> dict[str, Any]:
        """What belongs to a model's spec."""
        return self.model_dump(mode="json", include=set(OF_SPEC))

    def beside_spec(self) -> dict[str, Any]:
        """What changes no result."""
        return self.model_dump(mode="json", exclude=set(OF_SPEC))
