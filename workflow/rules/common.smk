# What the stages share: the checked configuration, paths, and each job's slice of the configuration.
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from gansr import code_versions
from gansr.plan import input_slices, slices
from gansr.estimate.gpu_hours import gpu_hours
from gansr.config.dataset_files import image_files
from gansr.config.loading import read_yaml
from gansr.canonical import canonical
from gansr.plan.load import load_plan
from gansr.config.model import BICUBIC_Y, UNTRAINED
from gansr.errors import UserError
from gansr.machine.snakemake_launcher import own_commands_first

own_commands_first()


def checked_plan():
    source = ", ".join(map(str, workflow.configfiles)) or "--config"
    try:
        for file in workflow.configfiles:
            read_yaml(Path(file))
        plan = load_plan(dict(config), source)
        plan.catalog.weights, plan.catalog.rates  # wrong files are told now, not by a job
        return plan
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
REQUESTS = f"{RUN.data_dir}/requests"
LOGS = f"{RESULTS}/logs"
# How trainings are kept and watched: a file, since no result depends on it and its change makes nothing again.
TRAINING_SETTINGS = f"{RESULTS}/training_settings.json"
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


def option(name, values):
    """Values as words of a shell line, each after the option's name; nothing where there is none."""
    values = [values] if isinstance(values, str) else values
    return " ".join(f"{name} {shlex.quote(str(value))}" for value in values)


def data_dir(wildcards):
    return str(RUN.data_dir)


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


def training_gpus(wildcards):
    return MODELS[wildcards.model].spec["training"]["gpus"]


HOURS = gpu_hours(PLAN, PLAN.catalog.rates)


def training_minutes(wildcards):
    """Three times what the stated rates say, a day at least: a limit for a scheduler, not a forecast."""
    hours = HOURS[MODELS[wildcards.model].name] or 16
    return int(max(24 * 60, 3 * 60 * hours / training_gpus(wildcards)))


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
    if name == BICUBIC_Y:
        spec["luma_alone"] = True
    elif name not in UNTRAINED:
        spec["generator"] = PLAN.models[name].spec["generator"]
    return canonical(spec)


def scored_weights(wildcards):
    name, weights = SCORED[wildcards.scored]
    if name in UNTRAINED:
        return []
    file = "generator_ema" if weights == "ema" else "generator"
    return f"{RESULTS}/models/{PLAN.models[name].slug}/{file}.safetensors"


def table_scores(wildcards):
    pairs = slices.table_scores(PLAN, wildcards.table)
    return [
        f"{RESULTS}/metrics/{scored}/{benchmark}.{form}"
        for scored, benchmark in pairs
        for form in ("csv", "json")
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
