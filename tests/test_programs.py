"""A test whose program is missing is skipped on a user's machine and fails in CI, which installs every program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .programs import COMPILER, SLURM, need

CI_RUN = Path(__file__).parents[1] / ".ci" / "run"


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A folder of programs, of which make and apt-get write down what they are called with."""
    for name in ("make", "apt-get"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/called\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run_ci(fake: Path, **variables: str) -> list[str]:
    """The calls of `.ci/run` where nothing but its own programs is found."""
    subprocess.run(["/bin/bash", CI_RUN], env={"PATH": str(fake), **variables}, check=True, timeout=60)
    return (fake / "called").read_text().splitlines()


def install(fake: Path, *programs: str) -> None:
    for name in programs:
        (fake / name).write_text("")
        (fake / name).chmod(0o755)


def packages() -> dict[str, str]:
    """The list in `.ci/run`: program and the package that holds it."""
    return dict(re.findall(r'^    "([\w+]+) ([\w+-]+)"', CI_RUN.read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_what_is_there_is_not_missed(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    need(["make"], str(fake))


@pytest.mark.parametrize("ci", [None, "", "false"])
def test_a_missing_program_skips_the_test(fake: Path, monkeypatch: pytest.MonkeyPatch, ci: str | None) -> None:
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="slurmd not installed"):
        need(["make", "slurmd"], str(fake))


def test_in_ci_a_missing_program_fails_the_test(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="slurmd not installed"):
        need(["make", "slurmd"], str(fake))


def test_ci_has_a_package_for_every_program_that_a_test_needs() -> None:
    assert {*SLURM, *COMPILER} <= packages().keys()


def test_ci_installs_what_is_missing_and_runs_each_tier_once(fake: Path) -> None:
    install(fake, "slurmd")
    missing = " ".join(package for program, package in packages().items() if program != "slurmd")
    assert run_ci(fake, CI="true") == [
        "apt-get -qq update",
        f"apt-get -qq install --yes --no-install-recommends {missing}",
        *("make check", "make test", "make test-all"),
    ]


def test_ci_installs_nothing_where_everything_is_there(fake: Path) -> None:
    install(fake, *packages())
    assert run_ci(fake, CI="true") == ["make check", "make test", "make test-all"]


@pytest.mark.parametrize("variables", [{}, {"CI": ""}, {"CI": "false"}])
def test_outside_of_ci_nothing_is_installed(fake: Path, variables: dict[str, str]) -> None:
    assert run_ci(fake, **variables) == ["make check", "make test", "make test-all"]
