"""A file to download, and what is there afterwards."""

import hashlib
import random

import pytest

from gansr.config.remote_file import RemoteFile
from gansr.data.download import obtain
from gansr.errors import UserError

CONTENT = random.Random(0).randbytes(300_000)
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()
WRONG = bytes(len(CONTENT))
HALF = 100_000
KNOWN = {"bytes": len(CONTENT), "sha256": SHA256}


def remote(*addresses, **facts):
    return RemoteFile(file="a.bin", addresses=addresses, **facts)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def refuse(expected, folder, *words, **options):
    with pytest.raises(UserError) as caught:
        obtain(expected, folder, **options)
    for word in words:
        assert str(word) in str(caught.value)
    assert "\n" not in str(caught.value)


def is_whole(folder):
    return (folder / "a.bin").read_bytes() == CONTENT and names(folder) == ["a.bin", "a.bin.sha256"]


def break_off(expected, folder):
    """A download that fails and leaves what has arrived."""
    with pytest.raises(UserError, match="cannot be downloaded"):
        obtain(expected, folder)
