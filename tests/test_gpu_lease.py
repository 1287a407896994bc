"""Jobs on one machine get GPUs of their own; a process that dies gives its GPUs back.

The locks belong to processes, so that every holder here is one. No GPU is needed: GPU_POOL names devices.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# leases, says what it got, and holds it until its stdin closes
HOLDER = """
import json, os, sys
from gansr.gpu_lease import lease_gpus
leased = lease_gpus(int(sys.argv[1]))
print(json.dumps({"leased": leased, "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}), flush=True)
sys.stdin.read()
"""

# marks every device it holds with a file that must not exist yet
MARKER = """
import os, sys, time
from gansr.gpu_lease import lease_gpus
folder = sys.argv[2]
for device in lease_gpus(int(sys.argv[1])):
    os.close(os.open(os.path.join(folder, device), os.O_CREAT | os.O_EXCL))
time.sleep(0.15)
for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
    os.unlink(os.path.join(folder, device))
"""

Start = Callable[..., subprocess.Popen[str]]


def environment(locks: Path, **variables: str) -> dict[str, str]:
    known = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "KUBERNETES_SERVICE_HOST", "CUDA_VISIBLE_DEVICES", "GPU_POOL")
    kept = {name: value for name, value in os.environ.items() if name not in known}
    return kept | {"GPU_LOCKS": str(locks)} | variables


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a process that leases so many GPUs and holds them; all are ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def run(count: int, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(count)],
            env=environment(tmp_path / "locks", **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    said: dict[str, object] = json.loads(process.stdout.readline())
    return said


def test_a_lease_is_what_torch_will_see(start: Start) -> None:
    assert answer(start(1, GPU_POOL="3,7")) == {"leased": ["3"], "visible": "3"}


def test_two_jobs_get_different_devices(start: Start) -> None:
    got = [answer(start(1, GPU_POOL="0,1"))["leased"] for _ in range(2)]
    assert sorted(map(str, got)) == ["['0']", "['1']"]


def test_one_job_may_take_several_devices(start: Start) -> None:
    assert answer(start(2, GPU_POOL="a,b,c")) == {"leased": ["a", "b"], "visible": "a,b"}
    assert answer(start(1, GPU_POOL="a,b,c"))["leased"] == ["c"]


def test_devices_of_multi_instance_gpus_have_slashes(start: Start) -> None:
    assert answer(start(1, GPU_POOL="MIG-1/0/0"))["visible"] == "MIG-1/0/0"


def test_a_device_is_never_held_twice_at_once(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.mkdir()
    variables = environment(tmp_path / "locks", GPU_POOL="0,1,2")
    jobs = [
        subprocess.Popen([sys.executable, "-c", MARKER, str(count), str(held)], env=variables, stderr=subprocess.PIPE)
        for count in (1, 2, 1, 3, 1, 2)
    ]
    errors = [job.communicate(timeout=60)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0] * len(jobs), errors


def test_a_device_is_free_again_when_its_holder_is_killed(start: Start) -> None:
    first = start(1, GPU_POOL="0")
    assert answer(first)["leased"] == ["0"]
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert answer(start(1, GPU_POOL="0"))["leased"] == ["0"]


def test_a_job_that_waits_gets_the_device_once_it_is_free(start: Start) -> None:
    first = start(1, GPU_POOL="0")
    assert answer(first)["leased"] == ["0"]
    second = start(1, GPU_POOL="0")
    said, _, _ = select.select([second.stdout], [], [], 1)
    assert not said
    first.communicate("")
    assert answer(second)["leased"] == ["0"]


@pytest.mark.parametrize(
    ("count", "variables"),
    [
        (0, {"GPU_POOL": "0,1"}),
        (0, {"CUDA_VISIBLE_DEVICES": "0"}),
        (1, {"GPU_POOL": ""}),
        (1, {"CUDA_VISIBLE_DEVICES": ""}),
        (2, {"GPU_POOL": "", "CUDA_VISIBLE_DEVICES": "0"}),
        # how users and schedulers say that there is no GPU; nobody should wait for a device of that name
        (1, {"CUDA_VISIBLE_DEVICES": "-1"}),
        (1, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}),
    ],
)
def test_without_gpus_the_cpu_is_used(start: Start, count: int, variables: dict[str, str]) -> None:
    assert answer(start(count, **variables)) == {"leased": [], "visible": ""}


def test_more_than_there_are_means_all(start: Start) -> None:
    assert answer(start(8, GPU_POOL="0,1")) == {"leased": ["0", "1"], "visible": "0,1"}


def test_a_device_named_twice_is_one_device(start: Start) -> None:
    process = start(2, GPU_POOL="0,0")
    # a job that waits for a second "0" never says what it got
    said, _, _ = select.select([process.stdout], [], [], 5)
    assert said, "waits for ever"
    assert answer(process)["leased"] == ["0"]


def test_the_pool_goes_before_the_visible_devices(start: Start) -> None:
    assert answer(start(1, GPU_POOL="5", CUDA_VISIBLE_DEVICES="0"))["visible"] == "5"


def test_what_a_scheduler_gave_exactly_is_used_as_it_is(start: Start) -> None:
    given = {"SLURM_JOB_ID": "1", "CUDA_VISIBLE_DEVICES": "2,3"}
    for _ in range(2):
        assert answer(start(2, **given)) == {"leased": [], "visible": "2,3"}


def test_of_more_devices_than_a_job_wants_it_leases_its_own(start: Start) -> None:
    given = {"SLURM_JOB_ID": "1", "CUDA_VISIBLE_DEVICES": "2,3"}
    assert [answer(start(1, **given))["visible"] for _ in range(2)] == ["2", "3"]


def test_jobs_of_a_scheduler_that_see_devices_by_the_same_numbers_do_not_wait_for_each_other(start: Start) -> None:
    # each allocation counts its devices from 0
    for job in ("1", "2"):
        assert answer(start(1, SLURM_JOB_ID=job, CUDA_VISIBLE_DEVICES="0,1"))["visible"] == "0"
