"""A disk that is full, or may not be written to, while a file is downloaded."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from download_data import CONTENT, HALF, KNOWN, SHA256, is_whole, refuse, remote

from gansr.data import download, transfer
from gansr.data.download import obtain

pytestmark = pytest.mark.usefixtures("short_times")


def test_too_little_room_is_said_before_anything_is_asked_for(tmp_path, server, monkeypatch):
    (tmp_path / ".a.bin.partial").write_bytes(CONTENT[:HALF])
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: SimpleNamespace(free=199_999))
    expected = remote(server.serve("/a", CONTENT), **KNOWN)
    refuse(expected, tmp_path, tmp_path, "200000 bytes are needed", "199999 are free")
    assert server.requests == []
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: SimpleNamespace(free=200_000))
    obtain(expected, tmp_path)


def test_too_little_room_for_what_a_server_announces_is_said(tmp_path, server, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1))
    refuse(remote(server.serve("/a", CONTENT)), tmp_path, "300000 bytes are needed", "1 are free")


class FullDisk:
    """A stream that takes so many bytes and then finds the disk full."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()

    def write(self, content):
        self.stream.write(content[: self.room])
        if len(content) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(content)


def test_a_full_disk_keeps_what_has_arrived_and_the_next_call_goes_on(tmp_path, server, monkeypatch):
    plain = Path.open

    def full(file, mode="r", *rest, **options):
        stream = plain(file, mode, *rest, **options)
        return FullDisk(stream, HALF) if mode == "ab" else stream

    expected = remote(server.serve("/a", CONTENT), **KNOWN)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        refuse(expected, tmp_path, tmp_path, "the disk is full", "goes on where it stopped")
    assert not (tmp_path / "a.bin").exists()
    obtain(expected, tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, server, monkeypatch):
    # chmod does not stop root, as whom tests may run
    def refuse_to_open(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(download.os, "open", refuse_to_open)
    refuse(remote(server.serve("/a", CONTENT)), tmp_path, tmp_path, "Permission denied", "make it writable")
    (tmp_path / "a.bin").write_bytes(CONTENT)
    refuse(remote(), tmp_path, tmp_path, "Permission denied")
    assert obtain(remote(**KNOWN), tmp_path).sha256 == SHA256


def test_a_folder_that_cannot_be_made_is_named(tmp_path, server):
    (tmp_path / "file").touch()
    refuse(remote(server.serve("/a", CONTENT)), tmp_path / "file" / "folder", tmp_path / "file" / "folder")
