"""A transfer that broke off goes on where it stopped, where the result can be trusted."""

import json

import pytest
from download_data import CONTENT, HALF, KNOWN, SHA256, WRONG, break_off, is_whole, names, refuse, remote
from http_server import Answer, http_server
from hypothesis import given, settings
from hypothesis import strategies as st

from gansr.data import download
from gansr.data.download import obtain
from gansr.errors import UserError

pytestmark = pytest.mark.usefixtures("short_times")


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
