"""The device, precision and memory format of a training step, and whether it is compiled or captured."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gansr.config.training_settings import ResultSettings
from gansr.schema import plugins

logger = logging.getLogger("gansr")


@dataclass(frozen=True)
class Engine:
    """How a training step is computed; the defaults are exact float32.

    With `compile`, the generator's `blocks` are compiled: the names of classes that the generator repeats, each of
    which is compiled once for any number of blocks. `not_compiled` are classes inside them that are left out. A
    generator's file declares both: REPEATED_BLOCKS and NOT_COMPILED.
    """

    device: torch.device
    precision: str = "fp32"
    channels_last: bool = True
    compile: bool = False
    graph: bool = False
    blocks: tuple[str, ...] = ()
    not_compiled: tuple[str, ...] = ()

    @classmethod
    def of_settings(cls, device: torch.device, settings: ResultSettings, network: str) -> Engine:
        """The engine that a training's settings ask for, for a generator of this network.

        `graph` is only set on a GPU.
        """
        engine = cls(
            device,
            settings.precision,
            settings.channels_last,
            settings.compile,
            settings.graph and device.type == "cuda",
            tuple(plugins.fact("generator", network, "REPEATED_BLOCKS", ())),
            tuple(plugins.fact("generator", network, "NOT_COMPILED", ())),
        )
        if engine.compile and not engine.blocks:
            logger.info("compile: the generator %s names no REPEATED_BLOCKS, nothing of it is compiled", network)
        if engine.precision == "bf16" and device.type == "cpu" and not _cpu_has_bf16():
            logger.info("this CPU has no bf16 instructions: precision bf16 is slower on it than fp32")
        return engine

    def prepare(self) -> None:
        """Set torch's global switches: whether float32 products on a GPU may use TF32, and cuDNN's autotuning."""
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = self.precision != "fp32"
        torch.backends.cudnn.benchmark = True  # autotuning pays off, because all patches have one size

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format of networks and images."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, in the memory format."""
        return network.to(self.device).to(memory_format=self.memory_format)

    def images(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Images in the memory format."""
        return tuple(image.contiguous(memory_format=self.memory_format) for image in images)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which networks run: autocast to bf16, or nothing."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Compute on a second stream of the GPU, if the step is captured; results may be used after `join`."""
        if self.second is None:
            yield
            return
        self.second.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.second):
            yield

    def join(self) -> None:
        """Let the main stream wait for what was computed in `beside`."""
        if self.second is not None:
            torch.cuda.current_stream().wait_stream(self.second)

    @cached_property
    def second(self) -> torch.cuda.Stream | None:
        """The second stream; None without a graph, because then the CPU cannot launch kernels fast enough for two."""
        return torch.cuda.Stream(self.device) if self.graph and self.device.type == "cuda" else None

    def compiled(self, generator: nn.Module) -> nn.Module:
        """The generator, with its repeated blocks compiled if `compile` is set; its parameters keep their names."""
        if self.compile:
            for block in generator.modules():
                if type(block).__name__ in self.blocks:
                    block.compile()
                elif type(block).__name__ in self.not_compiled:
                    block.forward = torch.compiler.disable(block.forward)
        return generator

    def without_compiling(self) -> AbstractContextManager[Any]:
        """A context for images of other sizes than training patches: blocks would be compiled again for each size."""
        return torch.compiler.set_stance("force_eager") if self.compile else nullcontext()


def _cpu_has_bf16() -> bool:
    """Whether the processor has bf16 instructions, by /proc/cpuinfo; True if that cannot be read."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return True
    return "avx512_bf16" in flags or "amx_bf16" in flags or "bf16" in flags
