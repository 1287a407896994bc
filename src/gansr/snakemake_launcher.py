"""The command `snakemake` of this environment: Snakemake, with targets allowed after --resources.

Snakemake takes every word after `--resources` for a resource, so that the natural
`snakemake --cores 4 --resources gpu=4 all` fails on the target `all`. This launcher puts such targets
first and changes nothing else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

GREEDY_OPTIONS = ("--resources", "--res")


def targets_first(arguments: list[str]) -> list[str]:
    """The arguments with the words that follow the NAME=VALUE pairs of --resources moved to the front."""
    targets: list[str] = []
    kept: list[str] = []
    after_resources = False
    for number, argument in enumerate(arguments):
        if argument == "--":
            kept += arguments[number:]
            break
        if argument.startswith("-"):
            after_resources = argument in GREEDY_OPTIONS
        if after_resources and not argument.startswith("-") and "=" not in argument:
            targets.append(argument)
        else:
            kept.append(argument)
    return targets + kept


def own_commands_first() -> None:
    """Put this environment's commands on the PATH: jobs call `gansr`, also where the environment is not active."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def main() -> None:
    """Run Snakemake."""
    from snakemake.cli import main as snakemake

    sys.argv[1:] = targets_first(sys.argv[1:])
    snakemake()
