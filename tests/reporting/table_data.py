"""Jobs of tables, made by hand, and what the tables that come of them hold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from gansr.config.catalog import Catalog
from gansr.plan.jobs.table import TableJob
from gansr.reporting import write_table as module

TABLES = Catalog(Path(__file__).parents[2] / "config").tables
FORMS = [".csv", ".md", ".tex", "_notes.md", "_vs_published.csv"]
RANDOM_VGG = {"weight": 1.0, "weights": "random", "width": 16, "layers": {"conv1_2": 1.0}}
PRETRAINED_VGG = {"weight": 1.0, "weights": "pretrained", "width": 64, "layers": {"conv1_2": 1.0}}


def column(name: str, group: str, *, reference: bool = False, published: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "group": group,
        "reference": reference,
        "scored": [name],
        "model": name,
        "folder": name if group else None,
        "weights": "ema" if group else None,
        "published": published,
    }


def table1(*columns: dict[str, Any], benchmarks: dict[str, list[str]], metrics: list[str]) -> dict[str, Any]:
    return {
        "code": 1,
        "run": "test",
        "scale": 4,
        "metrics": metrics,
        "entries": list(columns),
        "models": {column["folder"]: "ldl" for column in columns if column["folder"]},
        "benchmarks": benchmarks,
    }


def job_of(name: str, data: dict[str, Any]) -> TableJob:
    """The job that the data describe: metrics in the table's order, groups where the table has them."""
    table = TABLES[name]
    metrics = [metric for metric in table.metrics if metric in data["metrics"]]
    entries = [entry | ({} if table.group_by else {"group": ""}) for entry in data["entries"]]
    changed = {"name": name, "table": table, "metrics": metrics, "entries": entries}
    return TableJob.model_validate(data | changed | {"benchmarks": list(data["benchmarks"])})


def write_table(name: str, data: dict[str, Any], run_folder: Path, published: Path | None) -> None:
    """Make a table of the project from hand-made data, whose `benchmarks` are images by benchmark."""
    module.write_table(job_of(name, data), data["benchmarks"], run_folder, published)


def read(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def cells(markdown: str, *labels: str) -> list[str]:
    """The cells of the first Markdown row that begins with these labels."""
    for line in markdown.splitlines():
        words = [word.strip() for word in line.strip("|").split("|")]
        if words[: len(labels)] == list(labels):
            return words[len(labels) :]
    raise AssertionError(f"no row {labels}")


def latex_header(text: str) -> list[list[str]]:
    """The cells of each row between a LaTeX table's top rule and its first middle rule."""
    header = text.split("\\toprule\n")[1].split("\\midrule")[0]
    return [[cell.strip() for cell in row.split("&")] for row in header.split("\\\\\n") if row]


def table2(
    rows: list[tuple[str, str, str, str, bool]], benchmarks: dict[str, list[str]], metrics: list[str]
) -> dict[str, Any]:
    """Rows of label, model, scored folder, switches (x for on) of M, sigma M and M_refine, and EMA weights."""
    return {
        "code": 1,
        "run": "test",
        "scale": 4,
        "metrics": metrics,
        "models": {model: "ldl" for _, model, *_ in rows},
        "entries": [
            {
                "name": label,
                "model": model,
                "scored": [scored],
                "folder": model,
                "weights": "ema" if ema else "raw",
                "switches": [
                    switch
                    for switch, ticked in zip(("M", "sigma_M", "M_refine", "Psi_EMA"), [*on, ema and "x"], strict=True)
                    if ticked == "x"
                ],
            }
            for label, model, scored, on, ema in rows
        ],
        "benchmarks": benchmarks,
    }
