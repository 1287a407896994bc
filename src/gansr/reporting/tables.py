"""Write a table in all its forms: CSV, Markdown, LaTeX, notes, and beside the published one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gansr.atomic import atomic_file, write_text
from gansr.config.run import PUBLISHED_SCALE
from gansr.errors import UserError
from gansr.reporting.beby_table1 import BebyTable1
from gansr.reporting.beby_table2 import BebyTable2
from gansr.reporting.facts import perceptual_facts, read_spec, scale_line, training_facts
from gansr.reporting.layout import markdown
from gansr.reporting.ldl_table1 import WITHOUT_GRAY, LdlTable1
from gansr.reporting.ldl_table2 import LdlTable2
from gansr.reporting.metrics import METRICS
from gansr.reporting.published import beside_published
from gansr.reporting.scores import UNDECIDED
from gansr.reporting.statistics import FEWEST_FOR_A_VERDICT
from gansr.reporting.table import Table

MARK = (
    "its paired difference to the next best is within its interval of zero, or there are fewer than "
    f"{FEWEST_FOR_A_VERDICT} images. FID has no interval, because no image has an FID of its own."
)
TABLES: dict[str, type[Table]] = {table.name: table for table in (LdlTable1, LdlTable2, BebyTable1, BebyTable2)}


def write_table(name: str, data: dict[str, Any], run_folder: Path, published_file: Path) -> None:
    """Write results/<run>/tables/<name>.csv, .md, .tex, _notes.md and _vs_published.csv.

    Args:
        name: a key of TABLES.
        data: the table's slice of the configuration (config/slices.py).
        run_folder: results/<run>.
        published_file: the paper's printed table.

    Raises:
        UserError: scores or the published table are missing, incomplete or unreadable.
    """
    if name not in TABLES:
        raise UserError(f'unknown table "{name}"; valid: {", ".join(TABLES)}')
    table = TABLES[name](data, run_folder)
    specs = _model_specs(data, run_folder)
    test_images = sum(map(len, table.benchmarks.values()))
    scale = scale_line(data["run"], data["scale"], list(specs.values()), f"{test_images} test images")
    beside = beside_published(table.measured(), table.published(published_file), data["scale"])
    notes = _notes(table, data, specs, scale, set(beside[beside["published"].notna()]["model"]))
    short = " ".join([f"{table.title}.", scale, *_perceptual(specs), "Not a reproduction of the paper's setting."])

    folder = run_folder / "tables"
    _write_csv(folder / f"{name}_vs_published.csv", beside)
    write_text(folder / f"{name}_notes.md", notes)
    write_text(folder / f"{name}.tex", table.latex(short))
    write_text(
        folder / f"{name}.md",
        f"# {table.title}\n\n{table.markdown()}\n\n{_published_part(beside, table)}{notes}",
    )
    _write_csv(folder / f"{name}.csv", table.csv())


def _model_specs(data: dict[str, Any], run_folder: Path) -> dict[str, dict[str, Any]]:
    """The spec of every model, trained or interpolated: in the table's order, then those that they lie between."""
    shown = [entry["model_slug"] for entry in data["entries"] if entry["model_slug"]]
    return {slug: read_spec(run_folder, slug) for slug in dict.fromkeys([*shown, *data["models"]])}


def _write_csv(file: Path, table: pd.DataFrame) -> None:
    with atomic_file(file) as partial:
        table.to_csv(partial, index=False, float_format="%.6g")


def _perceptual(specs: dict[str, dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(perceptual_facts, specs.values()))))


def _notes(
    table: Table,
    data: dict[str, Any],
    specs: dict[str, dict[str, Any]],
    scale: str,
    compared: set[str],
) -> str:
    lines = ["## Notes", "", f"**Scale of this run.** {scale} It is not a reproduction of the paper's setting.", ""]
    lines += _models(table, data, specs, compared)
    lines += ["", "**Protocols.**", ""]
    for metric, protocol, columns in table.protocols():
        of_columns = f" of {', '.join(columns)}" if columns else ""
        lines.append(f"- {METRICS[metric].label}{of_columns}: {protocol}")
    empty = [f"{METRICS[metric].label}: {reason}" for metric, reason in table.unavailable().items()]
    published_only = [f"{column}: {reason}" for column, reason in data.get("published_only", {}).items()]
    lines += _list("**Empty cells.**", empty)
    lines += _list("**Published values only**, of systems that do not exist here:", published_only)
    lines += _list(
        "**Seeds.** Cells are means over seeds. Standard deviations of the mean over seeds:", table.spreads()
    )
    lines += ["", f"**{UNDECIDED}** beside a best value: {MARK}"]
    lines += _list(
        "**Intervals** are 95 % bootstrap intervals over the test images, paired for differences. They say nothing "
        f"about another seed, and with fewer than {FEWEST_FOR_A_VERDICT} images they are too narrow to show "
        "a difference.",
        table.comparisons(),
        always=True,
    )
    lines += [f"\n{remark}" for remark in table.remarks()]
    return "\n".join(lines) + "\n"


def _list(heading: str, items: list[str], always: bool = False) -> list[str]:
    return ["", heading, "", *(f"- {item}" for item in items)] if items or always else []


def _models(table: Table, data: dict[str, Any], specs: dict[str, dict[str, Any]], compared: set[str]) -> list[str]:
    """What each model is, with which weights it was tested, and what of the paper stands beside it."""
    seeds = data.get("seeds", {})
    facts = {slug: training_facts(spec, seeds.get(slug)) for slug, spec in specs.items()}
    lines = [f"- {spec['model']}: {data['models'][slug]}; {facts[slug]}" for slug, spec in specs.items()]
    lines += [f"- {words}" for words in table.tested_weights()]
    beside = [e for e in data["entries"] if e.get("published") and e["name"] in compared]
    if beside:
        pairs = ", ".join(f"{entry['name']} beside its {entry['published']}" for entry in beside)
        lines.append(f"- Of the paper's columns: {pairs}")
    if data["scale"] != PUBLISHED_SCALE:
        lines.append(f"- The paper's table is x{PUBLISHED_SCALE}: nothing published stands beside this one")
    return lines + [f"- {words}" for words in _perceptual(specs)]


def _published_part(beside: pd.DataFrame, table: Table) -> str:
    """The paper's values of the same models, in a table of their own where benchmarks differ."""
    # Set14 without its gray images stands beside the paper's Set14, which has a row of its own
    printed = beside[beside["published"].notna() & (beside["benchmark"] != WITHOUT_GRAY)]
    if printed.empty:
        return ""
    shared = printed["measured"].notna().any()
    wide = printed.pivot_table(index=["metric", "benchmark"], columns="model", values="published", sort=False)
    digits = {METRICS[name].label: METRICS[name].digits for name in table.metrics}
    digits |= {label: number for label, number in table.published_digits.items() if label in digits}
    wide = wide[[metric in digits for metric in wide.index.get_level_values(0)]]
    rows = [
        [metric, benchmark, *("" if pd.isna(value) else f"{value:.{digits[metric]}f}" for value in values)]
        for (metric, benchmark), values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    text = markdown(["metric", "benchmark", *map(str, wide.columns)], rows, text_columns=2)
    remark = "" if shared else " The paper tested on other images, so that no difference can be given."
    return f"## Published\n\nThe paper's values of the same columns.{remark}\n\n{text}\n\n"
