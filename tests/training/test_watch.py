"""What a training shows while it runs: log.jsonl always, a bar on a terminal or else lines, TensorBoard on demand."""

import io
import json
import os
import socket
import sys
import time

import pytest

from gansr import progress
from gansr.errors import UserError
from gansr.training import watch as watch_module
from gansr.training.state_folder import StateFolder
from gansr.training.watch import Watch, truncate_log


@pytest.fixture
def folder(tmp_path):
    made = StateFolder(tmp_path / "run" / "state" / "model", {"spec": 1})
    made.path.mkdir(parents=True)
    return made


@pytest.fixture
def told(caplog, monkeypatch):
    """The lines that the training prints."""
    monkeypatch.setattr(progress.logger, "propagate", True)
    monkeypatch.setattr(progress.Progress, "lines_only", False)
    caplog.set_level("INFO", logger="gansr")
    return caplog


class Terminal(io.StringIO):
    def isatty(self):
        return True


def line(iteration, **losses):
    given = losses or {"pixel": 0.5, "discriminator": 0.25}
    return {"iteration": iteration, "seconds": 1.5, "learning_rate": 1e-4, "losses": given}


def logged(folder):
    return [json.loads(text) for text in folder.log.read_text().splitlines()]


def test_without_a_terminal_there_are_plain_lines_with_place_rate_and_losses(folder, told, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    watch = Watch("RRDB+LDL", folder, 40, 10, None)
    watch.see(line(11), True)
    watch.advance()
    watch.close()
    assert [record.message.split(":")[0] for record in told.records] == ["RRDB+LDL"] * 3
    first, second, last = (record.message for record in told.records)
    assert "11/40" in first and "pixel 0.5, discriminator 0.25" in first and "it/s" in first
    assert "12/40" in second and "pixel 0.5" in second  # the losses that were seen last
    assert "12/40" in last
    assert "\r" not in capsys.readouterr().err


def test_without_a_terminal_lines_are_few(folder, told):
    watch = Watch("RRDB+LDL", folder, 5000, 0, None)
    for _ in range(5000):
        watch.advance()
    watch.close()
    assert len(told.records) == 1 and "5000/5000" in told.records[0].message


def test_on_a_terminal_there_is_a_bar_and_no_line(folder, told, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    watch = Watch("RRDB+LDL", folder, 40, 10, None)
    watch.see(line(11), True)
    watch.bar.bar.refresh()
    watch.close()
    drawn = terminal.getvalue().split("\r")
    assert any("RRDB+LDL" in text and "11/40" in text and "pixel 0.5, discriminator 0.25" in text for text in drawn)
    assert told.records == []


def test_beside_a_log_file_there_are_lines_on_a_terminal_too(folder, told, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress.Progress, "lines_only", True)
    watch = Watch("RRDB+LDL", folder, 40, 0, None)
    watch.close()
    assert terminal.getvalue() == "" and len(told.records) == 1


def test_the_log_gets_whole_lines_at_once_and_only_those_meant_for_it(folder):
    watch = Watch("model", folder, 40, 0, None)
    for iteration in (1, 2, 3):
        watch.see(line(iteration), logged=iteration != 2)
        assert logged(folder)[-1]["iteration"] == (1 if iteration < 3 else 3)  # before it is closed
    watch.close()
    assert logged(folder) == [line(1), line(3)]


def test_a_training_that_goes_on_adds_to_its_log_what_comes_after_the_checkpoint(folder):
    folder.log.write_text("".join(json.dumps(line(iteration)) + "\n" for iteration in (1, 2, 3)) + '{"iterat')
    watch = Watch("model", folder, 40, 2, None)
    watch.see(line(3, pixel=0.1), True)
    watch.close()
    assert logged(folder) == [line(1), line(2), line(3, pixel=0.1)]


def test_a_log_that_is_not_there_is_not_made(folder):
    truncate_log(folder.log, 3)
    assert not folder.log.exists()


def test_losses_are_looked_at_every_few_seconds(folder, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    watch = Watch("model", folder, 40, 0, None)
    assert watch.is_due()  # the first iteration is seen at once
    now[0] += 0.1
    watch.see(line(1), True)
    assert not watch.is_due()
    now[0] += watch_module.SECONDS - 0.1
    assert not watch.is_due()
    now[0] += 0.2
    assert watch.is_due()
    watch.close()


def test_the_file_for_status_holds_what_was_seen_last(folder, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    now = [1000.0]
    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    watch = Watch("model", folder, 40, 10, None)
    now[0] += 4.0
    before = time.time()
    watch.see(line(20), False)
    watch.close()
    told = json.loads(folder.progress.read_text())
    assert before <= told.pop("updated") <= time.time()
    assert told == {
        "model": "model",
        "iteration": 20,
        "iterations": 40,
        "iterations_per_second": 2.5,  # of this attempt
        "losses": {"pixel": 0.5, "discriminator": 0.25},
        "host": socket.gethostname(),
        "process": os.getpid(),
        "gpus": "3",
    }
    assert folder.log.read_text() == ""


def events(folder):
    return [file.name for file in folder.rglob("*") if "tfevents" in file.name]


def test_tensorboard_files_are_written_only_where_they_are_asked_for(folder, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for board in (None, tmp_path / "board"):
        watch = Watch("model", folder, 40, 0, board)
        watch.see(line(1), True)
        watch.see(line(2), False)
        watch.close()
        assert len(logged(folder)) == 1
        assert len(events(tmp_path)) == (0 if board is None else 1)
    seen = accumulator.EventAccumulator(str(tmp_path / "board")).Reload()
    assert sorted(seen.Tags()["scalars"]) == ["learning_rate", "losses/discriminator", "losses/pixel"]
    assert [(event.step, event.value) for event in seen.Scalars("losses/pixel")] == [(1, 0.5)]
    assert seen.Scalars("learning_rate")[0].value == pytest.approx(1e-4)


def test_tensorboard_shows_no_iteration_that_was_taken_back(folder, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for start, seen in ((0, (1, 2, 3)), (2, (3, 4))):
        watch = Watch("model", folder, 40, start, tmp_path / "board")
        for iteration in seen:
            watch.see(line(iteration, pixel=float(10 * start + iteration)), True)
        watch.close()
        time.sleep(1.1)  # the name of a file of events has its second
    shown = accumulator.EventAccumulator(str(tmp_path / "board")).Reload().Scalars("losses/pixel")
    assert [(event.step, event.value) for event in shown] == [(1, 1.0), (2, 2.0), (3, 23.0), (4, 24.0)]


@pytest.mark.parametrize("missing", ["tensorboard", "torch.utils.tensorboard"])
def test_a_missing_tensorboard_is_one_line_with_the_way_out(folder, tmp_path, told, monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    folder.log.write_text(json.dumps(line(1)) + "\n")
    with pytest.raises(UserError) as caught:
        Watch("model", folder, 40, 1, tmp_path / "board")
    assert str(caught.value) == (
        "training.tensorboard: the package tensorboard is not installed; install it, or set tensorboard: false"
    )
    assert logged(folder) == [line(1)]
    assert told.records == [] and not (tmp_path / "board").exists()
    Watch("model", folder, 40, 1, None).close()  # without it nothing is missing
