"""The environment: what the project requires is pinned, hashed, and what is installed."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from gansr.checksum import checksum

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
CONDA = ROOT / "workflow" / "envs"


def pins() -> dict[str, list[tuple[Version, Marker | None, int]]]:
    """By name: version, marker and number of hashes of every pin of the lock."""
    found: dict[str, list[tuple[Version, Marker | None, int]]] = {}
    lines = LOCK.replace("\\\n", " ").splitlines()
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        parsed = Requirement(requirement)
        (specifier,) = parsed.specifier
        assert specifier.operator == "==" and "*" not in specifier.version, line
        pin = (Version(specifier.version), parsed.marker, sum(value.startswith("sha256:") for value in hashes))
        found.setdefault(canonicalize_name(parsed.name), []).append(pin)
    return found


PINS = pins()


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_requirement_is_pinned_inside_its_range(requirement: Requirement) -> None:
    versions = [version for version, _, _ in PINS[canonicalize_name(requirement.name)]]
    assert versions and all(version in requirement.specifier for version in versions)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_exactly_one_pin_of_every_requirement_applies_to_each_python(python: str) -> None:
    there = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    for requirement in REQUIREMENTS:
        name = canonicalize_name(requirement.name)
        applying = [v for v, marker, _ in PINS[name] if marker is None or marker.evaluate(dict(there))]
        assert len(applying) == 1, (name, applying)


def test_every_pin_has_a_hash() -> None:
    assert [name for name, found in PINS.items() for _, _, hashes in found if not hashes] == []


def unknown_lock_lines(lock: str) -> list[str]:
    """The lines of a lock that are no plain words in a comment, no pin and no hash: they could hold an address."""
    comment = r"#[\w ]+:?"
    pin = r"[\w.-]+==[\w.+-]+( ; [\w .<>=!'()]+)?( \\)?"
    checksum = r"    --hash=sha256:[0-9a-f]{64}( \\)?"
    return [line for line in lock.splitlines() if not re.fullmatch(f"{comment}|{pin}|{checksum}", line)]


def unknown_environment_parts(text: str) -> list[str]:
    """What an environment.yml has besides channels by name and known options: lines, keys, channels, options."""
    environment = yaml.safe_load(text)
    *_, pip = environment["dependencies"]
    given = [word for line in pip["pip"] for word in line.split() if word.startswith("-")]
    named = re.findall(r"(?<!\S)-+\w\S*", text)
    return [
        *(line for line in text.splitlines() if not re.fullmatch(r"[\w #`;:,.>=\[\]-]*", line)),
        *sorted(environment.keys() - {"name", "channels", "dependencies"}),
        *(channel for channel in environment["channels"] if not re.fullmatch(r"[\w-]+", channel)),
        *(option for option in given if option not in {"--require-hashes", "-r"}),
        # a comment names what is left to do by hand
        *(option for option in named if option not in {"--require-hashes", "-r", "--no-deps", "--editable"}),
    ]


# no other program of the Makefile gets an option of the installers, nor the installers one of theirs
OTHER_OPTIONS = {
    *("-c", "-m", "-rf", "--cores", "--resources", "--check", "--lint"),
    *("--numprocesses", "--dist", "--no-loadscope-reorder", "--in-place"),
}
INSTALLER_OPTIONS = {
    *("-m", "--quiet", "--disable-pip-version-check", "--python", "--compile-bytecode", "--no-deps", "--editable"),
    *("--require-hashes", "-r", "--extra", "--universal", "--python-version", "--generate-hashes", "--output-file"),
    *("--no-emit-index-url", "--no-annotate", "--upgrade", "--custom-compile-command"),
}
RELATIVE_PATH = re.compile(r"[\w.$()-]+(/[\w.$()-]+)+:?")


def unknown_makefile_words(makefile: str) -> list[str]:
    """What a Makefile has besides known options and relative paths, and the installers' own variables."""
    unknown = re.findall(r"(?i)\b(?:uv|pip)_\w+", makefile)
    for line in makefile.replace("\\\n", " ").splitlines():
        known = INSTALLER_OPTIONS if re.search(r"\b(uv|pip)\b", line) else OTHER_OPTIONS
        unknown += [word for word in line.split() if word.startswith(("-", "@")) and word not in known]
        unknown += [word for word in line.split() if "/" in word and not RELATIVE_PATH.fullmatch(word)]
    return unknown


UNKNOWN = [(unknown_lock_lines, LOCK), (unknown_environment_parts, ENVIRONMENT), (unknown_makefile_words, MAKEFILE)]


@pytest.mark.parametrize(("unknown", "text"), UNKNOWN, ids=["requirements.lock", "environment.yml", "Makefile"])
def test_no_address_of_any_index_is_kept(unknown: Callable[[str], list[str]], text: str) -> None:
    assert unknown(text) == []


def test_environment_yml_installs_the_lock_with_its_hashes() -> None:
    environment = yaml.safe_load(ENVIRONMENT)
    assert environment["name"] == PROJECT["name"]
    python, _, pip = environment["dependencies"]
    assert Requirement(python).specifier == Requirement("python" + PROJECT["requires-python"]).specifier
    assert pip["pip"] == ["--require-hashes", "-r requirements.lock"]


def test_the_environment_of_the_jobs_is_of_this_python_and_this_lock() -> None:
    environment = yaml.safe_load((CONDA / "gansr.yaml").read_text(encoding="utf-8"))
    python, pip = environment["dependencies"]
    assert Requirement(python).specifier == Requirement("python" + PROJECT["requires-python"]).specifier
    assert environment["channels"] == yaml.safe_load(ENVIRONMENT)["channels"] and pip == "pip"
    told = re.search(r"^LOCK_SHA256=(\w+)$", (CONDA / "gansr.post-deploy.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert told and told[1] == checksum(ROOT / "requirements.lock")


def test_the_package_imports_nothing_that_tests_alone_require() -> None:
    # pyiqa's licence is for non-commercial use
    development = [Requirement(line).name for line in PROJECT["optional-dependencies"]["dev"]]
    assert "pyiqa" in development
    modules = "|".join(re.escape(name.replace("-", "_")) for name in development)
    for file in (ROOT / "src").rglob("*.py"):
        imports = re.findall(rf"^ *(?:import|from) ({modules})\b", file.read_text(encoding="utf-8"), re.I | re.M)
        assert not imports, file


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    installed = Version(importlib.metadata.version(name))
    # the same release may be built for different accelerators: 2.0.0+cpu
    assert Version(installed.public) in [version for version, _, _ in PINS[name]]


def test_the_lock_is_made_by_the_makefile_with_a_pinned_uv() -> None:
    version = re.search(r"^UV := (\S+)$", MAKEFILE, re.MULTILINE)
    assert version and str(Version(version[1])) == version[1]
    recipes = dict(re.findall(r"^([\w./-]+):[^=\n]*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE))
    assert "uv==$(UV)" in recipes[".venv/ready"]
    assert "$(BIN)/uv pip install" in recipes[".venv/ready"] and "--require-hashes" in recipes[".venv/ready"]
    assert "$(BIN)/uv pip compile pyproject.toml" in recipes["lock"]
    for option in ("--extra dev", "--universal", "--generate-hashes", "--no-emit-index-url"):
        assert option in recipes["lock"]
    first, second = LOCK.splitlines()[:2]
    assert "autogenerated by uv" in first and second.strip("# ") == "make lock"


def test_the_commands_of_the_package_are_installed() -> None:
    commands = {
        entry.name: entry.value
        for entry in importlib.metadata.entry_points(group="console_scripts")
        if entry.value.startswith("gansr.")
    }
    assert commands == PROJECT["scripts"]
