"""What each table and figure depends on, as plain data for its job."""

from __future__ import annotations

from typing import Any

from gansr import code_versions
from gansr.config.dataset import image_names
from gansr.config.plan import Plan
from gansr.config.run import BICUBIC


def table_slice(plan: Plan, table: str) -> dict[str, Any]:
    """The slice of one table."""
    return {
        "code": code_versions.TABLES,
        "run": plan.run.run,
        "scale": plan.run.scale,
        "metrics": plan.run.metrics,
        **(_ldl_table1(plan) if table == "ldl_table1" else _ldl_table2(plan)),
    }


def table_models(plan: Plan, table: str) -> list[str]:
    """The folders of the trained models that a table shows."""
    entries = table_slice(plan, table)["rows" if table == "ldl_table2" else "columns"]
    return list(dict.fromkeys(entry["model_slug"] for entry in entries if entry["model_slug"]))


def table_scores(plan: Plan, table: str) -> list[tuple[str, str]]:
    """The (scored folder, benchmark) pairs that a table reads."""
    data = table_slice(plan, table)
    entries = data["rows" if table == "ldl_table2" else "columns"]
    return [(entry["scored"], benchmark) for entry in entries for benchmark in data["benchmarks"]]


def _ldl_table1(plan: Plan) -> dict[str, Any]:
    table = plan.run.tables.ldl_table1
    assert table is not None
    models = {model.name: model for model in plan.run.models}
    shown = [name for name, model in models.items() if "ldl_table1" in model.tables or name in table.reference]
    if BICUBIC in table.reference:
        shown.insert(0, BICUBIC)
    columns: list[dict[str, Any]] = []
    for name in shown:
        published = models[name].published if name in models else None
        columns.append(
            {
                "name": name,
                "group": "" if name == BICUBIC else plan.models[name].generator,
                "reference": name in table.reference,
                "scored": plan.scored_slug(name, "raw" if name == BICUBIC else plan.tested_weights(name)),
                "model_slug": None if name == BICUBIC else plan.models[name].slug,
                "weights": None if name == BICUBIC else plan.tested_weights(name),
                "method": None if name == BICUBIC else _method(plan, name),
                "published": published.model_dump() if published else None,
            }
        )
    columns.sort(key=lambda column: (list(plan.run.generators).index(column["group"]) + 1) if column["group"] else 0)
    return {"columns": columns, "benchmarks": _benchmarks(plan, plan.run.benchmarks)}


def _ldl_table2(plan: Plan) -> dict[str, Any]:
    table = plan.run.tables.ldl_table2
    assert table is not None
    rows = []
    for row in table.rows:
        artifact = plan.models[row.model].method.losses.get("artifact", {})
        used = artifact.get("weight", 0) > 0
        rows.append(
            {
                "row": str(row.row),
                "model": row.model,
                "scored": plan.scored_slug(row.model, row.weights),
                "model_slug": plan.models[row.model].slug,
                "method": _method(plan, row.model),
                "M": used,
                "sigma_M": used and artifact["patch_weight"],
                "M_refine": used and artifact["ema_refine"],
                "Psi_EMA": row.weights == "ema",
            }
        )
    return {"rows": rows, "benchmarks": _benchmarks(plan, [table.benchmark])}


def _method(plan: Plan, model: str) -> str:
    """The method as the notes name it: its title and which reading of its paper it follows."""
    method = plan.models[model].method
    return f"{method.title} ({method.variant})"


def _benchmarks(plan: Plan, names: list[str]) -> dict[str, list[str]]:
    return {name: image_names(plan.datasets[name], name) for name in names}


def figure_slice(plan: Plan, figure: str) -> dict[str, Any]:
    """The slice of one figure."""
    figures, run = plan.run.figures, plan.run
    common = {"code": code_versions.FIGURES, "run": run.run, "scale": run.scale}
    if figure == "mad_stability":
        assert figures.mad_stability is not None
        solid, dashed = figures.mad_stability.solid, figures.mad_stability.dashed
        return common | {"models": [[solid, plan.models[solid].slug], [dashed, plan.models[dashed].slug]]}
    assert figures.artifact_map is not None
    model = plan.models[figures.artifact_map.model]
    artifact = model.method.losses.get("artifact", {})
    return common | {
        "model": [model.name, model.slug],
        "generator": model.spec["generator"],
        "window": artifact.get("window", 7),
        "patch_weight_root": artifact.get("patch_weight_root", 5),
    }


def figure_models(plan: Plan, figure: str) -> list[str]:
    """The folders of the trained models that a figure reads."""
    data = figure_slice(plan, figure)
    return [data["model"][1]] if figure == "artifact_map" else [slug for _, slug in data["models"]]


def provenance_slice(plan: Plan) -> dict[str, Any]:
    """What provenance.json says of the configuration."""
    return {
        "run": plan.run.model_dump(mode="json"),
        "models": {model.name: {"slug": model.slug, "seed": model.seed} for model in plan.models.values()},
        "datasets": {
            name: plan.datasets[name].licence
            for name in sorted({*(model.dataset for model in plan.models.values()), *plan.run.benchmarks})
        },
    }
