"""A file that is there is verified; one that is not is downloaded, or asked for."""

import hashlib
import shutil
import subprocess

import pytest
from download_data import CONTENT, KNOWN, MD5, SHA256, WRONG, is_whole, names, refuse, remote
from http_server import Answer

from gansr.data.download import obtain, verify
from gansr.data.verification import Receipt
from gansr.errors import UserError

pytestmark = pytest.mark.usefixtures("short_times")


def test_a_file_that_is_there_is_verified_by_its_published_sha256(tmp_path, server):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    receipt = obtain(remote(server.serve("/a", CONTENT), **KNOWN), tmp_path)
    assert receipt == Receipt("a.bin", len(CONTENT), SHA256, None, "sha256")
    assert server.requests == []
    assert names(tmp_path) == ["a.bin"]  # so that a read-only folder serves


@pytest.mark.parametrize(
    ("facts", "found", "wanted"),
    [
        ({"sha256": "0" * 64}, SHA256, "0" * 64),
        ({"md5": "0" * 32}, MD5, "0" * 32),
        ({"bytes": 7, "sha256": SHA256}, "300000", "7"),
        ({"sha256": SHA256, "bytes": 300_001}, "300000 bytes", "300001"),
    ],
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path, server, facts, found, wanted):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    address = server.serve("/a", CONTENT)
    refuse(remote(address, **facts), tmp_path, tmp_path / "a.bin", found, wanted, "move it away")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.bin"]
    assert server.requests == []


@pytest.mark.parametrize("make", [lambda file: file.mkdir(), lambda file: file.symlink_to("nowhere")])
def test_what_is_no_file_is_refused_and_left_as_it_is(tmp_path, server, make):
    make(tmp_path / "a.bin")
    refuse(remote(server.serve("/a", CONTENT)), tmp_path, "not a file", "move it away")
    assert names(tmp_path) == ["a.bin"]
    assert server.requests == []


def test_without_a_published_checksum_the_first_copy_is_recorded_for_sha256sum(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    receipt = obtain(remote(), tmp_path)
    assert (receipt.sha256, receipt.verified_by) == (SHA256, "first fetch")
    assert (tmp_path / "a.bin.sha256").read_text() == f"{SHA256}  a.bin\n"
    assert names(tmp_path) == ["a.bin", "a.bin.sha256"]


@pytest.mark.parametrize("facts", [{}, {"md5": hashlib.md5(WRONG).hexdigest()}])
def test_later_copies_are_held_to_the_record_of_the_first(tmp_path, facts):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    obtain(remote(), tmp_path)
    (tmp_path / "a.bin").write_bytes(WRONG)
    refuse(remote(**facts), tmp_path, SHA256, hashlib.sha256(WRONG).hexdigest(), "remove a.bin.sha256", "move it away")
    assert (tmp_path / "a.bin").read_bytes() == WRONG


def test_a_record_of_sha256sum_in_its_binary_form_counts(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    (tmp_path / "a.bin.sha256").write_text(f"{'0' * 64} *b.zip\n{SHA256.upper()} *a.bin\n")
    assert obtain(remote(), tmp_path).verified_by == "first fetch"


def test_a_broken_record_is_refused_where_it_counts_and_left_alone_elsewhere(tmp_path, server):
    (tmp_path / "a.bin.sha256").write_bytes(b"\xff\xfe, the user's own")
    refuse(remote(server.serve("/a", CONTENT)), tmp_path, tmp_path / "a.bin.sha256", "correct or remove it")
    assert obtain(remote(server.address + "/a", **KNOWN), tmp_path).verified_by == "sha256"
    assert (tmp_path / "a.bin.sha256").read_bytes() == b"\xff\xfe, the user's own"


def test_md5_alone_verifies_and_the_sha256_is_recorded(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert obtain(remote(md5=MD5), tmp_path).verified_by == "md5"
    assert SHA256 in (tmp_path / "a.bin.sha256").read_text()


def test_an_empty_file_is_nobodys(tmp_path):
    (tmp_path / "a.bin").touch()
    refuse(remote(), tmp_path, "is empty")


def test_verify_asks_for_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"a\.bin: not there; put it there"):
        verify(remote(**KNOWN), tmp_path)


# a file that is not there


def test_without_download_the_user_is_told_which_file_goes_where(tmp_path, server):
    address = server.serve("/a", CONTENT)
    refuse(remote(address), tmp_path, "put a.bin into", tmp_path, address, "set download: true", download=False)
    assert server.requests == []
    assert names(tmp_path) == []


def test_without_addresses_the_user_is_told_whom_to_ask(tmp_path):
    refuse(remote(ask="write to its authors"), tmp_path, "a.bin", "write to its authors")
    refuse(remote(), tmp_path, f"put a.bin into {tmp_path}")


@pytest.mark.parametrize(("facts", "by"), [(KNOWN, "sha256"), ({"md5": MD5}, "md5"), ({}, "first fetch")])
def test_a_download_is_verified_and_says_where_it_came_from(tmp_path, server, facts, by):
    expected = remote(server.serve("/a", CONTENT), **facts)
    folder = tmp_path / "new" / "folder"
    receipt = obtain(expected, folder)
    assert receipt == Receipt("a.bin", len(CONTENT), SHA256, server.address + "/a", by)
    assert is_whole(folder)
    assert obtain(expected, folder) == receipt
    assert len(server.requests) == 1
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")
def test_sha256sum_can_check_the_record(tmp_path, server):
    obtain(remote(server.serve("/a", CONTENT)), tmp_path)
    check = ["sha256sum", "--check", "--strict", "a.bin.sha256"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "a.bin").write_bytes(WRONG)
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


def test_a_file_put_in_place_of_a_download_is_not_said_to_come_from_there(tmp_path, server):
    obtain(remote(server.serve("/a", WRONG)), tmp_path)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert obtain(remote(**KNOWN), tmp_path).address is None


def test_a_file_fetched_again_is_held_to_the_first_copy(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT, Answer(), Answer(), Answer(content=WRONG)))
    obtain(expected, tmp_path)
    (tmp_path / "a.bin").unlink()
    assert obtain(expected, tmp_path).verified_by == "first fetch"
    (tmp_path / "a.bin").unlink()
    refuse(expected, tmp_path, f"instead of {SHA256} of the first copy", "remove a.bin.sha256")
    assert names(tmp_path) == ["a.bin.sha256"]
