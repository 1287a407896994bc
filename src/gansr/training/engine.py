"""With what arithmetic and memory format a training step is computed, and on which device."""

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

    `compile` compiles the generator's `blocks`, classes that it repeats, each once whatever the depth; `not_compiled`
    are parts of them that stay as they are. A generator's file names both: REPEATED_BLOCKS and NOT_COMPILED.
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

        A graph is captured on a GPU alone.
        """
        engine = cls(
            device,
            settings.precision,
            settings.channels_last,
            settings.compile,
            settings.graph and device.type == "cuda",
            plugins.fact_names("generator", network, "REPEATED_BLOCKS"),
            plugins.fact_names("generator", network, "NOT_COMPILED"),
        )
        if engine.compile and not engine.blocks:
            logger.info("compile: the generator %s names no REPEATED_BLOCKS, nothing of it is compiled", network)
        if engine.precision == "bf16" and device.type == "cpu" and not _cpu_has_bf16():
            logger.info("this CPU has no bf16 instructions: precision bf16 is slower on it than fp32")
        return engine

    def prepare(self) -> None:
        """Set what torch keeps for the whole process: whether float32 products on a GPU may be TF32."""
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = self.precision != "fp32"
        torch.backends.cudnn.benchmark = True  # patches have one size

    @property
    def memory_format(self) -> torch.memory_format:
        """Of networks and images."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, in the memory format."""
        return network.to(self.device).to(memory_format=self.memory_format)

    def images(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Images in the memory format."""
        return tuple(image.contiguous(memory_format=self.memory_format) for image in images)

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of networks' passes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    @contextmanager
    def beside(self) -> Iterator[None]:
        """On a second stream of the GPU, in a captured graph; what is computed there is there after `join`."""
        if self.second is None:
            yield
            return
        self.second.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.second):
            yield

    def join(self) -> None:
        """Have what comes wait for what was computed beside."""
        if self.second is not None:
            torch.cuda.current_stream().wait_stream(self.second)

    @cached_property
    def second(self) -> torch.cuda.Stream | None:
        """The second stream, where there is one. Without a graph the CPU is too slow to fill two."""
        return torch.cuda.Stream(self.device) if self.graph and self.device.type == "cuda" else None

    def compiled(self, generator: nn.Module) -> nn.Module:
        """The generator, its repeated blocks compiled where that is asked for; its parameters keep their names."""
        if self.compile:
            for block in generator.modules():
                if type(block).__name__ in self.blocks:
                    block.compile()
                elif type(block).__name__ in self.not_compiled:
                    block.forward = torch.compiler.disable(block.forward)
        return generator

    def without_compiling(self) -> AbstractContextManager[Any]:
        """For images of other sizes than training's, for each of which compiled blocks would be compiled anew."""
        return torch.compiler.set_stance("force_eager") if self.compile else nullcontext()


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 numbers itself, as far as Linux tells."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return True
    return "avx512_bf16" in flags or "amx_bf16" in flags or "bf16" in flags
