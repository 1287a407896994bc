"""The command line: one verb per step of the workflow, each of which also works by hand.

Every verb takes its slice of the configuration as JSON and its files as options; the Snakefile fills
them in, and each log opens with the line that made it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from gansr.errors import UserError
from gansr.progress import Progress

logger = logging.getLogger("gansr")

app = typer.Typer(
    help="Train and compare GAN-based super-resolution methods under equal conditions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

LogFile = Annotated[Path | None, typer.Option("--log", help="Also write messages to this file.")]
Slice = Annotated[str, typer.Option("--spec", help="The step's slice of the configuration, as JSON.")]
Threads = Annotated[int, typer.Option(help="CPU threads for torch.")]
Gpus = Annotated[int, typer.Option(help="GPUs to take; on a machine without any, the CPU is used.")]
Output = Annotated[Path, typer.Option(help="Where the result goes; it appears when it is complete.")]
INTERRUPTED = 75  # "try again": the state is saved


def main() -> NoReturn:
    """Run a verb; a user's mistake prints one line and exits with 1."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        logger.error("error: %s", error)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            logger.error("error: %s: the disk is full; make room and run again", _output_of(sys.argv))
            sys.exit(1)
        place = f"{error.filename}: " if error.filename else ""
        logger.error("error: %s%s", place, error.strerror)
        sys.exit(1)
    except Exception:
        logger.exception("an error in gansr itself")
        sys.exit(70)
    sys.exit(0)


def _output_of(arguments: list[str]) -> str:
    """What a command line writes to."""
    after = [following for word, following in pairwise(arguments) if word in ("--output", "--run-folder")]
    return after[0] if after else str(Path.cwd())


def _start(log: Path | None) -> None:
    """Messages to stderr, and to the log file, which opens with the command line."""
    from gansr.training import launch

    logger.setLevel(logging.INFO if launch.rank() == 0 else logging.ERROR)
    logger.propagate = False
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("gansr: %(message)s"))
    logger.handlers[:] = [console]
    if log is not None:
        Progress.lines_only = True
        log.parent.mkdir(parents=True, exist_ok=True)
        # torchrun's processes go on with the log of the process that became torchrun
        file = logging.FileHandler(log, mode="a" if launch.is_launched() else "w", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(file)
        if not launch.is_launched():
            file.emit(logging.makeLogRecord({"msg": f"gansr {shlex.join(sys.argv[1:])}"}))


def _take_devices(gpus: int, threads: int) -> None:
    """Devices and threads, before torch is imported and looks at them."""
    from gansr.gpu_lease import lease_gpus

    lease_gpus(gpus)
    os.environ["OMP_NUM_THREADS"] = str(threads)


def _parse(spec: str) -> dict[str, Any]:
    try:
        return _Slice(json.loads(spec))
    except (ValueError, TypeError) as error:
        raise UserError(f"--spec: not JSON, or no mapping: {error}") from None


def _read_json(file: Path) -> dict[str, Any]:
    """A file that the Snakefile writes when a run starts."""
    try:
        return _parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; the Snakefile writes it when a run starts") from None


class _Slice(dict[str, Any]):
    """A slice of the configuration that says in one line what it lacks."""

    def __missing__(self, key: str) -> Any:
        raise UserError(f"--spec: {key} is missing; copy the line from the step's log")


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="A run's config file.")] = Path("config/config.yaml"),
) -> None:
    """Check a run's configuration as a whole, and list its models."""
    from gansr.config.loading import read_yaml
    from gansr.config.plan import load_plan
    from gansr.config.planned_models import TrainedModel

    _start(None)
    plan = load_plan(read_yaml(config), str(config))
    for model in plan.models.values():
        if isinstance(model, TrainedModel):
            start = f" from {model.start}" if model.start else ""
            made = f"{model.method_name} ({model.method.variant}) on {model.dataset}{start}, seed {model.seed}"
        elif model.name in plan.released:
            made = f"released as {plan.weight_file(plan.released[model.name].weights).name}"
        else:
            first, second = plan.interpolated[model.name].between
            made = f"{plan.interpolated[model.name].alpha:g} of the way from {first} to {second}"
        typer.echo(f"{model.name}: {model.generator}, {made}")


@app.command()
def schema() -> None:
    """Print the JSON schema of a run's config file."""
    from gansr.config.run import json_schema

    typer.echo(json_schema(), nl=False)


@app.command()
def fetch(
    request: Annotated[Path, typer.Option(help="A JSON file: title, sources, by_hand, folder, download.")],
    output: Annotated[Path, typer.Option(help="The receipt: which file it was, and its checksum.")],
    log: LogFile = None,
) -> None:
    """An archive or a file of weights, verified; a transfer that broke off goes on where it was."""
    from gansr.config.loading import validate
    from gansr.config.remote_file import RemoteFile
    from gansr.data.receipts import fetch as fetch_file

    _start(log)
    data = _read_json(request)
    sources = [validate(RemoteFile, source, str(request)) for source in data["sources"]]
    fetch_file(data["title"], sources, data["by_hand"], Path(data["folder"]), data["download"], output)


@app.command()
def images(
    spec: Slice,
    output: Output,
    receipt: Annotated[Path | None, typer.Option(help="What fetch wrote, for a dataset from an archive.")] = None,
    archives: Annotated[Path, typer.Option(help="The folder of the archive.")] = Path("datasets"),
    threads: Annotated[int, typer.Option(help="Images worked on side by side.")] = 1,
    log: LogFile = None,
) -> None:
    """HR and LR images of a dataset."""
    from gansr.config.dataset import Dataset
    from gansr.config.loading import validate
    from gansr.data.fetched import prepare_fetched
    from gansr.data.prepare import prepare_images

    _start(log)
    data = _parse(spec)
    dataset = validate(Dataset, data["dataset"], "--spec")
    if receipt is None:
        prepare_images(dataset, data["name"], data["scale"], output, threads)
    else:
        prepare_fetched(dataset, data["name"], data["scale"], receipt, archives, output, threads)


@app.command()
def subset(
    spec: Slice,
    images: Annotated[Path, typer.Option(help="The whole benchmark's folder with HR and LR.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """A benchmark without its gray images."""
    from gansr.data.subset import leave_out_gray

    _start(log)
    data = _parse(spec)
    leave_out_gray(images, data["name"], data["dataset"].get("images"), output)


@app.command()
def patch_store(
    images: Annotated[list[Path], typer.Option(help="A dataset's folder with HR and LR; several make a union.")],
    scale: Annotated[int, typer.Option(help="HR is so many times larger than LR.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """Training images as a memory-mapped patch store; the same command goes on where it was stopped."""
    from gansr.data.patch_store import build_patch_store

    _start(log)
    build_patch_store(images, scale, output)


@app.command()
def mad_patches(
    spec: Slice,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with HR and LR.")],
    scale: Annotated[int, typer.Option(help="HR is so many times larger than LR.")],
    output: Output,
    log: LogFile = None,
) -> None:
    """The patches whose SR is kept during fine-tuning."""
    from gansr.data.mad_patches import choose_mad_patches

    _start(log)
    choose_mad_patches(images, scale, _parse(spec), output)


@app.command()
def train(
    spec: Slice,
    name: Annotated[str, typer.Option(help="The model's name.")],
    patches: Annotated[Path, typer.Option(help="The patch store to train on.")],
    state: Annotated[Path, typer.Option(help="Where resumable state is kept.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    start: Annotated[Path | None, typer.Option(help="Generator weights to start from.")] = None,
    vgg19: Annotated[Path | None, typer.Option(help="VGG19 weights of the perceptual loss.")] = None,
    mad_patches: Annotated[Path | None, typer.Option(help="The patches to keep SR of.")] = None,
    mad_images: Annotated[Path | None, typer.Option(help="The benchmark folder they lie in.")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A JSON file: prefetch, checkpoint_every, tensorboard; none means the defaults.")
    ] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """Pretrain or fine-tune a generator; the same command goes on where it was stopped."""
    from gansr.config.loading import validate
    from gansr.config.training_settings import TrainingSettings
    from gansr.training import launch

    _start(log)
    data = _parse(spec)
    watched = validate(TrainingSettings, _read_json(settings) if settings else {}, str(settings))
    processes = _Slice(data["training"])["gpus"]
    if not launch.is_launched():
        _take_devices(gpus, threads)
        if processes > 1:
            launch.become_torchrun(processes)
    elif launch.size() != processes:
        raise UserError(f"torchrun started {launch.size()} processes and training.gpus is {processes}; make them equal")
    from gansr.training.loop import InterruptedTrainingError
    from gansr.training.train import TrainingInputs
    from gansr.training.train import train as train_model

    if vgg19 is not None:
        _verify_weights("vgg19", vgg19)
    inputs = TrainingInputs(patches, start, vgg19, mad_patches, mad_images)
    try:
        train_model(data, name, inputs, state, output, watched)
    except InterruptedTrainingError as stop:
        logger.info("%s", stop)
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def status(
    run_folder: Annotated[
        list[Path] | None, typer.Argument(help="results/<run>; by default every folder in results.")
    ] = None,
) -> None:
    """Which models are at which iteration, how fast, and when they will be done."""
    from gansr.reporting.status import status_table

    _start(None)
    begun = {file.parents[3] for file in Path("results").glob("*/state/*/*/progress.json")}
    folders = run_folder or sorted(begun)
    if not folders:
        raise UserError("results: no run has begun to train; name its folder")
    for folder in folders:
        typer.echo(status_table(folder))


@app.command()
def interpolate(
    spec: Slice,
    first: Annotated[Path, typer.Option(help="Generator weights that stand for alpha 0.")],
    second: Annotated[Path, typer.Option(help="Generator weights that stand for alpha 1.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    log: LogFile = None,
) -> None:
    """A model between two others, weight by weight."""
    _start(log)
    from gansr.networks.interpolation import interpolate_models

    interpolate_models(_parse(spec), name, first, second, output)


@app.command()
def adopt(
    spec: Slice,
    weights: Annotated[Path, typer.Option(help="The released checkpoint, as config/weights.yaml lists it.")],
    listed: Annotated[str, typer.Option(help="Its name there.")],
    name: Annotated[str, typer.Option(help="The model's name.")],
    output: Annotated[Path, typer.Option(help="The model's folder.")],
    log: LogFile = None,
) -> None:
    """A model from weights that others have released."""
    _start(log)
    _verify_weights(listed, weights)
    from gansr.networks.released import adopt_released_model

    adopt_released_model(_parse(spec), name, weights, output)


@app.command()
def upscale(
    spec: Slice,
    images: Annotated[Path, typer.Option(help="A benchmark's folder with LR.")],
    output: Output,
    weights: Annotated[Path | None, typer.Option(help="Generator weights; without, MATLAB bicubic.")] = None,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """SR images of a benchmark."""
    _start(log)
    _take_devices(gpus if weights is not None else 0, threads)
    from gansr.inference import bicubic_upscale, generator_upscale, upscale_benchmark, upscale_luma

    data = _parse(spec)
    if data.get("luma_alone"):
        upscale_luma(images, data["scale"], output.parent.name, output)
        return
    if weights is None:
        upscaler = bicubic_upscale(data["scale"])
    else:
        upscaler = generator_upscale(data["generator"], data["scale"], weights)
    upscale_benchmark(upscaler, images, output.parent.name, output)


@app.command()
def hr_features(
    images: Annotated[Path, typer.Option(help="A benchmark's folder with HR.")],
    metrics: Annotated[str, typer.Option(help="fid, kid or both, separated by a comma.")],
    weights_dir: Annotated[Path, typer.Option(help="The folder of weights.")],
    output: Output,
    gpus: Gpus = 0,
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """What FID and KID need of a benchmark's HR images, for all models tested on it."""
    _start(log)
    wanted = metrics.split(",")
    for metric in wanted:
        if metric not in ("fid", "kid"):
            raise UserError(f'--metrics: "{metric}" has no features of HR; fid and kid have')
    _take_devices(gpus, threads)
    from gansr.config.catalog import Catalog
    from gansr.metrics.hr_features import write_hr_features

    file = weights_dir / Catalog.nearest().weights["inception"].file
    _verify_weights("inception", file)
    title = f"HR of {images.resolve().parents[1].name}"
    write_hr_features(images / "HR", file, "fid" in wanted, "kid" in wanted, title, output)


@app.command()
def score(
    sr: Annotated[Path, typer.Argument(help="A folder of SR images.")],
    hr: Annotated[Path | None, typer.Argument(help="The folder of their HR images; not for niqe, ma and pi.")] = None,
    metrics: Annotated[
        str,
        typer.Option(help="psnr_y, ssim_y, lpips_alex, lpips_vgg, dists, fid, kid, niqe, ma, pi, separated by commas."),
    ] = "psnr_y,ssim_y",
    protocol: Annotated[
        list[str] | None, typer.Option(help="Another protocol for a metric: psnr_y=y_rounded, or y_images.")
    ] = None,
    crop: Annotated[int | None, typer.Option(min=0, help="Pixels cropped from each side instead of 4.")] = None,
    scale: Annotated[int, typer.Option(min=1, help="Crop HR to a multiple of this first, as the papers do.")] = 1,
    suffix: Annotated[str, typer.Option(help="What SR's names have behind those of HR.")] = "",
    weights_dir: Annotated[
        Path | None, typer.Option(help="The folder of weights; by default `weights` beside `config`.")
    ] = None,
    download: Annotated[bool, typer.Option(help="Download weights that are not there, and verify them.")] = False,
    required: Annotated[
        list[str] | None,
        typer.Option(help="Weights that may not be absent; without those of others, a metric has no values."),
    ] = None,
    skip_absent: Annotated[bool, typer.Option(help="A metric whose weights are absent has no values.")] = False,
    hr_features: Annotated[Path | None, typer.Option(help="What hr-features wrote, else it is computed anew.")] = None,
    output: Annotated[Path | None, typer.Option(help="The CSV file; by default <SR folder>_scores.csv here.")] = None,
    gpus: Gpus = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads; by default all.")] = None,
    log: LogFile = None,
) -> None:
    """Score a folder of SR images: one row per image and metric, each metric by a named protocol."""
    from gansr.config.protocols import chosen_protocols
    from gansr.config.weights import NETWORK_METRICS

    _start(log)
    output = output or Path(f"{sr.resolve().name}_scores.csv")
    if output.suffix == ".json":
        raise UserError(f"--output {output}: the notes on the scores take this name; end it in .csv")
    names = metrics.split(",")
    protocols = chosen_protocols(names, _assignments(protocol or []), crop)
    _take_devices(gpus if set(names) & set(NETWORK_METRICS) else 0, threads or os.cpu_count() or 1)
    from gansr.metrics.score import Task, needs_weights, score_benchmark
    from gansr.metrics.weights import metric_weights

    needed = [metric for metric in names if needs_weights(metric, protocols)]
    weights, absent = metric_weights(needed, weights_dir, download, required or [], skip_absent)
    title = f"{sr.parent.name} on {sr.name}" if log else f"score {sr.name}"
    scores = score_benchmark(Task(sr, hr, protocols, weights, absent, hr_features, scale, suffix, title, bool(log)))
    scores.write(output)
    if log is None:
        from gansr.reporting.score_summary import summary

        typer.echo(summary(scores))
        typer.echo(f"{output}")


def _assignments(words: list[str]) -> dict[str, str]:
    """`name=value` words as a mapping."""
    for word in words:
        if "=" not in word:
            raise UserError(f"--protocol {word}: give metric=protocol, for instance psnr_y=y_rounded")
    return dict(word.split("=", 1) for word in words)


@app.command()
def table(
    name: Annotated[str, typer.Argument(help="ldl_table1, ldl_table2, beby_table1 or beby_table2.")],
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    published: Annotated[Path, typer.Option(help="The paper's printed table.")],
    images: Annotated[list[Path], typer.Option(help="The folders of its benchmarks, <benchmark>/x4/images.")],
    log: LogFile = None,
) -> None:
    """A paper's table from the scores of a run, beside the published one."""
    from gansr.reporting.scores import read_benchmarks
    from gansr.reporting.tables import write_table

    _start(log)
    data = _parse(spec) | {"benchmarks": read_benchmarks(images)}
    write_table(name, data, run_folder, published)


@app.command()
def figure(
    name: Annotated[str, typer.Argument(help="mad_stability or artifact_map.")],
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    mad_patches: Annotated[Path, typer.Option(help="The list of patches (artifact_map).")] = Path("mad_patches.json"),
    images: Annotated[Path, typer.Option(help="The benchmark folder they lie in (artifact_map).")] = Path(),
    threads: Threads = 1,
    log: LogFile = None,
) -> None:
    """A paper's figure from the models of a run."""
    _start(log)
    data = _parse(spec)
    if name == "mad_stability":
        from gansr.reporting.mad_stability import write_mad_stability

        write_mad_stability(data, run_folder)
    elif name == "artifact_map":
        _take_devices(0, threads)
        from gansr.reporting.artifact_map import write_artifact_maps

        write_artifact_maps(data, run_folder, mad_patches, images)
    else:
        raise UserError(f'unknown figure "{name}"; valid: artifact_map, mad_stability')


@app.command()
def provenance(
    spec: Slice,
    run_folder: Annotated[Path, typer.Option(help="results/<run>.")],
    data_dir: Annotated[Path, typer.Option(help="The folder of the prepared datasets.")],
    log: LogFile = None,
) -> None:
    """What a run was made from and with, and how long each job took."""
    from gansr.reporting.provenance import write_provenance

    _start(log)
    write_provenance(_parse(spec), run_folder, data_dir)


def _verify_weights(listed: str, file: Path) -> None:
    """Refuse weights that are not there, or whose content is not what config/weights.yaml says."""
    from gansr.config.catalog import Catalog
    from gansr.data.download import verify

    if not file.is_file():
        raise UserError(
            f"{file}: not there any more; put it there, or remove its receipt (receipts/weights/{listed}.json in "
            f"data_dir) to have it downloaded again"
        )
    verify(Catalog.nearest().weights[listed].model_copy(update={"file": file.name}), file.parent)
