"""`--software-deployment-method conda`, with a conda that makes folders and a pip that writes down what it is told.

What the real ones would install is not tested here: the packages of the lock, from an index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Project

pytestmark = pytest.mark.workflow

CONDA = """#!/bin/bash
case "$1" in
--version) echo "conda 24.9.2" ;;
info) echo '{{"conda_prefix": "{conda}", "platform": "linux-64"}}' ;;
config) echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
env)
    while [ $# -gt 0 ]; do
        [ "$1" != --file ] || file=$2
        [ "$1" != --prefix ] || prefix=$2
        shift
    done
    cp "$file" {conda}/created.yaml
    mkdir -p "$prefix/bin"
    cp {conda}/python "$prefix/bin/python"
    ;;
esac
"""
ACTIVATE = """export CONDA_PREFIX=$1
export PATH=$1/bin:$PATH
"""
PYTHON = """#!/bin/bash
echo "$PWD: $*" >>{conda}/pip.txt
printf '#!/bin/bash\\necho "$0" >>{conda}/gansr.txt\\nexec {gansr} "$@"\\n' >"$CONDA_PREFIX/bin/gansr"
chmod +x "$CONDA_PREFIX/bin/gansr"
"""


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    """A conda installation."""
    folder = tmp_path / "conda"
    (folder / "bin").mkdir(parents=True)
    # Snakemake takes PYTHONPATH from a job in such an environment
    gansr = f"env PYTHONPATH={REPOSITORY / 'src'} {sys.executable} -m gansr"
    for name, script in (("bin/conda", CONDA), ("bin/activate", ACTIVATE), ("python", PYTHON)):
        file = folder / name
        file.write_text(script if script is ACTIVATE else script.format(conda=folder, gansr=gansr))
        file.chmod(0o755)
    return folder


def run(project: Project, conda: Path) -> subprocess.CompletedProcess[str]:
    """One job of the project."""
    return subprocess.run(
        project.command("--software-deployment-method", "conda", "results/data/small_test/x4/images"),
        cwd=project.folder,
        env=os.environ | {"PATH": f"{conda / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_job_runs_in_an_environment_with_the_lock_and_gansr(project: Project, conda: Path) -> None:
    shutil.copy(REPOSITORY / "requirements.lock", project.folder)
    for _ in range(2):  # the second time, the environment is there
        result = run(project, conda)
        assert result.returncode == 0, result.stderr[-3000:]
        shutil.rmtree(project.folder / "results")
    assert (conda / "created.yaml").read_text() == (REPOSITORY / "workflow" / "envs" / "gansr.yaml").read_text()
    assert (conda / "pip.txt").read_text().splitlines() == [
        f"{project.folder}: -m pip install --quiet --require-hashes -r requirements.lock",
        f"{project.folder}: -m pip install --quiet --no-deps --editable .",
    ]
    (environment,) = {Path(line) for line in (conda / "gansr.txt").read_text().splitlines()}
    assert environment.is_relative_to(project.folder / ".snakemake" / "conda")


def test_another_lock_than_the_one_that_the_environment_is_for_is_refused(project: Project, conda: Path) -> None:
    (project.folder / "requirements.lock").write_text("torch==1.0\n")
    result = run(project, conda)
    assert result.returncode != 0
    assert "requirements.lock: its sha256 is not that of gansr.post-deploy.sh; run make lock" in result.stderr
    assert not (conda / "pip.txt").exists() and not (project.folder / "results").exists()
