"""What a wrong config or a broken image gets, and what every right config plans."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from PIL import Image

from gansr.config.run import json_schema

from .conftest import CONFIG, REPOSITORY, Project, edit_slurm_profile, micro_config

pytestmark = pytest.mark.workflow


def the_only_error_line(result: subprocess.CompletedProcess[str]) -> str:
    """A user's mistake: not 0, no traceback, one line of ours."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr + result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("gansr: error:")]
    assert len(set(lines)) == 1, result.stderr[-2000:]
    return lines[0]


# --- what bad input gets


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: config.update(benchmrks=config.pop("benchmarks")), ["benchmrks", 'did you mean "benchmarks"']),
        (lambda config: config["models"][1].update(method="gna"), ["gna", 'did you mean "gan"']),
        (lambda config: config.update(scale=5), ["scale", "5"]),
        (lambda config: config["models"].append(config["models"][0]), ['"SRResNet" is used twice']),
        (
            lambda config: config["datasets"]["small_test"].update(folder="own/nothing"),
            ["own/nothing", "does not exist"],
        ),
    ],
)
def test_a_wrong_config_is_one_line_before_any_job(project: Project, change, words) -> None:
    config = micro_config()
    change(config)
    project.configure(config)
    line = the_only_error_line(project.snakemake("all"))
    assert "config/micro.yaml" in line
    for word in words:
        assert word in line
    assert not (project.folder / "results").exists()


def test_a_truncated_image_stops_its_job_with_one_line(project: Project) -> None:
    file = project.folder / "own" / "train" / "ihc.png"
    file.write_bytes(file.read_bytes()[:5000])
    result = project.snakemake("results/data/small_train/x4/patches")
    line = the_only_error_line(result)
    assert "own/train/ihc.png" in line and "truncated" in line
    made = project.folder / "results" / "data" / "small_train"
    assert not [path for path in made.rglob("*") if path.is_file()]


def test_a_training_image_smaller_than_the_patch_is_named(project: Project) -> None:
    Image.new("RGB", (31, 40)).save(project.folder / "own" / "train" / "tiny.png")
    line = the_only_error_line(project.snakemake("results/micro/models/SRResNet/spec.yaml"))
    assert "tiny" in line and "smaller than the patch" in line
    assert not (project.folder / "results").exists()


def test_two_runs_of_one_name_do_not_mix(project: Project) -> None:
    (project.results).mkdir(parents=True)
    holder = subprocess.Popen(
        [
            *(str(Path(project.command()[0]).parent / "python"), "-c"),
            "import sys, time; from pathlib import Path; from gansr.machine.run_lock import lock_run; "
            "lock_run(Path('results/micro')); print('held', flush=True); time.sleep(600)",
        ],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        line = the_only_error_line(project.snakemake("results/data/small_test/x4/images"))
        assert str(holder.pid) in line
    finally:
        holder.kill()
        holder.wait()


# --- every config file


RUNS = [file for file in sorted(CONFIG.glob("*.yaml")) if "run" in yaml.safe_load(file.read_text(encoding="utf-8"))]


# test_paper_plan.py has the papers'
@pytest.mark.parametrize("file", [file for file in RUNS if file.name != "paper.yaml"], ids=lambda file: file.name)
def test_every_run_in_config_is_dry_run(project: Project, file: Path) -> None:
    (project.folder / "config" / "micro.yaml").write_text(file.read_text())
    result = project.snakemake("--dry-run", "all")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "rule train" in result.stdout
    assert "Traceback" not in result.stderr
    assert "GPU hours for" in result.stderr.split("needs\n")[1]


def test_a_run_without_figures_and_mad_patches_is_dry_run(project: Project) -> None:
    config = micro_config()
    del config["mad"], config["figures"], config["tables"]["ldl_table2"], config["tables"]["beby_table1"]
    project.configure(config)
    result = project.snakemake("--dry-run", "all")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "rule train" in result.stdout
    assert "rule mad_patches" not in result.stdout


def test_a_training_on_two_gpus_asks_for_two(project: Project) -> None:
    config = micro_config()
    config["models"][1]["training"] = {"gpus": 2}
    config["overrides"]["finetune"]["batch_size"] = 4
    project.configure(config)
    jobs = project.snakemake("--resources", "gpu=4", "--dry-run", "all").stdout.split("\nrule ")
    asked = {
        job.split("wildcards: model=")[1].split("\n")[0]: job.split(" gpu=")[1].split(",")[0]
        for job in jobs
        if job.startswith("train:")
    }
    assert asked == {"SRResNet": "1", "SRResNet+GAN": "2", "SRResNet+LDL": "1", "Beby-GAN": "1"}


def test_given_patches_take_the_place_of_picked_ones(project: Project) -> None:
    config = micro_config()
    config["mad"]["patches"] = [
        {"image": "coffee", "top": 0, "left": 4, "size": 32, "type": "A"},
        {"image": "chelsea", "top": 64, "left": 64, "size": 32, "type": "C"},
    ]
    project.configure(config)
    result = project.snakemake("--cores", "2", "results/micro/mad_patches.json")
    assert result.returncode == 0, result.stderr[-2000:]
    assert json.loads((project.results / "mad_patches.json").read_text()) == config["mad"]["patches"]
    planned = project.snakemake("--dry-run", "all").stdout
    assert "artifact_map_A.png" in planned and "artifact_map_C.png" in planned
    assert "artifact_map_B" not in planned


def test_the_profile_for_slurm_is_one_that_snakemake_reads_also_where_there_is_no_slurm(project: Project) -> None:
    edit_slurm_profile(project)
    result = project.snakemake("--profile", "workflow/profiles/slurm", "--dry-run", "all")
    assert result.returncode == 0, result.stderr[-3000:]
    assert "slurm_extra=--signal=TERM@120" in result.stdout


def test_the_schema_for_editors_is_the_one_that_is_checked() -> None:
    assert (REPOSITORY / "workflow" / "schemas" / "config.schema.json").read_text() == json_schema()
