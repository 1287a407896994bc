"""Slices of the configuration for tables, made by hand, and what the tables that come of them hold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

FORMS = [".csv", ".md", ".tex", "_notes.md", "_vs_published.csv"]
RANDOM_VGG = {"weight": 1.0, "weights": "random", "width": 16, "layers": {"conv1_2": 1.0}}
PRETRAINED_VGG = {"weight": 1.0, "weights": "pretrained", "width": 64, "layers": {"conv1_2": 1.0}}


def column(name: str, group: str, *, reference: bool = False, published: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "group": group,
        "reference": reference,
        "scored": [name],
        "model_slug": name if group else None,
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
        "models": {column["model_slug"]: "ldl" for column in columns if column["model_slug"]},
        "benchmarks": benchmarks,
    }


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
                "row": label,
                "model": model,
                "scored": [scored],
                "model_slug": model,
                "M": "x" in on[:1],
                "sigma_M": "x" in on[1:2],
                "M_refine": "x" in on[2:3],
                "Psi_EMA": ema,
            }
            for label, model, scored, on, ema in rows
        ],
        "benchmarks": benchmarks,
    }
