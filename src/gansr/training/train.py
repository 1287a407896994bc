"""Train a model by its job, resuming an earlier attempt if there is one."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from gansr.atomic import atomic_folder
from gansr.checksum import checksum
from gansr.config.training_settings import WatchSettings
from gansr.data.patch_store import PatchStore
from gansr.data.sampler import PatchSampler
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator, count_parameters, device, parameter_groups
from gansr.networks.weight_files import load_weights, save_weights
from gansr.paths import ModelPaths, RunPaths
from gansr.plan.jobs.train import TrainJob
from gansr.training.captured_step import CapturedStep
from gansr.training.engine import Engine
from gansr.training.loader import PatchLoader
from gansr.training.loop import TrainingLoop
from gansr.training.snapshots import MonitoredPatch, Snapshots, load_patches
from gansr.training.state_folder import StateFolder
from gansr.training.step import TrainingStep
from gansr.training.world import World, joined_world

logger = logging.getLogger("gansr")


@dataclass(frozen=True)
class TrainingInputs:
    """The files a training reads.

    `patches` is the patch store, `start` the generator weights to start from, `judges` the weights of judges by their
    names. `mad_patches` is the list of patches whose SR is kept; they are cut from the benchmark folder `mad_images`.
    """

    patches: Path
    start: Path | None = None
    judges: Mapping[str, Path] = field(default_factory=dict)
    mad_patches: Path | None = None
    mad_images: Path | None = None

    def digests(self) -> dict[str, Any]:
        """The checksums of the files, except of the patch store and the images."""
        return {
            "start_sha256": checksum(self.start) if self.start else None,
            "judges": {name: checksum(file) for name, file in self.judges.items()},
            "mad_patches_sha256": checksum(self.mad_patches) if self.mad_patches else None,
        }


def train(
    job: TrainJob,
    name: str,
    inputs: TrainingInputs,
    state: Path,
    output: Path,
    settings: WatchSettings | None = None,
) -> None:
    """Train the model `job` describes and publish its files in `output`.

    `output` gets generator.safetensors (the raw weights), generator_ema.safetensors (equal to the raw
    ones where the method keeps no EMA), spec.yaml, log.jsonl, and snapshots.npz, which has no patches if none are
    given.

    If torchrun has started several processes, all of them call this function; only the first one writes files.

    Args:
        job: everything on which the weights depend, except the files.
        name: the model's name.
        inputs: the files it reads.
        state: where resumable state is kept.
        output: the model's folder.
        settings: when the state is saved, and what is logged.

    Raises:
        UserError: an input is unusable, or a loss became NaN or infinite.
        InterruptedTrainingError: SIGTERM, SIGINT or SIGUSR1; run the same command again to go on.
    """
    settings = settings or WatchSettings()
    store = PatchStore(inputs.patches)
    digests = inputs.digests()
    identity = {"job": job.to_json(), "patches": store.sha256, **digests}
    monitored = _monitored_patches(job, inputs)
    if monitored:
        identity["mad_pixels_sha256"] = hashlib.sha256(
            b"".join(patch.pixels.lr.tobytes() for patch in monitored)
        ).hexdigest()
    folder = StateFolder(state, identity)
    with joined_world() as world, folder.owned() if world.is_first else nullcontext():
        world.wait()  # until the first process has locked the folder
        if not folder.finished.exists():
            loop = _training_loop(job, name, inputs, store, folder, monitored, settings, world)
            loop.run()
            if world.is_first:
                _finish(folder, loop, _description(job, name, store, digests, loop))
            world.wait()
        if world.is_first:
            folder.publish(output)


def _training_loop(
    job: TrainJob,
    name: str,
    inputs: TrainingInputs,
    store: PatchStore,
    folder: StateFolder,
    monitored: list[MonitoredPatch],
    settings: WatchSettings,
    world: World,
) -> TrainingLoop:
    torch.manual_seed(job.seed)
    method = job.method.model_dump(mode="json")
    engine = Engine.of_settings(device(world.local_rank), job.training, job.generator["network"])
    engine.prepare()
    generator = build_generator(job.generator, job.scale)
    if inputs.start is not None:
        load_weights(generator, inputs.start)
    context = LossContext(job.seed, inputs.judges)
    step = TrainingStep(generator, method, context, engine, world, parameter_groups(job.generator))
    torch.manual_seed(job.seed + world.rank)  # the weights above are equal in all processes, noise in training is not
    sampler = PatchSampler(store, method["patch_size"], method["batch_size"], job.seed)
    loader = PatchLoader(sampler, world.share(method["batch_size"]), engine.device, settings.prefetch)
    snapshots = None
    if monitored and job.mad_interval is not None and world.is_first:
        snapshots = Snapshots(folder.snapshots, monitored, job.mad_interval)
    board = state_board(folder) if settings.tensorboard else None
    return TrainingLoop(
        name,
        method["iterations"],
        CapturedStep(step) if engine.graph else step,
        step,
        loader,
        folder,
        snapshots,
        world,
        settings.checkpoint_every,
        job.training.skip_not_finite,
        board,
    )


def state_board(folder: StateFolder) -> Path:
    """Where TensorBoard's files of a training are: beside the states of the run that it belongs to."""
    model = folder.path.parent
    return RunPaths(model.parents[1]).tensorboard(model.name)


def _finish(folder: StateFolder, loop: TrainingLoop, description: dict[str, Any]) -> None:
    with atomic_folder(folder.finished) as finished:
        for file, network in loop.step.published.items():
            save_weights(finished / f"{file}.safetensors", network.state_dict())
        snapshots = loop.snapshots or Snapshots(folder.snapshots, [], 1)  # without patches if none are monitored
        files = ModelPaths(finished)
        snapshots.collect(files.snapshots)
        files.training_log.write_bytes(folder.log.read_bytes())
        text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
        files.spec.write_text(text, encoding="utf-8")
    folder.discard_checkpoints()


def _description(
    job: TrainJob, name: str, store: PatchStore, digests: dict[str, Any], loop: TrainingLoop
) -> dict[str, Any]:
    place = loop.step.engine.device
    return {
        "model": name,
        "job": job.model_dump(mode="json"),
        "inputs": {"patch_store_sha256": store.sha256, "training_images": list(store.names), **digests},
        "parameters": count_parameters(loop.step.published["generator"]),
        "device": torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu",
        "processes": loop.world.size,
        "torch": str(torch.__version__),
        "seconds": round(loop.seconds, 1),
        "resumed_at": loop.resumed_at,
        "skipped": loop.skipped,
    }


def _monitored_patches(job: TrainJob, inputs: TrainingInputs) -> list[MonitoredPatch]:
    if job.mad_interval is None or inputs.mad_patches is None or inputs.mad_images is None:
        return []
    return load_patches(inputs.mad_patches, inputs.mad_images, job.scale)
