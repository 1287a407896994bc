"""A training that was stopped, killed or failed goes on where it was, bit for bit."""

import errno
import json
import os
import pickle
import signal

import numpy as np
import pytest
import torch
import yaml
from training_data import SPEC, assert_same_training, changed_spec, interrupt, stop_at

from gansr.config.training_settings import WatchSettings
from gansr.errors import UserError
from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from gansr.training import stopping
from gansr.training import train as train_module
from gansr.training.loop import InterruptedTrainingError
from gansr.training.state_folder import StateFolder
from gansr.training.train import TrainingInputs, train
from tests.training_jobs import train_job

pytestmark = pytest.mark.usefixtures("on_the_cpu")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_an_interrupted_training_goes_on_bit_for_bit(straight, inputs, tmp_path, number):
    interrupt(SPEC, inputs, tmp_path / "work", 3, number)
    torch.manual_seed(12345)
    torch.rand(7)  # the next process is in another random state
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [3]


def test_an_interruption_at_every_iteration_changes_nothing(straight, inputs, tmp_path):
    for iteration in (1, 2, 3, 4, 5):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 1)
            with pytest.raises(InterruptedTrainingError, match=f"iteration {iteration},"):
                train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [1, 2, 3, 4, 5]


def test_stochastic_depth_goes_on_bit_for_bit(inputs, tmp_path):
    """Its random numbers are the only ones that training draws from torch's global state."""
    network = {"network": "swinir", "features": 8, "groups": 1, "blocks": 2, "heads": 2, "drop_path": 0.5}
    spec = {**changed_spec(losses={"pixel": {"weight": 1.0}}, critics={}), "generator": network, "mad_interval": None}
    patches = TrainingInputs(inputs.patches)
    train(train_job(spec), "model", patches, tmp_path / "straight_work", tmp_path / "straight")
    interrupt(spec, patches, tmp_path / "work", 2)
    torch.manual_seed(12345)
    train(train_job(spec), "model", patches, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", tmp_path / "straight")


def test_the_signal_handlers_are_given_back(inputs, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    interrupt(SPEC, inputs, tmp_path / "work", 1)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == before


def test_what_was_kept_after_the_checkpoint_is_dropped(straight, inputs, tmp_path):
    folder = interrupt(SPEC, inputs, tmp_path / "work", 3)
    # as if the training had gone on, and been killed in the middle of a line
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"iteration": 4, "losses": {"pixel": 9.0}}) + "\n")
        log.write(json.dumps({"iteration": 5, "losses": {"pixel": 9.0}}) + "\n")
        log.write('{"iteration": 6, "lo')
    np.savez(folder / "snapshots" / "000000005.npz", photo0_8_12_16=np.zeros((3, 16, 16), np.float32))
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


def test_a_training_killed_before_its_first_checkpoint_starts_anew(straight, inputs, tmp_path):
    folder = interrupt(SPEC, inputs, tmp_path / "work", 3)
    (folder / "checkpoint_000000003.pt").unlink()
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


def note_saves(monkeypatch):
    saved = []
    plain = StateFolder.save
    monkeypatch.setattr(
        StateFolder, "save", lambda folder, state, number: (saved.append(number), plain(folder, state, number))[1]
    )
    return saved


def test_checkpoints_are_saved_every_so_many_iterations_and_the_last_two_are_kept(inputs, tmp_path, monkeypatch):
    saved = note_saves(monkeypatch)
    settings = WatchSettings(checkpoint_every=2)
    stop_at(monkeypatch, 5)
    with pytest.raises(InterruptedTrainingError, match="iteration 5,"):
        train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    assert saved == [2, 4, 5]
    (folder,) = (tmp_path / "work").iterdir()
    assert sorted(file.name for file in folder.glob("checkpoint*")) == [
        "checkpoint_000000004.pt",
        "checkpoint_000000005.pt",
    ]


def test_checkpoints_are_saved_by_the_clock(straight, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "SECONDS", 0.0)
    monkeypatch.setattr(stopping, "SHARE", 1e9)
    saved = note_saves(monkeypatch)
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert saved == [1, 2, 3, 4, 5, 6]
    assert_same_training(tmp_path / "output", straight)


def test_a_finished_training_is_published_again_without_training(inputs, tmp_path, monkeypatch):
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    calls = stop_at(monkeypatch, 0)
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "again")
    assert calls == []
    assert_same_training(tmp_path / "again", tmp_path / "output")
    (folder,) = (tmp_path / "work").iterdir()
    assert not list(folder.glob("checkpoint*"))


@pytest.mark.parametrize("spec", [changed_spec(iterations=7), {**SPEC, "seed": 4}])
def test_a_changed_setting_never_resumes_another_trainings_state(inputs, tmp_path, spec):
    interrupt(SPEC, inputs, tmp_path / "work", 2)
    with pytest.MonkeyPatch.context() as patch:
        calls = stop_at(patch, 1)
        with pytest.raises(InterruptedTrainingError, match="stopped at iteration 1,"):
            train(train_job(spec), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert len(calls) == 1
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_other_start_weights_are_another_training(inputs, tmp_path):
    torch.manual_seed(1)
    save_weights(tmp_path / "other.safetensors", build_generator(SPEC["generator"], 4).state_dict())
    other = TrainingInputs(inputs.patches, tmp_path / "other.safetensors", {}, inputs.mad_patches, inputs.mad_images)
    interrupt(SPEC, inputs, tmp_path / "work", 2)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 1)
        with pytest.raises(InterruptedTrainingError, match="stopped at iteration 1,"):
            train(train_job(SPEC), "model", other, tmp_path / "work", tmp_path / "output")


def test_other_weights_of_a_judge_are_another_training(inputs, tmp_path):
    judge, work = tmp_path / "judge.pth", tmp_path / "work"
    with_judge = TrainingInputs(inputs.patches, inputs.start, {"judge": judge}, inputs.mad_patches, inputs.mad_images)
    for content in (b"some", b"others"):
        judge.write_bytes(content)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 1)
            with pytest.raises(InterruptedTrainingError, match="stopped at iteration 1,"):
                train(train_job(SPEC), "model", with_judge, work, tmp_path / "output")
    assert len(list(work.iterdir())) == 2


class Harm:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (os.mkdir, (str(self.file),))


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "plain pickle"])
def test_a_checkpoint_that_would_execute_code_is_refused(inputs, tmp_path, zipped):
    folder = interrupt(SPEC, inputs, tmp_path / "work", 1)
    state = {"iteration": 1, "step": Harm(tmp_path / "harm")}
    if zipped:
        torch.save(state, folder / "checkpoint_000000001.pt")
    else:
        (folder / "checkpoint_000000001.pt").write_bytes(pickle.dumps(state, protocol=2))
    with pytest.raises((UserError, pickle.UnpicklingError)):
        train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "output").exists()


def test_a_broken_checkpoint_costs_only_the_iterations_since_the_one_before(straight, inputs, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(InterruptedTrainingError):
            settings = WatchSettings(checkpoint_every=3)
            train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    (folder,) = (tmp_path / "work").iterdir()
    (folder / "checkpoint_000000005.pt").write_bytes(b"broken")
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [3]


@pytest.mark.parametrize("full_at", [2, 4])
def test_after_a_disk_that_was_full_it_goes_on_from_the_state_before_bit_for_bit(
    straight, inputs, tmp_path, monkeypatch, full_at
):
    plain = StateFolder.save

    def save(folder, state, iteration):
        if iteration == full_at:
            (folder.path / f".checkpoint_{iteration:09d}.pt.{os.getpid()}.partial").symlink_to("/dev/full")
        plain(folder, state, iteration)

    settings = WatchSettings(checkpoint_every=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StateFolder, "save", save)
        with pytest.raises(OSError, match="No space left"):
            train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    assert not (tmp_path / "output").exists()
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [full_at - 1]


def test_a_disk_that_is_full_at_the_end_costs_no_iteration(straight, inputs, tmp_path, monkeypatch):
    def full(file, weights):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "save_weights", full)
        with pytest.raises(OSError, match="No space left"):
            train(
                train_job(SPEC),
                "model",
                inputs,
                tmp_path / "work",
                tmp_path / "output",
                WatchSettings(checkpoint_every=3),
            )
    assert not (tmp_path / "output").exists()
    calls = stop_at(monkeypatch, 0)
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert calls == []
    assert_same_training(tmp_path / "output", straight)
