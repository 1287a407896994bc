"""The command `snakemake` of this environment: Snakemake, with targets allowed after options that take several values.

Snakemake takes every word after `--resources`, `--config`, `--configfile` and `--sdm` for a value of this option, so
that `snakemake --cores 4 --resources gpu=4 all` would fail at the target `all`. This launcher moves such targets to the
front, reports a missing config file in one line, and changes nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

CONFIG_FILES = ("--configfile", "--configfiles")


def _is_assignment(word: str) -> bool:
    return "=" in word


def _is_config_file(word: str) -> bool:
    # a file below results/ (spec.yaml, provenance.json) is a target
    return word.endswith((".yaml", ".yml", ".json")) and not word.startswith("results/")


def _is_deployment_method(word: str) -> bool:
    return word in ("apptainer", "conda", "env-modules")


# option -> whether a word after it is one of its values
BELONGS: dict[str, Callable[[str], bool]] = {
    "--resources": _is_assignment,
    "--res": _is_assignment,
    "--config": _is_assignment,
    "-C": _is_assignment,
    **dict.fromkeys(CONFIG_FILES, _is_config_file),
    **dict.fromkeys(("--software-deployment-method", "--deployment-method", "--sdm"), _is_deployment_method),
}


def targets_first(arguments: list[str]) -> list[str]:
    """The arguments, with targets that follow the values of an option in BELONGS moved to the front."""
    targets: list[str] = []
    kept: list[str] = []
    belongs: Callable[[str], bool] | None = None
    for number, argument in enumerate(arguments):
        if argument == "--":
            kept += arguments[number:]
            break
        if argument.startswith("-"):
            belongs = BELONGS.get(argument)
        value_of_option = number > 0 and arguments[number - 1] in BELONGS
        if belongs is None or argument.startswith("-") or value_of_option or belongs(argument):
            kept.append(argument)
        else:
            targets.append(argument)
    return targets + kept


def missing_config_file(arguments: list[str]) -> str | None:
    """The first config file among the arguments that does not exist."""
    after_option = False
    for number, argument in enumerate(arguments):
        if argument.startswith("-"):
            after_option = argument in CONFIG_FILES
            continue
        is_value = arguments[number - 1] in CONFIG_FILES or _is_config_file(argument)
        if after_option and is_value and not Path(argument).is_file():
            return argument
    return None


def own_commands_first() -> None:
    """Put this environment's commands first on the PATH: jobs call `gansr` even if the environment is not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def name_checkout(folder: Path) -> None:
    """Set GANSR_CHECKOUT for workflow/envs/gansr.post-deploy.sh: Snakemake runs a copy of it in another folder."""
    os.environ["GANSR_CHECKOUT"] = str(folder)


def main() -> None:
    """Run Snakemake."""
    sys.argv[1:] = targets_first(sys.argv[1:])
    missing = missing_config_file(sys.argv[1:])
    if missing and not any(word.startswith(("-d", "--directory")) for word in sys.argv[1:]):
        sys.exit(f"gansr: error: {missing}: no such config file; correct its path")
    from snakemake.cli import main as snakemake

    snakemake()
