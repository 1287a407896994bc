import pytest
from http_server import http_server
from unpack_data import KINDS, pack

from gansr.data import download, transfer


@pytest.fixture
def short_times(monkeypatch):
    """Waiting for servers takes no time; they are on this machine."""
    monkeypatch.setattr(transfer, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(download, "BACKOFF", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(short_times):
    with http_server() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


@pytest.fixture(params=KINDS)
def archive_of(request, tmp_path):
    """Pack files into each kind of archive, under a name that tells nothing of it."""
    return lambda members: pack(request.param, members, tmp_path / "archive")
