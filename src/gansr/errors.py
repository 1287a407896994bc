"""The one exception that a user's mistake raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a config, a file or an argument.

    The message is one line that names the file, key or value and says what to do; the CLI and the
    Snakefile print it without a traceback and exit with 1.
    """

    def __init__(self, message: str) -> None:
        # messages of parsers have several lines, and a name in a message may contain a line break
        super().__init__(" ".join(message.split()))


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice on a misspelt `word`: the nearest of the `known` words, or all of them when none is near."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"valid: {', '.join(known)}" if known else "nothing is valid here"
