import errno
import fcntl
import gzip
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from http_server import Answer, http_server
from hypothesis import given, settings
from hypothesis import strategies as st

from gansr.config.remote_file import RemoteFile
from gansr.data import download, transfer
from gansr.data.download import obtain, verify
from gansr.data.verification import Receipt
from gansr.errors import UserError

CONTENT = random.Random(0).randbytes(300_000)
SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()
WRONG = bytes(len(CONTENT))
HALF = 100_000
KNOWN = {"bytes": len(CONTENT), "sha256": SHA256}
CHILD = """
import json, logging, sys
from pathlib import Path
from gansr.config.remote_file import RemoteFile
from gansr.data.download import obtain
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
print(obtain(RemoteFile(**json.loads(sys.argv[1])), Path(sys.argv[2])).sha256, flush=True)
"""


@pytest.fixture(autouse=True)
def short_times(monkeypatch):
    monkeypatch.setattr(transfer, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(download, "BACKOFF", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with http_server() as running:
        yield running


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


# a file that is there


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


# resuming


@pytest.mark.parametrize("facts", [KNOWN, {}])
@pytest.mark.parametrize("length", ["stated", "chunked"])
def test_a_transfer_that_broke_off_is_resumed_with_the_missing_bytes_alone(tmp_path, server, facts, length):
    broken = Answer(stop_after=HALF, length=length)
    obtain(remote(server.serve("/a", CONTENT, broken, Answer()), **facts), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert server.requests[1].headers["If-Range"] == '"1"'
    assert server.requests[1].bytes == len(CONTENT) - HALF


def test_a_silent_server_is_given_up_and_resumed(tmp_path, server):
    obtain(remote(server.serve("/a", CONTENT, Answer(stall_after=HALF), Answer()), **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_a_server_that_stays_silent_is_named_with_the_time_that_was_waited(tmp_path, server):
    refuse(remote(server.serve("/a", CONTENT, Answer(stall_after=0))), tmp_path, "silent for 0.3 s")


def test_the_next_call_resumes_what_an_earlier_one_left(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT, Answer(stop_after=HALF), Answer(404), Answer()), **KNOWN)
    break_off(expected, tmp_path)
    assert (tmp_path / ".a.bin.partial").read_bytes() == CONTENT[:HALF]
    assert not (tmp_path / "a.bin").exists()
    obtain(expected, tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges[2:] == [f"bytes={HALF}-"]


def test_the_last_change_serves_where_there_is_no_etag(tmp_path, server):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    broken = Answer(stop_after=HALF, etag='W/"weak"', headers={"Last-Modified": date})
    obtain(remote(server.serve("/a", CONTENT, broken, Answer(if_range=False))), tmp_path)
    assert is_whole(tmp_path)
    assert server.requests[1].headers["If-Range"] == date


def test_without_version_and_checksum_nothing_is_resumed(tmp_path, server):
    obtain(remote(server.serve("/a", CONTENT, Answer(stop_after=HALF, etag=None), Answer(etag=None))), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, None]


def test_a_server_without_ranges_sends_everything_again(tmp_path, server):
    script = Answer(stop_after=HALF, ranges=False), Answer(ranges=False)
    obtain(remote(server.serve("/a", CONTENT, *script), **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert server.requests[1].bytes == len(CONTENT)


@pytest.mark.parametrize("facts", [KNOWN, {}])
@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_between_two_attempts_is_begun_anew(tmp_path, server, facts, if_range):
    old = Answer(content=WRONG, etag='"old"', stop_after=HALF)
    obtain(remote(server.serve("/a", CONTENT, old, Answer(etag='"new"', if_range=if_range)), **facts), tmp_path)
    assert is_whole(tmp_path)


def test_parts_that_do_not_fit_together_are_downloaded_once_more_as_a_whole(tmp_path, server):
    script = Answer(content=WRONG, stop_after=HALF), Answer()  # changed, with the ETag it had
    obtain(remote(server.serve("/a", CONTENT, *script), **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-", None]


def test_a_server_that_is_always_wrong_is_not_asked_for_ever(tmp_path, server):
    address = server.serve("/a", WRONG, *[Answer(stop_after=HALF), Answer()] * 5)
    refuse(remote(address, **KNOWN), tmp_path, address, "sha256", SHA256)
    assert len(server.requests) == 4
    assert names(tmp_path) == []


@pytest.mark.parametrize("span", ["bytes 5-9/300000", "bytes 100000-299999/*", "nonsense"])
def test_a_range_that_does_not_fit_is_not_appended(tmp_path, server, span):
    odd = Answer(headers={"Content-Range": span})
    obtain(remote(server.serve("/a", CONTENT, Answer(stop_after=HALF), odd, Answer())), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-", None]


def test_a_range_that_cannot_be_had_is_begun_anew(tmp_path, server):
    obtain(remote(server.serve("/a", CONTENT, Answer(stop_after=HALF), Answer(416), Answer())), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("facts", [KNOWN, {}])
def test_a_partial_file_that_is_whole_already_is_only_verified(tmp_path, server, facts):
    expected = remote(server.serve("/a", CONTENT), **facts)
    (tmp_path / ".a.bin.partial").write_bytes(CONTENT)
    (tmp_path / ".a.bin.partial.json").write_text(json.dumps({"address": expected.addresses[0], "version": '"1"'}))
    obtain(expected, tmp_path)
    assert is_whole(tmp_path)
    assert [request.bytes for request in server.requests] == ([] if facts else [0])  # asked whether there is more


def test_a_partial_file_that_is_too_long_is_begun_anew(tmp_path, server):
    (tmp_path / ".a.bin.partial").write_bytes(CONTENT + b"more")
    obtain(remote(server.serve("/a", CONTENT), **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None]


@pytest.mark.parametrize("origin", ["", "[]", "{}", '{"address": 1}'])
def test_a_partial_file_of_unknown_origin_is_resumed_only_if_it_can_be_verified(tmp_path, server, origin):
    for facts, ranges in (({}, [None]), (KNOWN, [f"bytes={HALF}-"])):
        folder = tmp_path / str(len(facts))
        folder.mkdir()
        (folder / ".a.bin.partial").write_bytes(CONTENT[:HALF])
        (folder / ".a.bin.partial.json").write_text(origin)
        server.requests.clear()
        obtain(remote(server.serve("/a", CONTENT), **facts), folder)
        assert is_whole(folder)
        assert server.ranges == ranges


@settings(max_examples=30)
@given(st.data())
def test_however_a_server_breaks_off_the_bytes_are_right_in_the_end(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    answers = st.builds(
        Answer,
        status=st.sampled_from([200, 200, 200, 503]),
        ranges=st.booleans(),
        if_range=st.booleans(),
        etag=st.sampled_from(['"1"', '"2"', 'W/"3"', None]),
        length=st.sampled_from(["stated", "chunked"]),
        stop_after=st.one_of(st.none(), st.integers(0, len(CONTENT))),
        content=st.sampled_from([None, None, CONTENT[:-1], b"<html>"]),
    )
    scripts = [data.draw(st.lists(answers, max_size=6)) for _ in range(2)]
    with http_server() as server:
        mirrors = [server.serve(f"/{number}", CONTENT, *script, Answer()) for number, script in enumerate(scripts)]
        for _ in range(8):
            try:
                obtain(remote(*mirrors, **data.draw(st.sampled_from([KNOWN, {"sha256": SHA256}]))), folder)
                break
            except UserError:
                assert not (folder / "a.bin").exists()
    assert is_whole(folder)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT)), st.booleans()), max_size=download.ATTEMPTS - 1), st.booleans())
def test_however_often_a_transfer_breaks_off_the_bytes_are_right_without_a_checksum(tmp_path_factory, breaks, versions):
    folder = tmp_path_factory.mktemp("any")
    etag = '"1"' if versions else None
    with http_server() as server:
        script = [Answer(stop_after=stop, ranges=ranges, etag=etag) for stop, ranges in breaks]
        obtain(remote(server.serve("/a", CONTENT, *script, Answer(etag=etag))), folder)
    assert is_whole(folder)


# servers that do not give the file


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_overloaded_server_is_asked_again(tmp_path, server, status):
    obtain(remote(server.serve("/a", CONTENT, Answer(status), Answer(status), Answer())), tmp_path)
    assert is_whole(tmp_path)


def test_an_overloaded_server_is_not_asked_for_ever(tmp_path, server):
    refuse(remote(server.serve("/a", CONTENT, Answer(503))), tmp_path, "HTTP 503", f"put a.bin into {tmp_path} by hand")
    assert len(server.requests) == download.ATTEMPTS


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_file_that_is_gone_is_asked_for_once(tmp_path, server, status):
    refuse(remote(server.serve("/a", b"sorry", Answer(status))), tmp_path, f"/a (HTTP {status})")
    assert len(server.requests) == 1


def test_attempts_that_bring_something_are_not_counted(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "WORTHWHILE", 20_000)
    breaks = [Answer(stop_after=20_000)] * 14
    obtain(remote(server.serve("/a", CONTENT, *breaks, Answer()), **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert sum(request.bytes for request in server.requests) == len(CONTENT)


def test_attempts_that_bring_the_same_again_are_counted(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "WORTHWHILE", 20_000)
    script = [Answer(stop_after=HALF, ranges=False)] * 2 * download.ATTEMPTS
    break_off(remote(server.serve("/a", CONTENT, *script, Answer()), **KNOWN), tmp_path)
    assert len(server.requests) == download.ATTEMPTS


def test_a_server_that_drips_is_given_up(tmp_path, server):
    refuse(remote(server.serve("/a", CONTENT, Answer(stop_after=10)), **KNOWN), tmp_path, "broke off")
    assert len(server.requests) == download.ATTEMPTS


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/a"


def test_a_refused_connection_is_said_in_a_few_words(tmp_path):
    address = closed_port()
    refuse(remote(address), tmp_path, f"{address} (Connection refused)")


def test_the_next_mirror_serves_where_one_fails(tmp_path, server):
    mirrors = closed_port(), server.serve("/gone", b"", Answer(404)), server.serve("/a", CONTENT)
    assert obtain(remote(*mirrors), tmp_path).address == mirrors[2]
    assert is_whole(tmp_path)


def test_when_all_mirrors_fail_each_is_named_with_its_reason(tmp_path, server):
    mirrors = closed_port(), server.serve("/gone", b"", Answer(404)), server.serve("/busy", b"", Answer(500))
    reasons = "Connection refused", "HTTP 404", "HTTP 500"
    pairs = [f"{mirror} ({reason})" for mirror, reason in zip(mirrors, reasons, strict=True)]
    refuse(remote(*mirrors), tmp_path, *pairs, "a.bin", tmp_path)


def test_another_mirror_goes_on_where_the_result_can_be_verified(tmp_path, server):
    mirrors = (
        server.serve("/1", CONTENT, Answer(stop_after=HALF), Answer(404)),
        server.serve("/2", CONTENT, Answer(etag='"2"')),
    )
    obtain(remote(*mirrors, **KNOWN), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges[2:] == [f"bytes={HALF}-"]
    assert "If-Range" not in server.requests[2].headers


def test_another_mirror_begins_anew_where_the_result_cannot_be_verified(tmp_path, server):
    mirrors = server.serve("/1", WRONG, Answer(stop_after=HALF), Answer(404)), server.serve("/2", CONTENT)
    obtain(remote(*mirrors), tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges[2:] == [None]


def test_wrong_bytes_are_removed_and_the_next_mirror_serves(tmp_path, server):
    mirrors = server.serve("/1", WRONG), server.serve("/2", CONTENT)
    assert obtain(remote(*mirrors, **KNOWN), tmp_path).address == mirrors[1]
    assert is_whole(tmp_path)
    assert server.ranges == [None, None]


def test_wrong_bytes_from_all_mirrors_never_get_the_name(tmp_path, server):
    refuse(remote(server.serve("/1", WRONG), server.serve("/2", WRONG), md5=MD5), tmp_path, f"instead of {MD5}")
    assert names(tmp_path) == []


def test_a_file_of_another_size_is_not_even_begun(tmp_path, server):
    address = server.serve("/a", CONTENT + b"more")
    (tmp_path / ".a.bin.partial").write_bytes(CONTENT[:HALF])
    refuse(remote(address, **KNOWN), tmp_path, "300004 bytes instead of 300000")
    assert (tmp_path / ".a.bin.partial").read_bytes() == CONTENT[:HALF]


@pytest.mark.parametrize("facts", [KNOWN, {"bytes": len(CONTENT)}])
def test_a_body_without_end_is_stopped_and_removed(tmp_path, server, facts):
    address = server.serve("/a", CONTENT, Answer(endless=True, length="chunked"))
    refuse(remote(address, **facts), tmp_path, "more than 300000 bytes")
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_a_web_page_is_not_taken_for_the_file(tmp_path, server):
    page = Answer(content=b"<html>Please log in", headers={"Content-Type": "text/html; charset=utf-8"})
    refuse(remote(server.serve("/a", CONTENT, page)), tmp_path, "web page")
    assert names(tmp_path) == []


def test_a_web_page_does_not_cost_what_has_arrived(tmp_path, server):
    page = Answer(content=b"<html>", ranges=False, headers={"Content-Type": "text/html"})
    expected = remote(server.serve("/a", CONTENT, Answer(stop_after=HALF), page, Answer()))
    break_off(expected, tmp_path)
    obtain(expected, tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges[2:] == [f"bytes={HALF}-"]


def test_a_file_with_a_checksum_may_be_called_a_web_page(tmp_path, server):
    mislabelled = Answer(headers={"Content-Type": "text/html"})
    obtain(remote(server.serve("/a", CONTENT, mislabelled), **KNOWN), tmp_path)
    assert is_whole(tmp_path)


def test_a_file_called_gzip_encoded_keeps_its_bytes(tmp_path, server):
    content = gzip.compress(CONTENT)
    address = server.serve("/a", content, Answer(headers={"Content-Encoding": "gzip"}))
    obtain(RemoteFile(file="a.tar.gz", addresses=(address,)), tmp_path)
    assert (tmp_path / "a.tar.gz").read_bytes() == content


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def test_an_error_page_without_a_name_is_no_archive_where_no_checksum_tells(tmp_path, server, name):
    address = server.serve("/a", b"Service unavailable, sorry. " * 40)
    expected = RemoteFile(file=name, addresses=(address,))
    refuse(expected, tmp_path, address, f"is no .{name.rsplit('.')[-1]} file")
    assert not (tmp_path / name).exists() and not (tmp_path / f"{name}.sha256").exists()


def test_a_file_that_a_server_encodes_is_refused(tmp_path, server):
    address = server.serve("/a", CONTENT, Answer(headers={"Content-Encoding": "gzip"}))
    refuse(remote(address), tmp_path, "encoded with gzip")


def test_a_body_whose_end_is_not_known_is_taken_only_if_it_can_be_verified(tmp_path, server):
    address = server.serve("/a", CONTENT, Answer(length="unstated"))
    refuse(remote(address), tmp_path, "length")
    obtain(remote(address, sha256=SHA256), tmp_path)
    assert is_whole(tmp_path)


def test_an_empty_body_is_no_file(tmp_path, server):
    refuse(remote(server.serve("/a", b"")), tmp_path, "is empty")
    assert names(tmp_path) == []


def test_redirects_are_followed(tmp_path, server):
    moved = Answer(302, headers={"Location": server.serve("/a", CONTENT, Answer(stop_after=HALF), Answer())})
    address = server.serve("/old", b"", moved)
    assert obtain(remote(address), tmp_path).address == address
    assert is_whole(tmp_path)
    assert [request.range for request in server.requests if request.path == "/a"] == [None, f"bytes={HALF}-"]


def test_redirects_in_a_circle_are_refused(tmp_path, server):
    address = server.serve("/a", b"", Answer(302, headers={"Location": "/a"}))
    refuse(remote(address), tmp_path, "redirects")


# processes


def start(expected, folder):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, expected.model_dump_json(), str(folder)], stdout=subprocess.PIPE, text=True
    )


def wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_killed_download_leaves_no_lock_and_is_resumed(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT, Answer(stall_after=HALF), Answer()), **KNOWN)
    partial = tmp_path / ".a.bin.partial"
    process = start(expected, tmp_path)
    wait_until(lambda: partial.exists() and partial.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    have = partial.stat().st_size
    obtain(expected, tmp_path)
    assert is_whole(tmp_path)
    assert server.ranges == [None, f"bytes={have}-"]


def test_of_two_processes_one_downloads_and_the_other_waits_for_it(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT, Answer(stall_after=HALF)))
    first = start(expected, tmp_path)
    wait_until(lambda: server.requests)
    second = start(expected, tmp_path)
    assert second.stdout.readline() == f"{tmp_path / 'a.bin'}: waiting for another process that downloads it\n"
    server.released.set()
    for process in (first, second):
        assert process.communicate()[0].endswith(SHA256 + "\n")
    assert is_whole(tmp_path)
    assert len(server.requests) == 1


def test_a_process_that_waits_for_a_killed_one_goes_on_in_its_place(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT, Answer(stall_after=HALF), Answer()))
    first = start(expected, tmp_path)
    wait_until(lambda: server.requests)
    second = start(expected, tmp_path)
    assert "waiting" in second.stdout.readline()
    first.kill()
    first.communicate()
    assert second.communicate()[0].endswith(SHA256 + "\n")
    assert is_whole(tmp_path)
    assert len(server.requests) == 2


def locked(file):
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_a_lock_that_its_owner_has_removed_is_nobodys(tmp_path, server):
    lock = tmp_path / ".a.bin.lock"
    first = locked(lock)
    process = start(remote(server.serve("/a", CONTENT)), tmp_path)
    assert "waiting" in process.stdout.readline()
    lock.unlink()
    second = locked(lock)  # a third process, before the one that waits gets it
    os.close(first)
    time.sleep(0.3)
    assert server.requests == []
    os.close(second)
    assert process.communicate()[0].endswith(SHA256 + "\n")
    assert is_whole(tmp_path)


def test_two_processes_at_once_download_once(tmp_path, server):
    expected = remote(server.serve("/a", CONTENT))
    processes = [start(expected, tmp_path) for _ in range(2)]
    for process in processes:
        assert process.communicate()[0].endswith(SHA256 + "\n")
        assert process.returncode == 0
    assert is_whole(tmp_path)
    assert len(server.requests) == 1


# the disk


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


def test_a_file_that_the_user_puts_there_meanwhile_is_not_overwritten(tmp_path, server, monkeypatch):
    identify = transfer.identify

    def meanwhile(*args):
        (tmp_path / "a.bin").write_text("the user's")
        return identify(*args)

    monkeypatch.setattr(transfer, "identify", meanwhile)
    refuse(remote(server.serve("/a", CONTENT)), tmp_path, "run again")
    assert (tmp_path / "a.bin").read_text() == "the user's"


def test_the_log_tells_of_every_failed_attempt(tmp_path, server, caplog):
    caplog.set_level(logging.INFO, "gansr")
    address = server.serve("/a", CONTENT, Answer(503), Answer(stop_after=HALF), Answer())
    obtain(remote(address), tmp_path)
    assert f"{address}: HTTP 503; trying again" in caplog.messages
    assert any("broke off" in message for message in caplog.messages)
    assert any("download a.bin: 100%" in message and "300k/300k" in message for message in caplog.messages)
