from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from .command_line import Here
from .run_fixtures import (  # noqa: F401 - fixtures of every test that reads a configuration
    catalog,
    change,
    differences,
    edit_method,
    method_data,
    one_line,
    own_catalog,
    planned,
    refused,
    refused_method,
    run_data,
)

# One thread per test process: the tests run side by side, and results do not depend on the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, not wrong: no property fails by the clock.
settings.register_profile("gansr", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gansr")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command line inside the test process."""
    return Here(monkeypatch, capsys)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole workflows first: test processes that take file after file then end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)
