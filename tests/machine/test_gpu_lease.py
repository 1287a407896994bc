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
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

# leases, says what it got, and holds it until its stdin closes
HOLDER = """
import json, os, sys
from gansr.machine.gpu_lease import lease_gpus
leased = lease_gpus(int(sys.argv[1]))
print(json.dumps({"leased": leased, "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}), flush=True)
sys.stdin.read()
"""

# marks every device it holds with a file that must not exist yet
MARKER = """
import os, sys, time
from gansr.machine.gpu_lease import lease_gpus
folder = sys.argv[2]
for device in lease_gpus(int(sys.argv[1])):
    os.close(os.open(os.path.join(folder, device), os.O_CREAT | os.O_EXCL))
time.sleep(0.15)
for device in os.environ["CUDA_VISIBLE_DEVICES"].split(","):
    os.unlink(os.path.join(folder, device))
"""

JOBS = 300
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
    errors = [job.communicate(timeout=600)[1] for job in jobs]
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


def refused(count: int, pool: str, locks: Path) -> str:
    script = f"from gansr.machine.gpu_lease import lease_gpus; lease_gpus({count})"
    variables = environment(locks, GPU_POOL=pool)
    result = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=600)
    assert result.returncode != 0
    return result.stderr


def test_more_than_there_are_is_refused(tmp_path: Path) -> None:
    told = refused(8, "0,1", tmp_path)
    assert "8 GPUs are asked for and this machine has 2; lower training.gpus" in told


def test_a_device_named_twice_is_one_device(tmp_path: Path) -> None:
    # a job that waits for a second "0" would wait for ever
    assert "this machine has 1" in refused(2, "0,0", tmp_path)


# as MARKER, but killed at any moment: the mark is a lock, which dies with its process; one more word, and it does not
# end by itself
STRESSED = """
import fcntl, os, random, sys, time
from gansr.machine.gpu_lease import lease_gpus
folder, seed = sys.argv[2], int(sys.argv[3])
marks = []
for device in lease_gpus(int(sys.argv[1])):
    mark = open(os.path.join(folder, device), "w")
    fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where another living process holds the device
    marks.append(mark)
print("held", flush=True)
time.sleep(600 if sys.argv[4:] else random.Random(seed).uniform(0, 0.05))
"""


@pytest.mark.slow
def test_hundreds_of_short_jobs_and_random_kills_never_share_a_device(tmp_path: Path) -> None:
    held = tmp_path / "held"
    held.mkdir()
    variables = environment(tmp_path / "locks", GPU_POOL="0,1,2,3")
    random = Random(0)
    waiting = [(random.choice((1, 1, 1, 2, 4)), number) for number in range(JOBS)]
    running: list[tuple[subprocess.Popen[str], float | None]] = []
    done = killed = killable = 0
    while waiting or running:
        while waiting and len(running) < 8:
            count, number = waiting.pop()
            doomed = time.monotonic() + random.uniform(0, 0.3) if random.random() < 0.4 else None
            words = [str(count), str(held), str(number), *([] if doomed is None else ["until it is killed"])]
            arguments = [sys.executable, "-c", STRESSED, *words]
            job = subprocess.Popen(arguments, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            killable += doomed is not None
            running.append((job, doomed))
        for job, doomed in list(running):
            if job.poll() is None:
                if doomed is not None and time.monotonic() > doomed:
                    job.kill()
                continue
            _, errors = job.communicate()
            running.remove((job, doomed))
            assert job.returncode in (0, -signal.SIGKILL), errors
            done += job.returncode == 0
            killed += job.returncode == -signal.SIGKILL
        time.sleep(0.005)
    assert done + killed == JOBS
    assert killed == killable > JOBS / 10
    assert answer_of_all_devices(tmp_path / "locks") == ["0", "1", "2", "3"]


def answer_of_all_devices(locks: Path) -> list[str]:
    """What a job gets that asks for all: it waits for ever where a dead owner's device is not free."""
    variables = environment(locks, GPU_POOL="0,1,2,3")
    result = subprocess.run(
        [sys.executable, "-c", HOLDER, "4"], env=variables, capture_output=True, text=True, input="", timeout=600
    )
    leased: list[str] = json.loads(result.stdout)["leased"]
    return leased


def test_a_process_that_becomes_another_keeps_its_devices(start: Start, tmp_path: Path) -> None:
    script = (
        "import os, sys; from gansr.machine.gpu_lease import lease_gpus; lease_gpus(1); "
        "os.execv(sys.executable, [sys.executable, '-c', 'import sys; print(1, flush=True); sys.stdin.read()'])"
    )
    variables = environment(tmp_path / "locks", GPU_POOL="0")
    first = subprocess.Popen(
        [sys.executable, "-c", script], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None and first.stdout.readline() == "1\n"
    second = start(1, GPU_POOL="0")
    said, _, _ = select.select([second.stdout], [], [], 1)
    assert not said
    first.communicate("")
    assert answer(second)["leased"] == ["0"]


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
