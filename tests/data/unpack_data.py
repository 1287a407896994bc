"""Archives to unpack, and what a refused one leaves behind."""

import tarfile

import pytest
from archive_data import packed

from gansr.data.unpack import unpack
from gansr.errors import UserError

SET5 = {
    "benchmark/Set5/HR/baby.png": b"baby" * 500,
    "benchmark/Set5/HR/bird.PNG": b"bird" * 700,
    "benchmark/Set5/LR/baby.png": b"small",
    "benchmark/Set5/read.me": b"words",
}
HR = "benchmark/Set5/HR/*.png"
KINDS = ["zip", "stored zip", "tar", "tar.gz"]


def pack(kind, members, file):
    """An archive of this kind, under any name."""
    file.write_bytes(packed(kind, members))
    return file


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def refuse(archive, pattern, folder, *words):
    before = names(folder), names(folder.parent)
    with pytest.raises(UserError) as caught:
        unpack(archive, pattern, folder)
    for word in (archive, *words):
        assert str(word) in str(caught.value)
    assert "\n" not in str(caught.value) and "()" not in str(caught.value)
    assert (names(folder), names(folder.parent)) == before


def tar_entry(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
