"""Of several processes one downloads; a killed one stops nobody."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from download_data import CONTENT, HALF, KNOWN, SHA256, is_whole, remote
from http_server import Answer

from gansr.data.download import obtain

pytestmark = pytest.mark.usefixtures("short_times")


CHILD = """
import json, logging, sys
from pathlib import Path
from gansr.config.remote_file import RemoteFile
from gansr.data.download import obtain
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
print(obtain(RemoteFile(**json.loads(sys.argv[1])), Path(sys.argv[2])).sha256, flush=True)
"""


def start(expected, folder):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, expected.model_dump_json(), str(folder)], stdout=subprocess.PIPE, text=True
    )


def wait_until(condition):
    until = time.monotonic() + 600
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
