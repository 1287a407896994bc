# What the stages share: the checked configuration, paths, and each job's slice of the configuration.
import atexit
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from gansr import code_versions
from gansr.config import input_slices, slices
from gansr.config.dataset_files import image_files
from gansr.config.loading import read_yaml
from gansr.config.plan import canonical, load_plan
from gansr.config.model import BICUBIC
from gansr.config.needs import Jobs, needs
from gansr.errors import UserError
from gansr.run_lock import lock_run
from gansr.snakemake_launcher import own_commands_first

own_commands_first()


def checked_plan():
    source = ", ".join(map(str, workflow.configfiles)) or "--config"
    try:
        for file in workflow.configfiles:
            read_yaml(Path(file))
        return load_plan(dict(config), source)
    except UserError as error:
        sys.exit(f"gansr: error: {error}")


PLAN = checked_plan()
try:
    validate(config, "../schemas/config.schema.json", set_default=False)
except WorkflowError as error:
    complaint = str(error.__cause__ or error).strip().splitlines()[0]
    sys.exit(f"gansr: error: {PLAN.source}: {complaint}")
RUN = PLAN.run
SCALE = RUN.scale
RESULTS = f"results/{RUN.run}"
IMAGES = f"{RUN.data_dir}/{{dataset}}/x{SCALE}"
RECEIPTS = f"{RUN.data_dir}/receipts"
LOGS = f"{RESULTS}/logs"
TIMINGS = f"{RESULTS}/timings"
MODELS = {model.slug: model for model in PLAN.models.values()}
PRETRAINED, FINETUNED = (
    [model.slug for model in PLAN.trained.values() if model.method.stage == stage]
    for stage in ("pretrain", "finetune")
)
INTERPOLATED = [model.slug for model in PLAN.interpolated.values()]
RELEASED = [model.slug for model in PLAN.released.values()]
SCORED = {
    PLAN.scored_slug(name, weights): (name, weights)
    for name, weights, _ in PLAN.tests()
}
TESTS = [
    f"{PLAN.scored_slug(name, weights)}/{benchmark}"
    for name, weights, benchmark in PLAN.tests()
]
# Where a dataset's images come from decides on the rule that makes them.
SUBSETS = [name for name, dataset in PLAN.datasets.items() if dataset.part_of]
FETCHED = [name for name, dataset in PLAN.datasets.items() if dataset.is_fetched]
TABLE_NAMES = [name for name, table in RUN.tables if table]


def any_of(names):
    return "|".join(map(re.escape, names)) or "none"


wildcard_constraints:
    dataset=any_of(PLAN.datasets),
    benchmark=any_of(RUN.benchmarks),
    scored=any_of(SCORED),
    table=any_of(TABLE_NAMES),


PREPARED = (
    [
        f"{RUN.data_dir}/{dataset}/x{SCALE}/images"
        for dataset in PLAN.prepared_datasets()
    ]
    + [
        f"{RUN.data_dir}/{dataset}/x{SCALE}/patches"
        for dataset in dict.fromkeys(model.dataset for model in PLAN.trained.values())
    ]
    + ([f"{RESULTS}/mad_patches.json"] if RUN.mad else [])
)
MODEL_FILES = (
    collect(
        "{results}/models/{model}/{file}",
        results=RESULTS,
        model=MODELS,
        file=["generator.safetensors", "generator_ema.safetensors", "spec.yaml"],
    )
    + collect(
        "{results}/models/{model}/log.jsonl",
        results=RESULTS,
        model=PRETRAINED + FINETUNED,
    )
    + collect(
        "{results}/models/{model}/snapshots.npz",
        results=RESULTS,
        model=FINETUNED if RUN.mad else [],
    )
)
SR_IMAGES = [f"{RESULTS}/images/{test}" for test in TESTS]
SCORES = [
    f"{RESULTS}/metrics/{test}.csv"
    for test in TESTS
    if test.rpartition("/")[2] in PLAN.scored_benchmarks
]
TABLES = collect(
    "{results}/tables/{table}{form}",
    results=RESULTS,
    table=TABLE_NAMES,
    form=[".csv", ".md", ".tex", "_notes.md", "_vs_published.csv"],
)
# One strip for each type of patch: all three where the patches are picked, else the types that are given.
ARTIFACT_MAP_TYPES = (
    sorted({patch.type for patch in RUN.mad.patches})
    if RUN.mad and RUN.mad.patches != "auto"
    else ["A", "B", "C"]
)
FIGURE_STEMS = (["mad_stability"] if RUN.figures.mad_stability else []) + (
    [f"artifact_map_{kind}" for kind in ARTIFACT_MAP_TYPES]
    if RUN.figures.artifact_map
    else []
)
FIGURES = collect(
    "{results}/figures/{stem}.{form}",
    results=RESULTS,
    stem=FIGURE_STEMS,
    form=["pdf", "png"],
) + ([f"{RESULTS}/figures/mad_stability.csv"] if RUN.figures.mad_stability else [])


def option(name, files):
    """Files as words of a shell line, each after the option's name; nothing where there is none."""
    files = [files] if isinstance(files, str) else files
    return " ".join(f"{name} {shlex.quote(str(file))}" for file in files)


def own_run_folder():
    try:
        lock_run(Path(RESULTS))
    except UserError as error:
        sys.exit(f"gansr: error: {error}")


def print_needs():
    """After a dry run: what the jobs that it lists need."""
    if not workflow.dryrun or not workflow.is_main_process:
        return
    jobs = list(workflow.dag.needrun_jobs(exclude_finished=False))

    def names(rules, wildcard):
        return [job.wildcards[wildcard] for job in jobs if job.rule.name in rules]

    trained = names(("pretrain", "finetune"), "model")
    asked_for = workflow.global_resources.get("gpu")
    needed = needs(
        PLAN,
        Jobs(
            total=len(jobs),
            trained=[MODELS[model].name for model in trained],
            fetched=names(("fetch",), "dataset"),
            weights=names(("fetch_weights",), "weights"),
            prepared=names(("images", "subset"), "dataset"),
            patch_stores=names(("patch_store",), "dataset"),
            tested=names(("upscale",), "benchmark"),
        ),
        PLAN.catalog.rates,
        gpus=int(asked_for.value) if asked_for else 1,
    )
    print(f"\nThe run {RUN.run} needs", *needed, sep="\n  ", file=sys.stderr)


atexit.register(print_needs)


def print_where_the_results_are():
    print(f"\nTables and figures of the run {RUN.run}:", file=sys.stderr)
    for pattern in ("tables/*.md", "figures/*.png"):
        for file in sorted(Path(RESULTS).glob(pattern)):
            print(f"  {file}", file=sys.stderr)


def prepared_images(*datasets):
    return [f"{RUN.data_dir}/{name}/x{SCALE}/images" for name in datasets]


def dataset_receipt(wildcards):
    """Where the archive came from must not make its images again."""
    if wildcards.dataset not in FETCHED:
        return []
    return ancient(f"{RECEIPTS}/datasets/{wildcards.dataset}.json")


def weight_receipts(names):
    return [ancient(f"{RECEIPTS}/weights/{name}.json") for name in names]


def dataset_files(wildcards):
    dataset = PLAN.datasets[wildcards.dataset]
    return image_files(dataset, wildcards.dataset) if dataset.folder else []


def training_slice(wildcards):
    return canonical(MODELS[wildcards.model].spec)


def patch_store_of(wildcards):
    return f"{RUN.data_dir}/{MODELS[wildcards.model].dataset}/x{SCALE}/patches"


def model_name(wildcards):
    return MODELS[wildcards.model].name


def tested_weights(model):
    """The weights that a model is tested with: EMA weights where its method keeps them."""
    file = "generator_ema" if PLAN.tested_weights(model) == "ema" else "generator"
    return f"{RESULTS}/models/{PLAN.models[model].slug}/{file}.safetensors"


def start_weights(wildcards):
    return tested_weights(MODELS[wildcards.model].start)


def parent_weights(number):
    return lambda wildcards: tested_weights(MODELS[wildcards.model].between[number])


def vgg19_receipt(wildcards):
    method = MODELS[wildcards.model].method
    return weight_receipts(["vgg19"] if method.needs_vgg19 else [])


def released_receipt(wildcards):
    return weight_receipts([MODELS[wildcards.model].weights])


def upscale_slice(wildcards):
    spec = {"code": code_versions.INFERENCE, "scale": SCALE}
    name, _ = SCORED[wildcards.scored]
    if name != BICUBIC:
        spec["generator"] = PLAN.models[name].spec["generator"]
    return canonical(spec)


def scored_weights(wildcards):
    name, weights = SCORED[wildcards.scored]
    if name == BICUBIC:
        return []
    file = "generator_ema" if weights == "ema" else "generator"
    return f"{RESULTS}/models/{PLAN.models[name].slug}/{file}.safetensors"


def table_scores(wildcards):
    pairs = slices.table_scores(PLAN, wildcards.table)
    return [
        f"{RESULTS}/metrics/{scored}/{benchmark}.csv" for scored, benchmark in pairs
    ]


def table_specs(wildcards):
    return [
        f"{RESULTS}/models/{model}/spec.yaml"
        for model in slices.table_models(PLAN, wildcards.table)
    ]


def table_images(wildcards):
    return prepared_images(*slices.table_slice(PLAN, wildcards.table)["benchmarks"])


def table_slice(wildcards):
    return canonical(slices.table_slice(PLAN, wildcards.table))


def figure_snapshots(figure):
    return [
        f"{RESULTS}/models/{model}/snapshots.npz"
        for model in slices.figure_models(PLAN, figure)
    ]
