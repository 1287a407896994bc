"""Servers that give the file, another one, or none; mirrors in their order."""

import gzip
import logging
import socket

import pytest
from download_data import CONTENT, HALF, KNOWN, MD5, SHA256, WRONG, break_off, is_whole, names, refuse, remote
from http_server import Answer

from gansr.config.remote_file import RemoteFile
from gansr.data import download, transfer
from gansr.data.download import obtain

pytestmark = pytest.mark.usefixtures("short_times")


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
