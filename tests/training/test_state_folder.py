"""Saved states: the last two are kept, and the one before serves where the last cannot be read."""

import contextlib
import errno
import os
import pickle
import resource
import threading
from pathlib import Path

import pytest
import torch

from gansr.errors import UserError
from gansr.networks.weight_files import save_weights
from gansr.training import state_folder
from gansr.training.state_folder import StateFolder


@pytest.fixture
def folder(tmp_path):
    made = StateFolder(tmp_path, {"spec": 1})
    made.path.mkdir()
    return made


def names(folder):
    return sorted(file.name for file in folder.path.iterdir() if file.name != "owner")


def test_without_a_state_there_is_none(folder):
    assert folder.load() is None


def test_the_latest_of_the_last_two_states_is_loaded(folder):
    for iteration in (9, 10, 1000):
        folder.save({"iteration": iteration, "weights": torch.full((2,), float(iteration))}, iteration)
    assert names(folder) == ["checkpoint_000000010.pt", "checkpoint_000001000.pt"]
    state = folder.load()
    assert state["iteration"] == 1000 and torch.equal(state["weights"], torch.full((2,), 1000.0))


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "a pickle that executes"])
def test_the_state_before_serves_where_the_last_cannot_be_read(folder, tmp_path, damage, caplog):
    for iteration in (3, 6):
        folder.save({"iteration": iteration, "weights": torch.zeros(1000)}, iteration)
    last = folder.path / "checkpoint_000000006.pt"
    content = last.read_bytes()

    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    harm = pickle.dumps({"iteration": 6, "step": Harm()}, protocol=2)
    last.write_bytes(
        {"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"\x00" * 99}.get(damage, harm)
    )
    with caplog.at_level("INFO", logger="gansr"):
        state_folder.logger.propagate = True
        assert folder.load()["iteration"] == 3
    assert "checkpoint_000000006.pt" in caplog.text and "passed over" in caplog.text
    assert not (tmp_path / "harm").exists()


def test_without_any_state_that_can_be_read_nothing_is_started_afresh_unasked(folder):
    for iteration in (3, 6):
        folder.save({"iteration": iteration}, iteration)
        (folder.path / f"checkpoint_00000000{iteration}.pt").write_bytes(b"x")
    with pytest.raises(UserError, match=r"no checkpoint can be read .*000006.*000003.*; remove them to start") as told:
        folder.load()
    assert str(folder.path) in str(told.value)


@contextlib.contextmanager
def limited_files(size):
    """No file grows beyond so many bytes: a write fails half-way, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large(iteration):
    return {"iteration": iteration, "weights": torch.zeros(100_000), "moments": torch.zeros(100_000)}


@pytest.mark.parametrize("room", [0, 1_000, 300_000, 500_000, 799_000])
def test_a_disk_that_fills_up_while_saving_costs_no_earlier_state(folder, room):
    for iteration in (3, 6):
        folder.save(large(iteration), iteration)
    with limited_files(room), pytest.raises(OSError, match="File too large"):
        folder.save(large(9), 9)
    assert names(folder) == ["checkpoint_000000003.pt", "checkpoint_000000006.pt"]
    assert folder.load()["iteration"] == 6
    folder.save(large(9), 9)
    assert folder.load()["iteration"] == 9


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("state", [large(9), {"iteration": 9}], ids=["large", "small"])
def test_a_full_disk_is_the_systems_error(folder, state):
    folder.save({"iteration": 6}, 6)
    (folder.path / f".checkpoint_000000009.pt.{os.getpid()}.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        folder.save(state, 9)
    assert caught.value.errno == errno.ENOSPC
    assert names(folder) == ["checkpoint_000000006.pt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_cannot_be_written_costs_no_earlier_state(folder):
    folder.save({"iteration": 6}, 6)
    folder.path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            folder.save({"iteration": 9}, 9)
    finally:
        folder.path.chmod(0o755)
    assert names(folder) == ["checkpoint_000000006.pt"]
    assert folder.load()["iteration"] == 6


@pytest.mark.parametrize("room", [0, 100, 300_000])
def test_finished_weights_that_do_not_fit_on_the_disk_are_the_systems_error(tmp_path, room):
    with limited_files(room), pytest.raises(OSError, match="File too large"):
        save_weights(tmp_path / "generator.safetensors", {"weights": torch.zeros(100_000)})
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_torch_itself_is_not_taken_for_one_of_the_disk(folder, monkeypatch):
    def broken(state, stream):
        raise RuntimeError("a device is gone")

    monkeypatch.setattr(state_folder.torch, "save", broken)
    with pytest.raises(RuntimeError, match="a device is gone"):
        folder.save({"iteration": 9}, 9)
    assert names(folder) == []


def test_a_training_with_other_settings_is_told_of_and_not_resumed(folder, tmp_path, caplog):
    folder.save({"iteration": 3}, 3)
    other = StateFolder(tmp_path, {"spec": 2})
    other.path.mkdir()
    with caplog.at_level("INFO", logger="gansr"):
        state_folder.logger.propagate = True
        assert other.load() is None
    assert folder.path.name in caplog.text and "starts afresh" in caplog.text


def test_finished_states_are_discarded(folder):
    folder.save({"iteration": 3}, 3)
    folder.discard_checkpoints()
    assert names(folder) == []


def test_a_second_owner_of_the_folder_waits_for_the_first(tmp_path):
    identity = {"spec": 1}
    entered = threading.Event()

    def second():
        with StateFolder(tmp_path, identity).owned():
            entered.set()

    thread = threading.Thread(target=second)
    with StateFolder(tmp_path, identity).owned():
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(600)
    thread.join()


def test_other_trainings_do_not_wait_for_each_other(tmp_path):
    with StateFolder(tmp_path, {"spec": 1}).owned(), StateFolder(tmp_path, {"spec": 2}).owned():
        assert len(list(tmp_path.iterdir())) == 2


def test_an_owner_that_fails_frees_the_folder(tmp_path):
    folder = StateFolder(tmp_path, {"spec": 1})
    with pytest.raises(ZeroDivisionError), folder.owned():
        raise ZeroDivisionError
    with folder.owned():
        assert (folder.path / "owner").read_text() == str(os.getpid())
