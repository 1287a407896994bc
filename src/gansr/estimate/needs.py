"""The lines that a dry run ends with: number of jobs, GPU hours, disk, and files that must be obtained by hand."""

from __future__ import annotations

from dataclasses import dataclass

from gansr.config.rates import Rates
from gansr.estimate.disk import Disk
from gansr.estimate.gpu_hours import gpu_hours
from gansr.plan.plan import Plan
from gansr.plan.run_jobs import by_hand

GIGABYTE = 1e9


@dataclass(frozen=True)
class Jobs:
    """The jobs that are still to do: their number, and what they make."""

    total: int
    trained: list[str]  # models, by name
    fetched: list[str]  # datasets
    weights: list[str]
    prepared: list[str]  # datasets
    patch_stores: list[str]  # datasets
    upscaled: list[str]  # benchmarks, once for every model tested on it


def needs(plan: Plan, jobs: Jobs, rates: Rates, gpus: int) -> list[str]:
    """What a run with these jobs needs, one line for each kind; `gpus` is the number that may be used at once."""
    lines = [f"{jobs.total} jobs", _gpu_line(plan, jobs, rates, gpus), _disk_line(plan, jobs)]
    for name, dataset in plan.datasets.items():
        if name in jobs.fetched and not dataset.sources:
            lines.append(f"by hand: {name}: {by_hand(plan, name)}")
    for name, expected in plan.catalog.weights.items():
        file = plan.weight_file(name)
        if name in jobs.weights and not expected.addresses and not file.is_file():
            lines.append(f"by hand: {name}: {expected.ask}; put {file.name} into {file.parent}")
    return lines


def _gpu_line(plan: Plan, jobs: Jobs, rates: Rates, gpus: int) -> str:
    hours = gpu_hours(plan, rates)
    known = [hours[name] for name in jobs.trained]
    total = sum(value for value in known if value is not None)
    line = f"{_rounded(total)} GPU hours for {len(jobs.trained)} trainings at the stated rates of one {rates.gpu}"
    line += f" (config/rates.yaml); {_rounded(total / gpus)} hours on {gpus}" if gpus > 1 else " (config/rates.yaml)"
    unknown = [name for name in jobs.trained if hours[name] is None]
    return line + (f"; without {', '.join(unknown)}, of whose network no rate is known" if unknown else "")


def _disk_line(plan: Plan, jobs: Jobs) -> str:
    disk = Disk(plan)
    parts = {
        "to download": disk.archives(jobs.fetched, jobs.weights),
        "prepared images": disk.images(jobs.prepared),
        "patch stores": disk.patch_stores(jobs.patch_stores),
        "SR images": disk.sr_images(jobs.upscaled),
        "models at most": disk.models(jobs.trained),
    }
    told = ", ".join(f"{what} {_rounded(size / GIGABYTE)}" for what, size in parts.items() if size)
    without = f"; not counted, of unknown size: {', '.join(sorted(disk.unknown))}" if disk.unknown else ""
    return f"about {_rounded(sum(parts.values()) / GIGABYTE)} GB of disk ({told}){without}"


def _rounded(value: float) -> str:
    """The value with two significant digits; an estimate is not more exact."""
    return f"{float(f'{value:.2g}'):,.{0 if value >= 9.95 else 1 if value >= 0.995 else 2}f}"
