"""Train a model from its spec, from wherever an earlier attempt left off."""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import yaml
from torch import Tensor

from gansr.atomic import atomic_folder
from gansr.checksum import checksum
from gansr.data.patch_store import PatchStore
from gansr.data.sampler import PatchBatch, PatchSampler
from gansr.errors import UserError
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator, count_parameters, device
from gansr.networks.weight_files import load_weights, save_weights
from gansr.progress import Progress
from gansr.training.snapshots import MonitoredPatch, Snapshots, load_patches
from gansr.training.state_folder import StateFolder
from gansr.training.step import NotFiniteError, TrainingStep

logger = logging.getLogger("gansr")

LOG_LINES = 200  # about so many lines in a training's log.jsonl
CHECKPOINT_SECONDS = 5.0
CHECKPOINT_SHARE = 0.02  # of the training time may go into saving checkpoints


class InterruptedTrainingError(Exception):
    """A signal asked the training to stop; its state is saved."""


@dataclass(frozen=True)
class TrainingInputs:
    """The files a training reads.

    `start` holds the generator weights it begins with; `mad_patches` the list of patches to keep SR of,
    cut from the benchmark folder `mad_images`.
    """

    patches: Path
    start: Path | None = None
    vgg19: Path | None = None
    mad_patches: Path | None = None
    mad_images: Path | None = None


def train(spec: dict[str, Any], name: str, inputs: TrainingInputs, state: Path, output: Path) -> None:
    """Train the model `spec` describes and publish its files in `output`.

    `output` gets generator.safetensors (the raw weights), generator_ema.safetensors (equal to the raw
    ones where the method keeps no EMA), spec.yaml, log.jsonl, and snapshots.npz where patches are given.

    Raises:
        UserError: an input is unusable, or a loss became NaN or infinite.
        InterruptedTrainingError: SIGTERM, SIGINT or SIGUSR1; run the same command again to go on.
    """
    store = PatchStore(inputs.patches)
    identity = {"spec": spec, "patches": store.sha256, **_digests(inputs)}
    monitored = _monitored_patches(spec, inputs)
    if monitored:
        identity["mad_pixels_sha256"] = hashlib.sha256(
            b"".join(patch.pixels.lr.tobytes() for patch in monitored)
        ).hexdigest()
    folder = StateFolder(state, identity)
    with folder.owned():
        if not folder.finished.exists():
            torch.manual_seed(spec["seed"])
            _Training(spec, name, inputs, store, folder, monitored).run()
        folder.publish(output)


class _Training:
    def __init__(
        self,
        spec: dict[str, Any],
        name: str,
        inputs: TrainingInputs,
        store: PatchStore,
        folder: StateFolder,
        monitored: list[MonitoredPatch],
    ) -> None:
        self.spec, self.name, self.folder, self.inputs, self.store = spec, name, folder, inputs, store
        self.method = spec["method"]
        self.device = device()
        generator = build_generator(spec["generator"], spec["scale"])
        if inputs.start is not None:
            load_weights(generator, inputs.start)
        self.sampler = PatchSampler(store, self.method["patch_size"], self.method["batch_size"], spec["seed"])
        self.step = TrainingStep(generator, self.method, LossContext(spec["seed"], inputs.vgg19), self.device)
        self.snapshots = Snapshots(folder.snapshots, monitored, spec["mad_interval"]) if monitored else None
        self.iteration = 0
        self.seconds = 0.0
        self.resumed_at: list[int] = []

    def run(self) -> None:
        self._resume()
        iterations = self.method["iterations"]
        every = max(1, iterations // LOG_LINES)
        bar = Progress(self.name, iterations, start=self.iteration)
        saving = _CheckpointClock()
        # line buffered: a kill loses no finished line
        with _stop_requests() as stop_requested, self.folder.log.open("a", buffering=1, encoding="utf-8") as log:
            self._snapshot()
            while self.iteration < iterations:
                started = time.monotonic()
                values = self._iterate()
                self.iteration += 1
                self.seconds += time.monotonic() - started
                if self.iteration % every == 0 or self.iteration == iterations:
                    log.write(json.dumps(self._log_line(values)) + "\n")
                self._snapshot()
                bar.advance()
                if stop_requested():
                    self._save()
                    raise InterruptedTrainingError(f"{self.name}: stopped at iteration {self.iteration}, state saved")
                if saving.due():
                    saving.timed(self._save)
        bar.close()
        self._finish()

    def _iterate(self) -> dict[str, Tensor]:
        lr, hr = _to_device(self.sampler.batch(), self.device)
        try:
            return self.step(lr, hr)
        except NotFiniteError as error:
            raise UserError(
                f"{self.name}: iteration {self.iteration + 1}: {error}; the last checkpoint before it, if one was "
                f"saved, is kept in {self.folder.path}; lower the learning rate or a weight"
            ) from None

    def _snapshot(self) -> None:
        if self.snapshots is not None:
            self.snapshots.take(self.step.generator, self.iteration)

    def _log_line(self, values: dict[str, Tensor]) -> dict[str, Any]:
        losses = {name: round(value.item(), 8) for name, value in values.items()}
        return {
            "iteration": self.iteration,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.step.learning_rate,
            "losses": losses,
        }

    def _save(self) -> None:
        self.folder.save(
            {
                "iteration": self.iteration,
                "seconds": self.seconds,
                "resumed_at": self.resumed_at,
                "sampler": self.sampler.state(),
                "step": self.step.state(),
            }
        )

    def _resume(self) -> None:
        state = self.folder.load()
        if state is not None:
            try:
                self.step.restore(state["step"])
                self.sampler.restore(state["sampler"])
                self.iteration, self.seconds = state["iteration"], state["seconds"]
                self.resumed_at = [*state["resumed_at"], self.iteration]
            except (KeyError, TypeError, ValueError, RuntimeError):
                raise UserError(f"{self.folder.checkpoint}: not a checkpoint of this training; remove it") from None
            logger.info("%s: going on after iteration %d", self.name, self.iteration)
        _truncate_log(self.folder.log, self.iteration)
        if self.snapshots is not None:
            self.snapshots.forget_after(self.iteration)

    def _finish(self) -> None:
        generator = self.step.generator
        averaged = self.step.ema.module if self.step.ema is not None else generator
        with atomic_folder(self.folder.finished) as finished:
            save_weights(finished / "generator.safetensors", generator.state_dict())
            save_weights(finished / "generator_ema.safetensors", averaged.state_dict())
            if self.snapshots is not None:
                self.snapshots.collect(finished / "snapshots.npz")
            (finished / "log.jsonl").write_bytes(self.folder.log.read_bytes())
            text = yaml.safe_dump(self._description(), sort_keys=False, allow_unicode=True)
            (finished / "spec.yaml").write_text(text, encoding="utf-8")
        # what resumes a training is of no more use, and the optimizer's state is large
        self.folder.checkpoint.unlink(missing_ok=True)

    def _description(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "spec": dict(self.spec),
            "inputs": {
                "patch_store_sha256": self.store.sha256,
                "training_images": list(self.store.names),
                **_digests(self.inputs),
            },
            "parameters": count_parameters(self.step.generator),
            "device": str(self.device),
            "torch": str(torch.__version__),
            "seconds": round(self.seconds, 1),
            "resumed_at": self.resumed_at,
        }


def _monitored_patches(spec: dict[str, Any], inputs: TrainingInputs) -> list[MonitoredPatch]:
    if spec["mad_interval"] is None or inputs.mad_patches is None or inputs.mad_images is None:
        return []
    return load_patches(inputs.mad_patches, inputs.mad_images, spec["scale"])


class _CheckpointClock:
    """When to save: every 5 seconds, or so rarely that saving takes 2 % of the time."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.cost = 0.0

    def due(self) -> bool:
        return time.monotonic() - self.last > max(CHECKPOINT_SECONDS, self.cost / CHECKPOINT_SHARE)

    def timed(self, save: Callable[[], None]) -> None:
        started = time.monotonic()
        save()
        self.last = time.monotonic()
        self.cost = self.last - started


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM, SIGINT and SIGUSR1 into a flag, so that an iteration ends before the training does."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _to_device(batch: PatchBatch, place: torch.device) -> tuple[Tensor, Tensor]:
    """Patches as N x 3 x H x W float32 in [0, 1] on the device, each one flipped as the batch says."""
    return tuple(_augment(torch.from_numpy(pixels).to(place), batch) for pixels in (batch.lr, batch.hr))  # type: ignore[return-value]


def _augment(pixels: Tensor, batch: PatchBatch) -> Tensor:
    images = pixels.permute(0, 3, 1, 2).float() / 255
    samples = []
    for image, (mirror, flip, transpose) in zip(images, batch.augment, strict=True):
        dims = [dim for dim, wanted in ((2, mirror), (1, flip)) if wanted]
        image = image.flip(dims) if dims else image
        samples.append(image.transpose(1, 2) if transpose else image)
    return torch.stack(samples)


def _truncate_log(file: Path, iteration: int) -> None:
    """Drop the lines after an iteration to which the training goes back, and a half-written one."""
    if not file.exists():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["iteration"] <= iteration:
                kept.append(line + "\n")
        except ValueError:
            break
    file.write_text("".join(kept), encoding="utf-8")


def _digests(inputs: TrainingInputs) -> dict[str, str | None]:
    files = {"start": inputs.start, "vgg19": inputs.vgg19, "mad_patches": inputs.mad_patches}
    return {f"{name}_sha256": checksum(file) if file else None for name, file in files.items()}
