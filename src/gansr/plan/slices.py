"""What each table and figure depends on, as plain data for its job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gansr import code_versions
from gansr.config.generator import weight_options
from gansr.config.model import UNTRAINED, ComparisonTable
from gansr.config.outputs import Mad
from gansr.plan.plan import Plan
from gansr.plan.seeds import seeds_of


def table_slice(plan: Plan, table: str) -> dict[str, Any]:
    """The slice of one table: `entries` are its columns, or the rows of LDL's Table 2."""
    make: dict[str, Callable[[Plan, Any], dict[str, Any]]] = {
        "ldl_table1": _comparison,
        "ldl_table2": _ldl_table2,
        "beby_table1": _beby_table1,
        "beby_table2": _comparison,
    }
    data = make[table](plan, table)
    return {
        "code": code_versions.TABLES,
        "run": plan.run.run,
        "scale": plan.run.scale,
        "metrics": plan.run.metrics,
        "models": _models(plan, [entry["model"] for entry in data["entries"]]),
        "seeds": _seeds(plan, [entry["model"] for entry in data["entries"]]),
        **data,
    }


def _models(plan: Plan, shown: list[str]) -> dict[str, str]:
    """The folders of the models that a table shows, and of those that they lie between, with their methods."""
    found: dict[str, str] = {}
    waiting = [name for name in shown if name not in UNTRAINED]
    while waiting:
        name = waiting.pop(0)
        found[plan.models[name].slug] = _method(plan, name)
        if name in plan.interpolated:
            waiting += [end for end in plan.interpolated[name].between if plan.models[end].slug not in found]
    return found


def _seeds(plan: Plan, shown: list[str]) -> dict[str, list[int]]:
    """The seeds of the models whose cells are means over several, by the folder of the first."""
    trained = [name for name in shown if name in plan.trained]
    seeds = {plan.models[name].slug: list(seeds_of(name, plan.run)) for name in trained}
    return {slug: of_model for slug, of_model in seeds.items() if len(of_model) > 1}


def table_models(plan: Plan, table: str) -> list[str]:
    """The folders of the models that a table shows."""
    return list(table_slice(plan, table)["models"])


def table_scores(plan: Plan, table: str) -> list[tuple[str, str]]:
    """The (scored folder, benchmark) pairs that a table reads."""
    data = table_slice(plan, table)
    return [
        (scored, benchmark)
        for entry in data["entries"]
        for scored in entry["scored"]
        for benchmark in data["benchmarks"]
    ]


def _comparison(plan: Plan, table: ComparisonTable) -> dict[str, Any]:
    """LDL's Table 1, whose columns are grouped by generator, and Beby-GAN's Table 2, whose are not."""
    settings = getattr(plan.run.tables, table)
    models = {model.name: model for model in plan.run.models}
    shown = [name for name, model in models.items() if table in model.tables or name in settings.reference]
    shown = [name for name in UNTRAINED if name in settings.reference] + shown
    columns: list[dict[str, Any]] = [
        _column(plan, name, name, name in settings.reference)
        | {"published": models[name].published.get(table) if name in models else None}
        for name in shown
    ]
    if table == "ldl_table1":
        order = ["", *plan.run.generators]
        columns.sort(key=lambda column: order.index(column["group"]))
    else:
        columns.sort(key=lambda column: not column["reference"])
    return {
        "entries": columns,
        "benchmarks": plan.scored_benchmarks,
        "published_only": settings.published_only,
    }


def _beby_table1(plan: Plan, table: str) -> dict[str, Any]:
    assert plan.run.tables.beby_table1 is not None
    columns = [
        _column(plan, column.column, column.model, False) | {"published": column.column}
        for column in plan.run.tables.beby_table1.columns
    ]
    return {"entries": columns, "benchmarks": plan.scored_benchmarks}


def _column(plan: Plan, column: str, model: str, reference: bool) -> dict[str, Any]:
    bicubic = model in UNTRAINED
    weights = "raw" if bicubic else plan.tested_weights(model)
    return {
        "name": column,
        "model": model,
        "group": "" if bicubic else _group(plan, plan.models[model].generator),
        "reference": reference,
        "scored": plan.scored_slugs(model, weights),
        "model_slug": None if bicubic else plan.models[model].slug,
        "weights": weights if model in plan.trained else None,
    }


def _group(plan: Plan, generator: str) -> str:
    """The first generator of the run that has the same weights; others differ in training alone."""
    generators = plan.run.generators
    wanted = weight_options(generators[generator])
    return next(name for name, options in generators.items() if weight_options(options) == wanted)


def _ldl_table2(plan: Plan, table: str) -> dict[str, Any]:
    settings = plan.run.tables.ldl_table2
    assert settings is not None
    rows = []
    for row in settings.rows:
        trained = plan.trained.get(row.model)
        artifact = trained.method.losses.get("artifact", {}) if trained else {}
        used = artifact.get("weight", 0) > 0
        rows.append(
            {
                "row": str(row.row),
                "model": row.model,
                "scored": plan.scored_slugs(row.model, row.weights),
                "model_slug": plan.models[row.model].slug,
                "M": used,
                "sigma_M": used and artifact["patch_weight"],
                "M_refine": used and artifact["ema_refine"],
                "Psi_EMA": row.weights == "ema",
            }
        )
    return {"entries": rows, "benchmarks": [settings.benchmark]}


def _method(plan: Plan, model: str) -> str:
    """The method as the notes name it: its title, which reading of its paper it follows, what the run overrides."""
    trained = plan.trained.get(model)
    if trained is None:
        return "weights as released" if model in plan.released else "network interpolation"
    told = ("iterations", "batch_size", "patch_size")  # by the facts of each training
    changed = [f"{key} {value}" for key, value in trained.overridden.items() if key not in told]
    variant = f" ({trained.method.variant})" if trained.has_variants else ""
    return f"{trained.method.title}{variant}" + (f", with {', '.join(changed)}" if changed else "")


def figure_slice(plan: Plan, figure: str) -> dict[str, Any]:
    """The slice of one figure."""
    figures, run = plan.run.figures, plan.run
    common = {"code": code_versions.FIGURES, "run": run.run, "scale": run.scale}
    if figure == "mad_stability":
        assert figures.mad_stability is not None
        return common | {"models": [[name, plan.models[name].slug] for name in figures.mad_stability.models]}
    assert figures.artifact_map is not None
    model = plan.trained[figures.artifact_map.model]
    artifact = model.method.losses.get("artifact", {})
    return common | {
        "model": [model.name, model.slug],
        "generator": model.network_options,
        "window": artifact.get("window", 7),
        "patch_weight_root": artifact.get("patch_weight_root", 5),
        "residual": artifact.get("residual", "channel_abs_sum"),
    }


def figure_models(plan: Plan, figure: str) -> list[str]:
    """The folders of the trained models that a figure reads."""
    data = figure_slice(plan, figure)
    return [data["model"][1]] if figure == "artifact_map" else [slug for _, slug in data["models"]]


def provenance_slice(plan: Plan) -> dict[str, Any]:
    """What provenance.json says of the configuration."""
    return {
        "run": plan.run.model_dump(mode="json"),
        "models": {model.name: {"slug": model.slug, "seed": model.seed} for model in plan.trained.values()}
        | {name: {"slug": plan.models[name].slug} for name in (*plan.interpolated, *plan.released)},
        "datasets": {name: plan.datasets[name].licence for name in plan.prepared_datasets()},
        "weights": {name: plan.catalog.weights[name].licence for name in plan.weights},
    }


def mad_slice(mad: Mad) -> dict[str, Any]:
    """What the choice of the MAD patches depends on."""
    patches = mad.patches if mad.patches == "auto" else [patch.model_dump() for patch in mad.patches]
    return {"code": code_versions.MAD_PATCHES, "size": mad.size, "patches": patches}
