"""Files and folders that appear under their final name only when they are complete."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _partial(final: Path, owner: str = "") -> Path:
    return final.parent / f".{final.name}{owner}.partial"


@contextmanager
def atomic_file(final: Path) -> Iterator[Path]:
    """A path to write to; it becomes `final` when the block ends, and vanishes when the block fails."""
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(final, f".{os.getpid()}")  # two processes that write the same file use two partial files
    try:
        yield partial
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """A new folder to fill; it becomes `final` when the block ends, and vanishes when the block fails."""
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(final)
    with _own_folder(partial):
        _empty(partial)
        try:
            yield partial
            _replace(final, partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def resumable_folder(final: Path) -> Iterator[Path]:
    """A folder to fill in several attempts; it becomes `final` when the block ends.

    A block that fails or is killed leaves what it has done, and the next one finds it there.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(final)
    with _own_folder(partial):
        yield partial
        _replace(final, partial)


def _replace(final: Path, partial: Path) -> None:
    """Give a folder its final name; an earlier folder of this name is moved aside first and then deleted.

    Only between the two renames is there no folder of this name.
    """
    earlier = final.parent / f".{final.name}.earlier"
    shutil.rmtree(earlier, ignore_errors=True)
    if final.exists():
        final.rename(earlier)
    partial.replace(final)
    shutil.rmtree(earlier, ignore_errors=True)


def _empty(folder: Path) -> None:
    for leftover in folder.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """Make a folder and own it: of two processes that fill it at once, the second waits."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another process has just renamed it to the final name: make it again
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # while this process waited for the lock, the folder may have been renamed: then the lock is on another one
            if not folder.exists() or folder.stat().st_ino != os.fstat(descriptor).st_ino:
                continue
            yield
            return
        finally:
            os.close(descriptor)


def write_text(final: Path, text: str) -> None:
    """Write a text file in one step."""
    with atomic_file(final) as partial:
        partial.write_text(text, encoding="utf-8")
