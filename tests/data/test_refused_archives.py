"""Archives that lead out of their folder, are none, or hold too much."""

import errno
import gzip
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unpack_data import HR, KINDS, SET5, names, pack, refuse, tar_entry

from gansr.data import unpack as module
from gansr.data.unpack import unpack
from gansr.errors import UserError


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


# archives that lead elsewhere


@pytest.mark.parametrize(
    "path", ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "C:\\evil.png", "a/.."]
)
def test_one_path_that_leads_out_refuses_the_whole_archive(archive_of, folder, path):
    archive = archive_of({"a.png": b"1", path: b"evil", "b.png": b"2"})
    refuse(archive, "*.png", folder, path.replace("\\", "/"), "leads out")


def test_a_folder_that_leads_out_refuses_the_whole_archive(tmp_path, folder):
    tar = pack("tar", [("a.png", b"1"), (tar_entry("../b", tarfile.DIRTYPE), b"")], tmp_path / "a.tar")
    refuse(tar, "*.png", folder, "../b")
    refuse(pack("zip", {"a.png": b"1", "../b/": b""}, tmp_path / "a.zip"), "*.png", folder, "../b/")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "a.png"])
def test_a_link_or_device_that_matches_is_refused(tmp_path, folder, kind, target):
    (tmp_path / "secret").write_text("mine")
    tar = pack("tar.gz", [("a.png", b"1"), (tar_entry("b.png", kind, target), b"")], tmp_path / "a.tgz")
    refuse(tar, "*.png", folder, "b.png", "link or device")


def test_a_link_in_a_zip_that_matches_is_refused(tmp_path, folder):
    archive = pack("zip", [("a.png", b"1"), (zip_link("b.png"), b"/etc/passwd")], tmp_path / "a.zip")
    refuse(archive, "*.png", folder, "b.png", "link or device")


def test_a_link_that_does_not_match_is_left_out(tmp_path, folder):
    tar = pack("tar", [(tar_entry("b", tarfile.SYMTYPE, "/etc"), b""), ("a.png", b"1")], tmp_path / "a.tar")
    assert unpack(tar, "*.png", folder) == [folder / "a.png"]


def test_a_folder_that_is_a_link_is_not_followed(tmp_path, folder):
    (tmp_path / "elsewhere").mkdir()
    members = [(tar_entry("d", tarfile.SYMTYPE, str(tmp_path / "elsewhere")), b""), ("d/a.png", b"1")]
    assert unpack(pack("tar", members, tmp_path / "a.tar"), "*/*.png", folder) == [folder / "d_a.png"]
    assert names(tmp_path / "elsewhere") == []


def test_a_link_that_lies_in_the_folder_is_neither_followed_nor_replaced(tmp_path, archive_of, folder):
    (tmp_path / "mine").write_text("mine")
    (folder / "b.png").symlink_to(tmp_path / "mine")
    archive = archive_of({"a.png": b"1", "b.png": b"2"})
    with pytest.raises(UserError, match=r"b\.png: is there already"):
        unpack(archive, "*.png", folder)
    assert (tmp_path / "mine").read_text() == "mine"
    assert names(folder) == ["b.png"]


def test_two_files_of_one_name_are_refused(archive_of, folder):
    refuse(archive_of({"a/b_c.png": b"1", "a_b/c.png": b"2"}), "*/*.png", folder, "a/b_c.png", "a_b/c.png")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_in_it_twice_is_refused(archive_of, folder):
    refuse(archive_of([("a.png", b"1"), ("./a.png", b"2")]), "*.png", folder, "would both be a.png")
    refuse(archive_of([("a.png", b"1"), ("a.png", b"2")]), "*.png", folder, "would both be a.png")


# archives that are none, or too much


def test_when_nothing_matches_the_layout_is_told(archive_of, folder):
    words = "benchmark/Set5/HR/baby.png", "benchmark/Set5/LR/baby.png", "benchmark/Set5/read.me", '"Set5/*.png"'
    refuse(archive_of(SET5), "Set5/*.png", folder, *words)


def test_of_many_folders_only_some_are_told(archive_of, folder):
    archive = archive_of({f"{number:03}/a.png": b"" for number in range(99)})
    refuse(archive, "*.png", folder, "000/a.png", "004/a.png")
    with pytest.raises(UserError) as caught:
        unpack(archive, "*.png", folder)
    assert "005/a.png" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_empty_archive_is_said_to_hold_nothing(tmp_path, folder, kind):
    refuse(pack(kind, {}, tmp_path / "a"), "*.png", folder, "nothing")


@pytest.mark.parametrize(
    "content",
    [b"", b"<!DOCTYPE html><html>", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", bytes(1024), b"BZh9", b"x" * 600],
)
def test_what_is_no_archive_is_refused(tmp_path, folder, content):
    (tmp_path / "a.zip").write_bytes(content)
    refuse(tmp_path / "a.zip", "*.png", folder, "no zip, tar or tar.gz")


def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path, folder):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(b"<html>" * 1000))
    refuse(tmp_path / "a.tar.gz", "*.png", folder, "broken")


def test_an_archive_that_is_not_there_is_refused(tmp_path, folder):
    refuse(tmp_path / "a.zip", "*.png", folder, "No such file")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(st.data())
def test_an_archive_cut_short_anywhere_is_refused(tmp_path_factory, kind, data):
    root = tmp_path_factory.mktemp("cut")
    (root / "images").mkdir()
    archive = pack(kind, {f"{number}.png": bytes(range(1, 200)) * number for number in range(6)}, root / "archive")
    content = archive.read_bytes()
    end = len(content.rstrip(b"\0")) if kind == "tar" else len(content) - 1  # a tar ends in zeros
    archive.write_bytes(
        content[: data.draw(st.one_of(st.integers(0, end), st.integers(0, end // 512).map((512).__mul__)))]
    )
    refuse(archive, "*.png", root / "images")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100)
@given(st.data())
def test_an_archive_with_broken_bytes_is_refused_or_stays_in_its_folder(tmp_path_factory, kind, data):
    root = tmp_path_factory.mktemp("broken")
    folder = root / "images"
    folder.mkdir()
    archive = pack(kind, {f"d/{number}.png": bytes(range(200)) * number for number in range(4)}, root / "archive")
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    try:
        files = unpack(archive, "*/*", folder)
    except UserError:
        files = []
    assert names(root) == ["archive", "images"]
    assert names(folder) == sorted(file.name for file in files)


def test_a_header_broken_in_the_middle_is_not_taken_for_the_end(tmp_path, folder):
    archive = pack("tar", {"a.png": b"1", "b.png": b"2"}, tmp_path / "a.tar")
    content = bytearray(archive.read_bytes())
    content[1024] ^= 1
    archive.write_bytes(content)
    refuse(archive, "*.png", folder, "broken")


def test_changed_bytes_of_a_tar_gz_are_told_by_its_checksum(tmp_path, folder):
    archive = tmp_path / "a.tgz"
    pack("tar", {"a.png": b"1"}, tmp_path / "a.tar")
    content = bytearray(gzip.compress((tmp_path / "a.tar").read_bytes()))
    content[-8] ^= 1
    archive.write_bytes(content)
    refuse(archive, "*.png", folder, "CRC")


def test_a_size_that_no_disk_has_is_refused_at_once(tmp_path, folder):
    for size in (2**70, -(2**70)):
        huge = tarfile.TarInfo("other")
        huge.size = size
        (tmp_path / "a.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
        refuse(tmp_path / "a.tar", "*.png", folder, "broken")


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({6: 255}, "version"),  # needed to unpack it
        ({9: 8, 46: 255}, "utf-8"),  # the name's encoding, and the name
        ({22: 1, 26: 1}, "ends too early"),  # the packed and the unpacked size
    ],
)
def test_a_zip_with_a_list_that_cannot_be_is_refused(tmp_path, folder, entry, complaint):
    archive = pack("stored zip", {"a.png": b"1"}, tmp_path / "a.zip")
    packed = bytearray(archive.read_bytes())
    for offset, byte in entry.items():
        packed[packed.index(b"PK\x01\x02") + offset] = byte
    archive.write_bytes(packed)
    refuse(archive, "*.png", folder, "broken or cut short", complaint)


def test_an_encrypted_zip_is_refused(tmp_path, folder):
    archive = pack("zip", {"a.png": b"1"}, tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    refuse(archive, "*.png", folder, "a.png", "encrypted")


def test_a_zip_of_another_compression_is_refused(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("a.png", bytes(1000))
    refuse(tmp_path / "a.zip", "*.png", folder, "neither stored nor deflated")


def declare(archive, size):
    """Let a zip of one file state another size for it."""
    content = bytearray(archive.read_bytes())
    struct.pack_into("<I", content, 22, size)
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, size)
    archive.write_bytes(content)
    return archive


@pytest.mark.parametrize("size", [1, 99_999, 100_001])
def test_a_file_that_is_not_of_the_size_it_declares_is_refused(tmp_path, folder, size):
    archive = declare(pack("zip", {"a.png": bytes(100_000)}, tmp_path / "a.zip"), size)
    refuse(archive, "*.png", folder)


def test_a_bomb_is_refused_before_it_fills_the_disk(archive_of, folder, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=900_000))
    refuse(
        archive_of({"a.png": bytes(1_000_000)}), "*.png", folder, "1000000 bytes are needed", "900000 are free", folder
    )


def test_a_zip_is_refused_for_all_its_files_together(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: SimpleNamespace(free=900_000))
    members = {"a.png": bytes(600_000), "b.png": bytes(600_000), "c.txt": bytes(600_000)}
    refuse(pack("zip", members, tmp_path / "a.zip"), "*.png", folder, "1200000 bytes are needed")


def test_an_extended_header_that_would_fill_the_memory_is_refused(tmp_path, folder):
    info = tar_entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    archive = pack("tar.gz", [(info, bytes(2_000_000)), ("a.png", b"1")], tmp_path / "a.tgz")
    refuse(archive, "*.png", folder, "extended header too long")


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(archive_of, folder, monkeypatch):
    archive = archive_of(SET5)
    plain = Path.open

    def full(file, mode="r", *rest, **options):
        if mode == "xb" and file.name == "bird.PNG":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(file, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", full)
    refuse(archive, HR, folder, "the disk is full", folder)


def test_a_folder_that_is_not_there_is_named(archive_of, tmp_path):
    archive = archive_of(SET5)
    with pytest.raises(UserError, match=str(tmp_path / "nowhere")):
        unpack(archive, HR, tmp_path / "nowhere")


def test_names_of_any_bytes_can_be_told(tmp_path, folder):
    archive = pack("tar", {b"\xff\n.txt".decode("utf-8", "surrogateescape"): b"1"}, tmp_path / "a.tar")
    with pytest.raises(UserError) as caught:
        unpack(archive, "*.png", folder)
    assert "udcff .txt" in str(caught.value)
    str(caught.value).encode("utf-8")
