"""What is extracted from an archive, and under which names."""

import gzip
import logging
import os
import stat
import tarfile
import tracemalloc
import zipfile

import pytest
from unpack_data import HR, SET5, names, pack, refuse, tar_entry

from gansr.data import unpack as module
from gansr.data.unpack import unpack


def test_the_files_that_match_get_their_names_and_bytes(archive_of, folder):
    files = unpack(archive_of(SET5), HR, folder)
    assert files == [folder / "baby.png", folder / "bird.PNG"]
    assert [file.read_bytes() for file in files] == [b"baby" * 500, b"bird" * 700]
    assert names(folder) == ["baby.png", "bird.PNG"]


def test_folders_that_a_pattern_leaves_open_are_part_of_the_name(archive_of, folder):
    archive = archive_of({"OST/animal/0001.png": b"a", "OST/sky/0001.png": b"s", "OST/0001.png": b"", "x/y/z.png": b""})
    assert [file.name for file in unpack(archive, "OST/*/*.png", folder)] == ["animal_0001.png", "sky_0001.png"]
    assert (folder / "sky_0001.png").read_bytes() == b"s"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.png", ["OST_0001.png", "OST_animal_0001.png", "OST_sky_blue_0001.png"]),
        ("OST/**/*.png", ["0001.png", "animal_0001.png", "sky_blue_0001.png"]),
        ("OST/**/blue/*.png", ["sky_blue_0001.png"]),
        ("**/animal/0001.png", ["OST_animal_0001.png"]),
    ],
)
def test_two_stars_stand_for_any_folders_and_for_none(archive_of, folder, pattern, expected):
    archive = archive_of(
        {"OST/animal/0001.png": b"a", "OST/sky/blue/0001.png": b"s", "OST/0001.png": b"o", "OST/a.txt": b"t"}
    )
    assert [file.name for file in unpack(archive, pattern, folder)] == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/b/c.png", ["c.png"]),
        ("./a/b/c.png", ["c.png"]),
        ("A/e/*.PNG", ["D.png"]),
        ("*/b/c.png", ["a_b_c.png"]),
        ("a/?/[cd].*", ["E_D.png", "b_c.png"]),
        ("*.png", ["d.png"]),
    ],
)
def test_a_star_stands_for_a_part_of_one_name_in_either_case(archive_of, folder, pattern, expected):
    archive = archive_of({"a/b/c.png": b"1", "a/E/D.png": b"2", "d.png": b"3", "a/e/f/c.png": b"4"})
    assert [file.name for file in unpack(archive, pattern, folder)] == expected


def test_leading_dots_are_nothing_and_hidden_files_are_left_out(archive_of, folder):
    left_out = ["./a/.x.png", "a/._b.png", "a/.png", ".a/b.png", "__MACOSX/b.png"]
    archive = archive_of({"./a/b.png": b"1", **dict.fromkeys(left_out, b"2")})
    assert unpack(archive, "a/*.png", folder) == [folder / "b.png"]
    assert (folder / "b.png").read_bytes() == b"1"
    refuse(archive, "__MACOSX/*.png", folder, "no file matches")
    refuse(archive, ".a/*.png", folder, "no file matches")


def test_folders_are_not_listed_even_with_a_name_that_matches(tmp_path, folder):
    tar = pack("tar", [(tar_entry("a/b.png", tarfile.DIRTYPE), b""), ("a/c.png", b"1")], tmp_path / "a.tar")
    assert unpack(tar, "a/*.png", folder) == [folder / "c.png"]
    (folder / "c.png").unlink()
    without_slash = zipfile.ZipInfo("a/d.png")
    without_slash.external_attr = (stat.S_IFDIR | 0o755) << 16
    members = [("a/b.png/", b""), (without_slash, b""), ("a/c.png", b"1")]
    zipped = pack("zip", members, tmp_path / "a.zip")
    assert unpack(zipped, "a/*.png", folder) == [folder / "c.png"]


def test_the_backslashes_of_windows_part_folders(tmp_path, folder):
    info = zipfile.ZipInfo("a/b.png")
    info.filename = "a\\b.png"
    assert unpack(pack("zip", [(info, b"1")], tmp_path / "a.zip"), "a/*.png", folder) == [folder / "b.png"]


def test_an_empty_file_and_a_large_one_are_whole(archive_of, folder):
    large = os.urandom(2 * module.CHUNK + 1)
    files = unpack(archive_of({"a.png": b"", "b.png": large}), "*.png", folder)
    assert [file.read_bytes() for file in files] == [b"", large]


def test_long_names_of_a_tar_are_read(tmp_path, folder):
    name = "/".join(["folder" * 20] * 3) + "/a.png"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=form) as packed:
            packed.addfile(tarfile.TarInfo(name))
        assert unpack(tmp_path / "a.tar", name, folder) == [folder / "a.png"]
        (folder / "a.png").unlink()


def test_a_tar_gz_is_read_once(tmp_path, folder, monkeypatch):
    content = {f"{number}.png": os.urandom(200_000) for number in range(9)}
    archive = pack("tar.gz", content, tmp_path / "a.tgz")
    asked = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda *args: asked.append(len(got := read(*args))) or got)
    monkeypatch.setattr(gzip.GzipFile, "rewind", lambda self: pytest.fail("read again from its start"))
    unpack(archive, "*.png", folder)
    assert sum(asked) < 9 * 201_000 + 20_000


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_memory_does_not_grow_with_the_files(tmp_path, folder, kind):
    archive = pack(kind, {"a.png": bytes(40_000_000)}, tmp_path / "archive")
    tracemalloc.start()
    unpack(archive, "*.png", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (folder / "a.png").stat().st_size == 40_000_000
    assert peak < 8_000_000


def test_the_log_tells_when_it_is_done(archive_of, folder, caplog):
    caplog.set_level(logging.INFO, "gansr")
    unpack(archive_of(SET5), HR, folder)
    assert any("unpack archive" in message for message in caplog.messages)
