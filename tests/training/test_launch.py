"""A training started by torchrun itself, as on several machines, has as many processes as its spec says."""

import os
import subprocess
import sys

import pytest

from tests.training_jobs import NOTHING, train_job


def job(gpus):
    return train_job(NOTHING | {"method": NOTHING["method"] | {"batch_size": 4}, "training": {"gpus": gpus}})


@pytest.mark.parametrize(("started", "gpus"), [(2, 1), (2, 4)])
def test_another_number_of_processes_than_the_spec_says_is_refused(tmp_path, started, gpus):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "gansr", "train", "--job", job(gpus).to_json()),
            *("--name", "model", "--patches", "none", "--state", "state", "--output", "output"),
        ],
        cwd=tmp_path,
        env=os.environ | {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": str(started)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"gansr: error: torchrun started {started} processes and training.gpus is {gpus}; make them equal\n"
    )
    assert list(tmp_path.iterdir()) == []
