"""The workflow through SLURM: on a cluster of one node that this starts, with GPUs that are /dev/null."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..programs import PATH, SLURM, need
from ..workflow.conftest import Project, edit_slurm_profile, make_project, micro_config

pytestmark = [pytest.mark.slurm, pytest.mark.workflow, pytest.mark.slow]

MINI_SLURM = Path(__file__).parent / "mini_slurm.sh"
DAEMONS = SLURM[:3]
GPUS = 2
ITERATIONS = 400
MODEL = "SRResNet+GAN"
RESULTS = [
    f"models/{MODEL}/generator.safetensors",
    f"models/{MODEL}/generator_ema.safetensors",
    "models/SRResNet/generator.safetensors",
    f"images/{MODEL}/small_test/chelsea.png",
    f"metrics/{MODEL}/small_test.csv",
    "tables/ldl_table1.csv",
    "tables/ldl_table1_vs_published.csv",
]


def small_config() -> dict[str, Any]:
    """Two trainings and a table; the second training lasts long enough to be killed in its midst."""
    config = micro_config()
    config["models"] = [config["models"][0] | {"tables": []}, config["models"][1]]
    config["metrics"] = ["psnr_y"]
    config["overrides"]["finetune"]["iterations"] = ITERATIONS
    del config["overrides"]["finetune"]["schedule"], config["mad"]
    config["tables"], config["figures"] = {"ldl_table1": {}}, {}
    config["training"] = {"checkpoint_every": 10}
    return config


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s: no {what}"
        time.sleep(0.1)
    return value


@dataclass
class Cluster:
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        # the folder of bin holds an srun that finds the cluster
        return os.environ | {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{PATH}",
            "GPU_LOCKS": str(self.folder / "gpu_locks"),
        }

    def run(self, *command: str, timeout: float = 600) -> str:
        result = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert result.returncode == 0, f"{command}: {result.stderr}"
        return result.stdout

    def running(self, model: str) -> str | None:
        """The number of the job that trains a model, where it runs."""
        lines = self.run("squeue", "--noheader", "--states=RUNNING,COMPLETING", "--format=%i %k").splitlines()
        return next((line.split()[0] for line in lines if line.endswith(f" rule_train_wildcards_{model}")), None)

    def processes(self) -> list[str]:
        """The processes that have to do with the cluster: named by what they work on or have opened."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                files = [str(link.readlink()) for link in [process / "cwd", *(process / "fd").iterdir()]]
                words = (process / "cmdline").read_text().split("\0")
            except OSError:  # it has ended, or is another user's
                continue
            if int(process.name) != os.getpid() and any(str(self.folder) in word for word in [*files, *words]):
                found.append(f"{process.name} {' '.join(words)}")
        return found

    def stop(self) -> None:
        subprocess.run([MINI_SLURM, "stop", self.folder], timeout=120, check=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def started_cluster(folder: Path) -> Cluster:
    need(SLURM)
    cluster = Cluster(folder)
    result = subprocess.run(
        [MINI_SLURM, "start", folder, str(GPUS)],
        env=os.environ | {"SLURM_PORTS": " ".join(map(str, free_ports(2)))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = started_cluster(tmp_path_factory.mktemp("slurm"))
    try:
        yield cluster
    finally:
        cluster.stop()


def newest_checkpoint(project: Project) -> int:
    """The iteration of the training's last saved state; 0 where there is none."""
    names = [file.stem for file in (project.results / "state" / MODEL).glob("*/checkpoint_*.pt")]
    return max((int(name.split("_")[1]) for name in names), default=0)


@dataclass
class SlurmRun:
    """A run through SLURM whose second training was stopped three times."""

    project: Project
    said: str
    attempts: list[tuple[str, int]]  # of that training: the job's number, and the state saved before it


def requeue(job: str) -> list[str]:
    """What preemption does to a job."""
    return ["scontrol", "requeue", job]


def ask_to_stop(job: str) -> list[str]:
    """What sbatch's option --signal does before the time limit."""
    return ["scancel", "--signal=TERM", job]


def kill(job: str) -> list[str]:
    return ["scancel", "--signal=KILL", job]


@pytest.fixture(scope="module")
def slurm_run(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SlurmRun:
    project = make_project(tmp_path_factory.mktemp("on_slurm"))
    project.configure(small_config())
    edit_slurm_profile(project)
    snakemake = [str(Path(sys.executable).parent / "snakemake"), "--profile", "workflow/profiles/slurm"]
    faster = ["--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"]
    attempts: list[tuple[str, int]] = []
    said = project.folder / "said.txt"
    with said.open("w") as stderr:
        process = subprocess.Popen(
            [*snakemake, *faster, "--configfile", "config/micro.yaml", "all"],
            cwd=project.folder,
            env=cluster.environment,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

        def next_attempt() -> str:
            job = until(lambda: cluster.running(MODEL) or process.poll() is not None, 600, "training in squeue")
            assert process.poll() is None, said.read_text()[-8000:]
            attempts.append((job, newest_checkpoint(project)))
            return job

        try:
            for stop in (requeue, ask_to_stop, kill):
                job = next_attempt()
                until(lambda: newest_checkpoint(project) > attempts[-1][1], 600, "state saved by this attempt")
                cluster.run(*stop(job))
                until(lambda job=job: cluster.running(MODEL) != job, 600, f"end of job {job} by {stop.__name__}")
            next_attempt()
            process.wait(timeout=1200)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert process.returncode == 0, said.read_text()[-8000:]
    return SlurmRun(project, said.read_text(), attempts)


@pytest.fixture(scope="module")
def on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("on_one_machine"))
    project.configure(small_config())
    result = project.snakemake("all")
    assert result.returncode == 0, result.stderr[-5000:]
    return project


def test_a_run_stopped_by_slurm_ends_with_the_bits_of_an_uninterrupted_one_without_slurm(
    slurm_run: SlurmRun, on_one_machine: Project
) -> None:
    for name in RESULTS:
        made, expected = slurm_run.project.results / name, on_one_machine.results / name
        assert made.read_bytes() == expected.read_bytes(), name


def test_every_job_but_the_local_ones_went_through_slurm(slurm_run: SlurmRun) -> None:
    submitted = re.findall(r"Job \d+ has been submitted with SLURM jobid (\d+)", slurm_run.said)
    # images twice, patch store, two trainings, upscaling and scores three times; two attempts more of a training
    assert len(set(submitted)) == 11 + 2, slurm_run.said


def test_each_attempt_of_a_training_goes_on_from_the_last_saved_state(slurm_run: SlurmRun) -> None:
    spec = yaml.safe_load((slurm_run.project.results / "models" / MODEL / "spec.yaml").read_text())
    begun = [iteration for _, iteration in slurm_run.attempts]
    assert spec["resumed_at"] == begun[1:]
    assert 0 == begun[0] < begun[1] < begun[2] < begun[3] < ITERATIONS


def test_a_requeued_training_stays_the_same_job_and_one_that_ended_is_submitted_again(slurm_run: SlurmRun) -> None:
    first, requeued, after_signal, after_kill = (job for job, _ in slurm_run.attempts)
    assert first == requeued
    assert len({requeued, after_signal, after_kill}) == 3
    assert slurm_run.said.count("Trying to restart job") == 2


def test_slurm_is_told_to_ask_a_training_to_stop_before_its_time_is_over(slurm_run: SlurmRun) -> None:
    resources = [line for line in slurm_run.said.splitlines() if "gpu=1" in line and "runtime=1440" in line]
    assert len(resources) >= 2 and all("slurm_extra=--signal=TERM@120" in line for line in resources)


def test_a_training_uses_the_gpu_that_slurm_gave_it_and_no_other(slurm_run: SlurmRun, cluster: Cluster) -> None:
    (progress,) = (slurm_run.project.results / "state" / MODEL).glob("*/progress.json")
    assert json.loads(progress.read_text())["gpus"] in {str(number) for number in range(GPUS)}
    assert not (cluster.folder / "gpu_locks").exists()


def test_jobs_side_by_side_are_given_different_gpus_and_use_them_as_they_are(cluster: Cluster) -> None:
    lease = "from gansr.machine.gpu_lease import lease_gpus; lease_gpus({})\n"
    tell = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])\n"
    meet = (
        "import time; from pathlib import Path; Path('{}').touch(); deadline = time.monotonic() + 500\n"
        "while not Path('{}').exists() and time.monotonic() < deadline: time.sleep(0.1)\n"
    )
    first, second = (cluster.folder / name for name in ("first", "second"))
    sides = [
        subprocess.Popen(
            ["srun", "-n1", "--gpus=1", sys.executable, "-c", lease.format(1) + tell + meet.format(mine, other)],
            env=cluster.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mine, other in ((first, second), (second, first))
    ]
    assert {side.communicate(timeout=600)[0].strip() for side in sides} == {"0", "1"}
    assert cluster.run("srun", "-n1", "--gpus=2", sys.executable, "-c", lease.format(2) + tell).strip() == "0,1"
    assert cluster.run("srun", "-n1", sys.executable, "-c", lease.format(0) + tell).strip() == ""
    assert not (cluster.folder / "gpu_locks").exists()


def test_nothing_of_a_cluster_is_left_when_it_is_stopped_in_the_midst_of_a_job(tmp_path: Path) -> None:
    cluster = started_cluster(tmp_path)
    try:
        script = tmp_path / "sleeps.sh"
        script.write_text("#!/bin/sh\nsrun -n1 sleep 600\n")
        cluster.run("sbatch", f"--output={tmp_path}/sleeps.log", str(script))
        step = lambda: any("slurmstepd: [1.0]" in line for line in cluster.processes())  # noqa: E731
        until(step, 300, "step of a job")
        daemons = " ".join(cluster.processes())
        assert all(name in daemons for name in DAEMONS)
    finally:
        cluster.stop()
    until(lambda: not cluster.processes(), 60, f"end of {cluster.processes()}")
