"""How a training is computed (precision, memory format, devices), when its state is saved, and what it logs."""

from __future__ import annotations

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from gansr.schema.section import Section


class ResultSettings(Section):
    """Settings that change a result, if only in its last digits: when one changes, the model is trained again.

    precision         fp32, exact; tf32, in which a GPU multiplies faster with 10 bits of the mantissa; bf16,
                      autocast of the networks, losses in fp32
    channels_last     memory format of networks and images
    compile           torch.compile of the generator's repeated blocks
    graph             the whole step as one captured CUDA graph; without a GPU it changes nothing
    gpus              number of processes that share each batch, one on each GPU
    skip_not_finite   iterations that may be skipped because a loss was NaN or infinite, before the training stops
    """

    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    channels_last: bool = True
    compile: bool = False
    graph: bool = False
    gpus: PositiveInt = 1
    skip_not_finite: NonNegativeInt = 0


class WatchSettings(Section):
    """Settings that change no result: when one changes, nothing is trained again.

    prefetch          batches prepared in advance; with 0 each is prepared when it is needed
    checkpoint_every  iterations between saved states; without it a state is saved every few seconds, in at most 2 %
                      of the training time
    tensorboard       whether the log is written for TensorBoard as well
    """

    prefetch: NonNegativeInt = 2
    checkpoint_every: PositiveInt | None = None
    tensorboard: bool = False


class TrainingSettings(ResultSettings, WatchSettings):
    """The section `training` of a run, or of one of its models."""

    @property
    def of_result(self) -> ResultSettings:
        """The settings that change a result."""
        return ResultSettings(**self.model_dump(include=set(ResultSettings.model_fields)))

    @property
    def of_watch(self) -> WatchSettings:
        """The settings that change no result."""
        return WatchSettings(**self.model_dump(include=set(WatchSettings.model_fields)))
