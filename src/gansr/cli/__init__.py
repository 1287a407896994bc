"""The command line `gansr <verb>`: one verb for each step of the workflow, each of which can also be called by hand.

A verb of the workflow takes its job (plan/jobs) as JSON and its files as options. The Snakefile fills them in, and
each log opens with the command line.
"""

from __future__ import annotations

import errno
import logging
import sys
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import typer

from gansr.cli import configuration, data, models, results, scores
from gansr.errors import UserError

logger = logging.getLogger("gansr")

app = typer.Typer(
    help="Train and compare GAN-based super-resolution methods under equal conditions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for verbs in (configuration, data, models, scores, results):
    for verb in verbs.VERBS:
        app.command()(verb)


def main() -> NoReturn:
    """Run a verb; a user's mistake prints one line and exits with 1."""
    try:
        app(standalone_mode=True)
    except UserError as error:
        logger.error("error: %s", error)
        sys.exit(1)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            logger.error("error: %s: the disk is full; make room and run again", _output_of(sys.argv))
            sys.exit(1)
        place = f"{error.filename}: " if error.filename else ""
        logger.error("error: %s%s", place, error.strerror)
        sys.exit(1)
    except Exception:
        logger.exception("an error in gansr itself")
        sys.exit(70)
    sys.exit(0)


def _output_of(arguments: list[str]) -> str:
    """The place that a command line writes to, for the message that the disk is full."""
    after = [following for word, following in pairwise(arguments) if word in ("--output", "--run-folder")]
    return after[0] if after else str(Path.cwd())
