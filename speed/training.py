"""Speed of training, compared with a plain eager float32 step as in the papers' code, in one process.

    python speed/training.py --networks rrdb --methods ldl --batch 16 --precision bf16 --graph --compile

Prints for each network and method iterations and samples per second of both, their ratio, peak memory, and on a GPU the
networks' FLOP per second relative to the measured rate of a large matrix product. Both steps train on the same random
batch; data loading is measured by speed/patch_store.py.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from plain_step import PlainStep
from torch.utils.flop_counter import FlopCounterMode

from gansr.config.method import Method, network_options
from gansr.config.method_files import read_method
from gansr.config.training_settings import ResultSettings
from gansr.losses.base import LossContext
from gansr.networks.build import build_generator, device
from gansr.schema.loading import validate
from gansr.training.captured_step import WARM_UP, CapturedStep
from gansr.training.engine import Engine
from gansr.training.step import TrainingStep

METHODS = {"pretrain": "psnr", "gan": "gan", "ldl": "ldl", "beby": "beby"}
NETWORKS = ("srresnet", "rrdb", "swinir")
SCALE = 4
MATRIX = 8192  # rows and columns of the matrices whose product measures the device's rate


def method_of(name: str, batch: int, patch: int | None) -> dict[str, Any]:
    """A method as in its file, with random weights for VGG19, with which it takes the same time."""
    raw = read_method(Path(__file__).parents[1] / "config" / "methods", METHODS[name])
    if "perceptual" in raw["losses"]:
        raw["losses"]["perceptual"] |= {"weights": "random"}
    raw |= {"batch_size": batch} | ({"patch_size": patch} if patch else {})
    return validate(Method, raw, name).model_dump(mode="json")


def fast_step(network: str, size: dict[str, Any], method: dict[str, Any], engine: Engine) -> TrainingStep:
    """This project's step, always with the same initial weights."""
    torch.manual_seed(0)
    generator = build_generator(network_options("generator", {"network": network, **size}), SCALE)
    return TrainingStep(generator, method, LossContext(0), engine)


def batch_of(method: dict[str, Any], place: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """A random batch; the same every time."""
    random = torch.Generator().manual_seed(0)
    size, count = method["patch_size"], method["batch_size"]
    shapes = [(count, 3, side, side) for side in (size // SCALE, size)]
    lr, hr = (torch.rand(shape, generator=random).to(place) for shape in shapes)
    return lr, hr


def seconds(run: Callable[[], Any], warm_up: int, iterations: int) -> float:
    """Seconds of an iteration: on a CPU the best of all, on a GPU, which runs asynchronously, the mean."""
    for _ in range(warm_up):
        run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(iterations):
            run()
        torch.cuda.synchronize()
        return (time.perf_counter() - started) / iterations
    times = []
    for _ in range(iterations):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def matrix_rate() -> float:
    """FLOP a second of a large bf16 product on the GPU."""
    one, other = (torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return float(2 * MATRIX**3 / seconds(lambda: one @ other, 3, 10))


def flop(step: TrainingStep, lr: torch.Tensor, hr: torch.Tensor) -> int:
    """FLOP of one iteration: its convolutions and products, backward passes included."""
    with FlopCounterMode(display=False) as counter:
        step(lr, hr)
    return int(counter.get_total_flops())


def memory() -> float:
    """Peak memory in GiB: of the GPU since it was reset, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(network: str, name: str, arguments: argparse.Namespace, rate: float | None) -> str:
    """One line of the table."""
    size = {key: getattr(arguments, key) for key in ("features", "blocks") if getattr(arguments, key)}
    method = method_of(name, arguments.batch, arguments.patch)
    place = device()
    settings = ResultSettings(
        precision=arguments.precision,
        channels_last=not arguments.nchw,
        compile=arguments.compile,
        graph=arguments.graph,
    )
    engine = Engine.of_settings(place, settings, network)
    step = fast_step(network, size, method, engine)
    lr, hr = batch_of(method, engine.device)
    torch.backends.cudnn.benchmark = True
    slow = None
    if not arguments.fast_only:
        torch.backends.cudnn.allow_tf32 = True  # torch's default, as the papers' code leaves it
        slow = seconds(partial(PlainStep(step), lr, hr), 2, arguments.iterations)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    engine.prepare()
    # counted on another step without compilation: blocks compiled under the counter would not be compiled again later
    work = flop(fast_step(network, size, method, replace(engine, compile=False, graph=False)), lr, hr)
    iterate: Callable[[Any, Any], Any] = CapturedStep(step) if engine.graph else step
    fast = seconds(partial(iterate, lr, hr), WARM_UP + 1, arguments.iterations)
    share = f"{work / fast / rate:6.1%}" if rate else ""
    plain_words = f"{1 / slow:9.2f} {slow / fast:6.2f}x" if slow else f"{'':9} {'':7}"
    return (
        f"{network:9} {name:9} {1 / fast:9.2f} {arguments.batch / fast:10.1f} {plain_words} "
        f"{memory():8.2f} {work / 1e12:7.2f} {share}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, help="HR pixels instead of the method's")
    parser.add_argument("--features", type=int, help="of the generator instead of the papers'")
    parser.add_argument("--blocks", type=int, help="of the generator instead of the papers'")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "tf32", "bf16"))
    parser.add_argument("--graph", action="store_true", help="capture the step, on a GPU")
    parser.add_argument("--compile", action="store_true", help="compile the generator's blocks")
    parser.add_argument("--nchw", action="store_true", help="torch's default memory format")
    parser.add_argument("--fast-only", action="store_true", help="leave the plain step out")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    on_gpu = torch.cuda.is_available()
    rate = matrix_rate() if on_gpu else None
    where = torch.cuda.get_device_name() if on_gpu else f"CPU, {arguments.threads} threads"
    measured = f", bf16 matrix product {rate / 1e12:.0f} TFLOP/s" if rate else ""
    print(f"{where}, torch {torch.__version__}{measured}")
    print(f"batch {arguments.batch}, {arguments.precision}, graph {arguments.graph}, compile {arguments.compile}")
    print(
        f"{'network':9} {'method':9} {'it/s':>9} {'samples/s':>10} {'plain it/s':>9} {'ratio':>6} {'GiB':>8} "
        f"{'TFLOP':>7} share"
    )
    for network in arguments.networks:
        for name in arguments.methods:
            print(measure(network, name, arguments, rate), flush=True)


if __name__ == "__main__":
    main()
