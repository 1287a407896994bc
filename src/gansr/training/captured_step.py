"""A training step as one CUDA graph: its thousands of kernels are launched together, without waiting for Python."""

from __future__ import annotations

import torch
from torch import Tensor

from gansr.training.stage import NotFiniteError
from gansr.training.step import TrainingStep

WARM_UP = 3  # ordinary iterations before the capture: they create the optimisers' state and choose the kernels


class CapturedStep:
    """Runs a step; after WARM_UP iterations captures it as a CUDA graph, which is replayed from then on.

    When a parameter group of the generator starts, the computation changes: warm-up and capture are repeated.

    Losses are checked one iteration later, so that the GPU does not wait for the CPU. If a loss was NaN or infinite,
    the next iteration or `settle` raises the error; the weights have then already been updated with it. The returned
    tensors are overwritten by the next iteration.
    """

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self.stream = torch.cuda.Stream()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.phase = step.phase
        self.called = 0  # iterations since the phase began
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: dict[str, Tensor] = {}
        self.latest: Tensor | None = None
        self.copied = torch.cuda.Event()

    def __call__(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        """Train on one batch, of the same size every time.

        Raises:
            NotFiniteError: a loss of the iteration before was NaN or infinite.
        """
        if self.step.phase != self.phase:
            self.settle()
            self.phase, self.called, self.graph = self.step.phase, 0, None
        self.called += 1
        if self.called <= WARM_UP:
            return self._on_side_stream(lr, hr)
        if self.graph is None:
            self._capture(lr, hr)
        assert self.graph is not None
        self.settle()
        self.step.begin()
        for static, given in zip(self.inputs, (lr, hr), strict=True):
            static.copy_(given)
        self.graph.replay()
        self.step.done += 1
        self.latest = torch.stack(list(self.outputs.values())).to("cpu", non_blocking=True)
        self.copied.record()
        return self.outputs

    def _on_side_stream(self, lr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            values = self.step(lr, hr)
        torch.cuda.current_stream().wait_stream(self.stream)
        return values

    def _capture(self, lr: Tensor, hr: Tensor) -> None:
        self.inputs = tuple(image.clone() for image in self.step.engine.images(lr, hr))
        self.graph = torch.cuda.CUDAGraph()
        for optimizer in self.step.optimizers:
            optimizer.zero_grad(set_to_none=True)
        # thread_local: the loader's thread allocates pinned memory during the capture, which would otherwise fail
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.outputs = self.step.update(*self.inputs)

    def settle(self) -> None:
        """Wait for the latest iteration's losses, and check them.

        Raises:
            NotFiniteError: one of them is NaN or infinite.
        """
        if self.latest is None:
            return
        self.copied.synchronize()
        values, self.latest = self.latest, None
        for name, value in zip(self.outputs, values.tolist(), strict=True):
            if value != value or value in (float("inf"), float("-inf")):
                raise NotFiniteError(f"the loss term {name}" if name in self.step.terms else name, value, late=1)
