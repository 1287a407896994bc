# Shared by all stages: the checked configuration, the files of the run, and functions for shell lines.
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

from gansr import code_versions
from gansr.schema.loading import read_yaml
from gansr.errors import UserError
from gansr.estimate.gpu_hours import gpu_hours
from gansr.machine.snakemake_launcher import name_checkout, own_commands_first
from gansr.plan import run_jobs, score_jobs
from gansr.plan.files import RunFiles
from gansr.plan.jobs.data import PatchStoreJob
from gansr.plan.load import load_plan

own_commands_first()
name_checkout(Path(workflow.basedir).parent)


def checked_plan():
    source = ", ".join(map(str, workflow.configfiles)) or "--config"
    try:
        for file in workflow.configfiles:
            read_yaml(Path(file))
        plan = load_plan(dict(config), source)
        # read now, so that an error in these files is reported before any job starts
        plan.catalog.weights, plan.catalog.rates
        return plan
    except UserError as error:
        sys.exit(f"gansr: error: {error}")


PLAN = checked_plan()
try:
    validate(config, "../schemas/config.schema.json", set_default=False)
except WorkflowError as error:
    complaint = str(error.__cause__ or error).strip().splitlines()[0]
    sys.exit(f"gansr: error: {PLAN.source}: {complaint}")
RUN, SCALE = PLAN.run, PLAN.run.scale
FILES = RunFiles(PLAN)
PATHS, DATA = FILES.run, FILES.data
MODELS, SCORED = FILES.models, FILES.scored
# Images of a subset are made by `subset`, those of all other datasets by `images`; fetched ones need `fetch`.
SUBSETS = [name for name, dataset in PLAN.datasets.items() if dataset.part_of]
FETCHED = [name for name, dataset in PLAN.datasets.items() if dataset.is_fetched]


def any_of(names):
    return "|".join(map(re.escape, names)) or "none"


wildcard_constraints:
    dataset=any_of(PLAN.datasets),
    benchmark=any_of(RUN.benchmarks),
    scored=any_of(SCORED),


def option(name, values):
    """An option of a shell line, once for each value; empty if there are no values."""
    values = [values] if isinstance(values, str) else values
    return " ".join(f"{name} {shlex.quote(str(value))}" for value in values)


def of_input(name, key):
    """A params function: the input files under `key` as an option of the shell line."""
    return lambda wildcards, input: option(name, getattr(input, key))


def weight_receipts(names):
    """Receipts of weight files as inputs. `ancient`: a newer receipt (another address, say) makes nothing run again."""
    return [ancient(DATA.weight_receipt(name)) for name in names]


def dataset_receipt(wildcards):
    """The receipt of a fetched dataset. `ancient`: a newer receipt (another address, say) prepares no image again."""
    if wildcards.dataset not in FETCHED:
        return []
    return ancient(DATA.dataset_receipt(wildcards.dataset))


# ---- of trainings

HOURS = gpu_hours(PLAN, PLAN.catalog.rates)


def model_of(wildcards):
    return MODELS[wildcards.model]


def job_of(wildcards):
    return model_of(wildcards).job.to_json()


def training_gpus(wildcards):
    return model_of(wildcards).job.training.gpus


def training_minutes(wildcards):
    """A time limit for a scheduler: three times the estimated time, at least a day."""
    hours = HOURS[model_of(wildcards).name] or 16
    return int(max(24 * 60, 3 * 60 * hours / training_gpus(wildcards)))


def judge_options(wildcards):
    """The files of weights that a training's losses read."""
    judges = model_of(wildcards).method.judges
    return option("--judge", [f"{name}={PLAN.weight_file(name)}" for name in judges])


# ---- of tests


def scored_model(wildcards):
    name, _ = SCORED[wildcards.scored]
    return name


def score_hr_features(wildcards):
    compared = score_jobs.compared_features(PLAN, scored_model(wildcards))
    return DATA.hr_features(wildcards.benchmark) if compared else []


def score_weights(wildcards):
    # With download: false only files that are there count; a file that is put there later makes its scores run.
    return weight_receipts(score_jobs.score_weights(PLAN, scored_model(wildcards)))
