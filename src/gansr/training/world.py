"""The processes of a training, one for each GPU, and the values that they exchange in addition to gradients.

torchrun starts them and gives each its number by environment variables. DistributedDataParallel averages gradients. The
values exchanged here are small and on the CPU, so that no process waits for a GPU.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from gansr.training.launch import end_with_launcher, is_launched


@dataclass
class World:
    """This process's place among the processes of a training; by default it is the only one (see `joined_world`)."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    control: Any = field(default=None, repr=False)  # a gloo process group, for values on the CPU

    @property
    def is_first(self) -> bool:
        """Whether this process writes the training's files."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def share(self, batch_size: int) -> slice:
        """This process's part of a batch."""
        part = batch_size // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in any process."""
        if self.is_alone:
            return flag
        flags = torch.tensor([flag], dtype=torch.int32)
        dist.all_reduce(flags, dist.ReduceOp.MAX, group=self.control)
        return bool(flags.item())

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over processes of a vector on the CPU."""
        if not self.is_alone:
            dist.all_reduce(values, group=self.control)
        return values / self.size

    def gather(self, mine: Any) -> list[Any]:
        """Every process's object in the first process, by rank; nothing in the others."""
        if self.is_alone:
            return [mine]
        everyone: list[Any] | None = [None] * self.size if self.is_first else None
        dist.gather_object(mine, everyone, group=self.control)
        return everyone or []

    def wait(self) -> None:
        """Wait until all processes have called this."""
        if not self.is_alone:
            dist.barrier(group=self.control)

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network with gradients averaged over processes; its buffers stay each process's own."""
        if self.is_alone:
            return network
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # broadcast_buffers has a new name, unknown to older torch
            return DistributedDataParallel(network, broadcast_buffers=False)


@contextmanager
def joined_world() -> Iterator[World]:
    """The World of this process; within the block the process group of a training by torchrun is open."""
    if not is_launched():
        yield World()
        return
    end_with_launcher()
    rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(local_rank)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield World(rank, size, local_rank, dist.new_group(backend="gloo"))
    finally:
        dist.destroy_process_group()
