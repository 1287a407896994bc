"""The notes of a table: the models, the protocols, why cells are empty, and the differences between models."""

from __future__ import annotations

from typing import Any

from gansr.config.tables import PUBLISHED_SCALE
from gansr.plan.jobs.table import TableJob
from gansr.reporting.cube import Cube
from gansr.reporting.metrics import METRICS
from gansr.reporting.scores import UNDECIDED
from gansr.reporting.statistics import FEWEST_FOR_A_VERDICT
from gansr.reporting.training_words import perceptual_words, training_words

NOT_THE_PAPERS = "of the paper's setting."
MARK = (
    "its paired difference to the next best is within its interval of zero, or there are fewer than "
    f"{FEWEST_FOR_A_VERDICT} images. FID has no interval, because no image has an FID of its own."
)


def notes(cube: Cube, specs: dict[str, dict[str, Any]], scale: str, compared: set[str]) -> str:
    """The notes as Markdown.

    Args:
        cube: the table's scores.
        specs: spec.yaml by folder, of the models that the notes describe, in their order.
        scale: the size of the run in one sentence (`training_words.scale_line`).
        compared: the names of models for which there are published values.
    """
    job = cube.job
    of_paper = f" It is not a reproduction {NOT_THE_PAPERS}" if job.table.published else ""
    lines = ["## Notes", "", f"**Scale of this run.** {scale}{of_paper}", ""]
    lines += _models(cube, specs, compared)
    lines += ["", "**Protocols.**", ""]
    for metric, protocol, columns in cube.protocols():
        of_columns = f" of {', '.join(columns)}" if columns else ""
        lines.append(f"- {METRICS[metric].label}{of_columns}: {protocol}")
    empty = [f"{METRICS[metric].label}: {reason}" for metric, reason in cube.unavailable().items()]
    published_only = [f"{column}: {reason}" for column, reason in job.published_only.items()]
    lines += _list("**Empty cells.**", empty)
    lines += _list("**Published values only**, of systems that do not exist here:", published_only)
    lines += _list("**Seeds.** Cells are means over seeds. Standard deviations of the mean over seeds:", cube.spreads())
    lines += ["", f"**{UNDECIDED}** beside a best value: {MARK}"]
    lines += _list(
        "**Intervals** are 95 % bootstrap intervals over the test images, paired for differences. They say nothing "
        f"about another seed, and with fewer than {FEWEST_FOR_A_VERDICT} images they are too narrow to show "
        "a difference.",
        cube.comparisons(),
        always=True,
    )
    lines += [f"\n{remark}" for remark in _remarks(job)]
    return "\n".join(lines) + "\n"


def _list(heading: str, items: list[str], always: bool = False) -> list[str]:
    return ["", heading, "", *(f"- {item}" for item in items)] if items or always else []


def _models(cube: Cube, specs: dict[str, dict[str, Any]], compared: set[str]) -> list[str]:
    """How each model was made, with which weights it was tested, and with which column of the paper it is compared."""
    job = cube.job
    words = {folder: training_words(spec, job.seeds.get(folder)) for folder, spec in specs.items()}
    lines = [f"- {spec['model']}: {job.models[folder]}; {words[folder]}" for folder, spec in specs.items()]
    lines += [f"- {tested}" for tested in _tested_weights(cube)]
    beside = [entry for entry in job.entries if entry.published and entry.name in compared]
    if beside:
        pairs = ", ".join(f"{entry.name} beside its {entry.published}" for entry in beside)
        lines.append(f"- Of the paper's columns: {pairs}")
    if job.table.published and job.scale != PUBLISHED_SCALE:
        lines.append(f"- The paper's table is x{PUBLISHED_SCALE}: nothing published stands beside this one")
    return lines + [f"- {words}" for words in perceptual_words(list(specs.values()))]


def _tested_weights(cube: Cube) -> list[str]:
    """Which weights each model was tested with."""
    words = {"ema": "EMA", "raw": "raw"}
    if cube.job.table.models_are_rows:
        return [f"Row {e.name}: {words[e.weights]} weights of {e.model}" for e in cube.entries if e.weights]
    by_weights: dict[str, list[str]] = {}
    for entry in cube.entries:
        if entry.weights:
            by_weights.setdefault(entry.weights, []).append(entry.name)
    return [f"Tested with {words[kind]} weights: {', '.join(names)}" for kind, names in by_weights.items()]


def _remarks(job: TableJob) -> list[str]:
    """The remarks of the table that apply to this run."""
    compared = any(entry.published for entry in job.entries)
    return [
        remark.text
        for remark in job.table.remarks
        if (not remark.benchmarks or set(remark.benchmarks) & set(job.benchmarks)) and (compared or not remark.compared)
    ]
