"""Batches on the training device, prepared by a thread while the device computes earlier ones."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansr.data.sampler import PatchBatch, PatchSampler


@dataclass(frozen=True)
class ReadyBatch:
    """Augmented patches, N x H x W x 3 uint8, and the sampler's state after this batch."""

    lr: Tensor
    hr: Tensor
    sampler: dict[str, Any]


class PatchLoader:
    """The batches of a sampler in order; a thread prepares `prefetch` of them in advance.

    Each process takes its share of every batch, so that all processes together train on what one process would.
    `state` is the sampler's state after the latest batch that `next` has returned; batches in preparation do not count,
    so that a resumed training draws them again.
    """

    def __init__(self, sampler: PatchSampler, share: slice, place: torch.device, prefetch: int) -> None:
        self.sampler, self.share, self.place = sampler, share, place
        self.state = sampler.state()
        self.ready: queue.Queue[ReadyBatch | Exception] = queue.Queue(max(prefetch, 1))
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._fill, daemon=True) if prefetch else None

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`; call it before `start`."""
        self.sampler.restore(state)

    def start(self) -> None:
        """Begin to prepare batches; from now on only the loader may use the sampler."""
        self.state = self.sampler.state()
        if self.thread is not None:
            self.thread.start()

    def next(self) -> tuple[Tensor, Tensor]:
        """LR and HR patches, N x 3 x H x W float32 in [0, 1], on the device."""
        batch = self._make() if self.thread is None else self.ready.get()
        if isinstance(batch, Exception):
            raise batch
        self.state = batch.sampler
        return self._to_device(batch.lr), self._to_device(batch.hr)

    def close(self) -> None:
        """End the thread."""
        self.closed.set()
        if self.thread is not None and self.thread.is_alive():
            while not self.ready.empty():
                self.ready.get_nowait()
            self.thread.join(timeout=5)

    def _fill(self) -> None:
        while not self.closed.is_set():
            try:
                batch: ReadyBatch | Exception = self._make()
            except Exception as error:  # raised by `next` in the main thread
                batch = error
            while not self.closed.is_set():
                try:
                    self.ready.put(batch, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if isinstance(batch, Exception):
                return

    def _make(self) -> ReadyBatch:
        drawn = self.sampler.batch(self.share)
        lr, hr = (self._pinned(torch.from_numpy(augmented(pixels, drawn))) for pixels in (drawn.lr, drawn.hr))
        return ReadyBatch(lr, hr, self.sampler.state())

    def _pinned(self, pixels: Tensor) -> Tensor:
        return pixels.pin_memory() if self.place.type == "cuda" else pixels

    def _to_device(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.place, non_blocking=True).permute(0, 3, 1, 2).float() / 255


def augmented(pixels: np.ndarray, batch: PatchBatch) -> np.ndarray:
    """N x H x W x 3 patches, each flipped horizontally, flipped vertically and transposed as the batch says."""
    turned = np.empty_like(pixels)
    for place, patch, (mirror, flip, transpose) in zip(turned, pixels, batch.augment, strict=True):
        patch = patch[:: -1 if flip else 1, :: -1 if mirror else 1]
        place[:] = patch.swapaxes(0, 1) if transpose else patch
    return turned
