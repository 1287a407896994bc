"""Write a table in all its forms: CSV, Markdown, LaTeX, notes, and a CSV of measured and published values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gansr.atomic import atomic_file, write_text
from gansr.errors import UserError
from gansr.paths import RunPaths
from gansr.plan.jobs.table import TableJob
from gansr.reporting.cube import Cube
from gansr.reporting.markup import markdown
from gansr.reporting.metrics import METRICS
from gansr.reporting.published import beside_published, measured_values, published_values
from gansr.reporting.table_forms import as_csv, as_latex, as_markdown
from gansr.reporting.table_notes import NOT_THE_PAPERS, notes
from gansr.reporting.training_words import perceptual_words, read_spec, scale_line


def write_table(job: TableJob, images: dict[str, list[str]], run_folder: Path, published: Path | None) -> None:
    """Write results/<run>/tables/<table>.csv, .md, .tex, _notes.md and _vs_published.csv.

    Args:
        job: what the table shows.
        images: the names of the images of each benchmark.
        run_folder: results/<run>.
        published: the file with the published values; None where the table has none.

    Raises:
        UserError: scores or the published values are missing, incomplete or unreadable.
    """
    cube = Cube(job, images, run_folder)
    specs = _specs(job, run_folder)
    test_images = sum(map(len, cube.benchmarks.values()))
    scale = scale_line(job.run, job.scale, list(specs.values()), f"{test_images} test images")
    beside = beside_published(measured_values(cube), published_values(cube, _required(job, published)), job.scale)
    notes_text = notes(cube, specs, scale, set(beside[beside["published"].notna()]["model"]))
    caption = " ".join([f"{job.table.title}.", scale, *perceptual_words(list(specs.values()))])
    caption += f" Not a reproduction {NOT_THE_PAPERS}" if job.table.published else ""

    paths = RunPaths(run_folder)
    _write_csv(paths.table(job.name, "_vs_published.csv"), beside)
    write_text(paths.table(job.name, "_notes.md"), notes_text)
    write_text(paths.table(job.name, ".tex"), as_latex(cube, caption))
    text = f"# {job.table.title}\n\n{as_markdown(cube)}\n\n{_published_part(cube, beside)}{notes_text}"
    write_text(paths.table(job.name, ".md"), text)
    _write_csv(paths.table(job.name, ".csv"), as_csv(cube))


def _required(job: TableJob, published: Path | None) -> Path | None:
    if job.table.published and published is None:
        raise UserError(f"--published is missing: the values that {job.table.published.file} holds stand beside it")
    return published


def _specs(job: TableJob, run_folder: Path) -> dict[str, dict[str, Any]]:
    """The spec of every model, by folder: in the table's order, then the parents of interpolated ones."""
    shown = [entry.folder for entry in job.entries if entry.folder]
    return {folder: read_spec(run_folder, folder) for folder in dict.fromkeys([*shown, *job.models])}


def _write_csv(file: Path, table: pd.DataFrame) -> None:
    with atomic_file(file) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")


def _published_part(cube: Cube, beside: pd.DataFrame) -> str:
    """The section with the paper's values for the models of the table; empty if there are none."""
    published = cube.job.table.published
    if published is None:
        return ""
    # benchmarks in `also` repeat the values of another benchmark, which has a row of its own
    printed = beside[beside["published"].notna() & ~beside["benchmark"].isin(list(published.also))]
    if printed.empty:
        return ""
    shared = printed["measured"].notna().any()
    wide = printed.pivot_table(index=["metric", "benchmark"], columns="model", values="published", sort=False)
    digits = {METRICS[name].label: METRICS[name].digits for name in cube.metrics}
    digits |= {label: number for label, number in published.digits.items() if label in digits}
    wide = wide[[metric in digits for metric in wide.index.get_level_values(0)]]
    rows = [
        [metric, benchmark, *("" if pd.isna(value) else f"{value:.{digits[metric]}f}" for value in values)]
        for (metric, benchmark), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    text = markdown(["metric", "benchmark", *map(str, wide.columns)], rows, text_columns=2)
    remark = "" if shared else " The paper tested on other images, so that no difference can be given."
    return f"## Published\n\nThe paper's values of the same columns.{remark}\n\n{text}\n\n"
