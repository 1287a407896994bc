import errno
import json
import os
import pickle
import signal
from functools import partialmethod

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from gansr.config.dataset import Dataset
from gansr.config.training_settings import TrainingSettings
from gansr.data.patch_store import build_patch_store
from gansr.data.prepare import prepare_images
from gansr.errors import UserError
from gansr.losses.pixel import PixelLoss
from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from gansr.training import stopping
from gansr.training import train as train_module
from gansr.training.loop import InterruptedTrainingError
from gansr.training.state_folder import StateFolder
from gansr.training.step import TrainingStep
from gansr.training.train import TrainingInputs, train

SPEC = {
    "scale": 4,
    "seed": 3,
    "mad_interval": 2,
    "training": TrainingSettings().of_spec(),
    "generator": {"network": "srresnet", "features": 4, "blocks": 1},
    "method": {
        "losses": {
            "pixel": {"weight": 0.01},
            "artifact": {"weight": 1.0},
            "perceptual": {"weight": 1.0, "layers": {"conv2_2": 1.0}, "weights": "random", "width": 4},
            "adversarial": {"weight": 0.005},
        },
        "discriminator": {"network": "vgg", "features": 2},
        "ema_decay": 0.9,
        "optimizer": {"learning_rate": 1e-3, "betas": [0.9, 0.99]},
        "schedule": {"milestones": [4], "gamma": 0.5},
        "iterations": 6,
        "batch_size": 2,
        "patch_size": 32,
    },
}
PATCH = {"image": "photo0", "top": 8, "left": 12, "size": 16, "type": "A"}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    # sums on a GPU are not the same every time
    monkeypatch.setattr(train_module, "device", lambda number: torch.device("cpu"))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    random = np.random.default_rng(0)
    (folder / "source").mkdir()
    for number, size in enumerate([(40, 48), (52, 36)]):
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / "source" / f"photo{number}.png")
    prepare_images(Dataset(role="train", folder=folder / "source"), "own", 4, folder / "images")
    build_patch_store([folder / "images"], 4, folder / "store")
    torch.manual_seed(0)
    save_weights(folder / "start.safetensors", build_generator(SPEC["generator"], 4).state_dict())
    (folder / "patches.json").write_text(json.dumps([PATCH]))
    return TrainingInputs(
        patches=folder / "store",
        start=folder / "start.safetensors",
        mad_patches=folder / "patches.json",
        mad_images=folder / "images",
    )


def stop_at(monkeypatch, iteration, number=signal.SIGTERM):
    """The signal arrives within this iteration, as a scheduler's would."""
    plain = TrainingStep.__call__
    calls = []

    def interrupted(step, lr, hr):
        calls.append(1)
        if len(calls) == iteration:
            os.kill(os.getpid(), number)
        return plain(step, lr, hr)

    monkeypatch.setattr(TrainingStep, "__call__", interrupted)
    return calls


def interrupt(spec, inputs, work, iteration, number=signal.SIGTERM):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, iteration, number)
        with pytest.raises(InterruptedTrainingError, match=f"model: stopped at iteration {iteration}, state saved"):
            train(spec, "model", inputs, work, work.parent / "unused")
    assert not (work.parent / "unused").exists()
    (folder,) = work.iterdir()
    return folder


@pytest.fixture(scope="module")
def straight(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "device", lambda number: torch.device("cpu"))
        train(SPEC, "model", inputs, folder / "work", folder / "output")
    return folder / "output"


def log_lines(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def assert_same_training(folder, straight):
    for name in ("generator.safetensors", "generator_ema.safetensors"):
        found, expected = load_file(folder / name), load_file(straight / name)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected), name
    with np.load(folder / "snapshots.npz") as found, np.load(straight / "snapshots.npz") as expected:
        assert found.files == expected.files
        for key in expected.files:
            np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
    assert log_lines(folder) == log_lines(straight)


def test_a_training_publishes_its_files(straight, inputs):
    names = {"generator.safetensors", "generator_ema.safetensors", "snapshots.npz", "log.jsonl", "spec.yaml"}
    assert {file.name for file in straight.iterdir()} == names
    log = log_lines(straight)
    assert [line["iteration"] for line in log] == [1, 2, 3, 4, 5, 6]
    assert [line["learning_rate"] for line in log] == [1e-3] * 4 + [5e-4] * 2
    assert all(set(line["losses"]) == {*SPEC["method"]["losses"], "discriminator"} for line in log)
    files = (straight / "generator.safetensors", straight / "generator_ema.safetensors", inputs.start)
    raw, averaged, start = map(load_file, files)
    assert raw.keys() == averaged.keys() == start.keys()
    assert not any(torch.equal(raw[key], averaged[key]) or torch.equal(raw[key], start[key]) for key in raw)
    description = yaml.safe_load((straight / "spec.yaml").read_text())
    assert description["spec"] == SPEC
    assert description["inputs"]["training_images"] == ["photo0", "photo1"]
    assert description["resumed_at"] == []


def test_snapshots_are_not_compiled(inputs, tmp_path, monkeypatch):
    sizes = []

    def run(graph, images):
        sizes.extend(image.shape[-2:] for image in images if image.ndim == 4 and image.shape[-1] > 3)
        return graph

    compile_blocks = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", partialmethod(compile_blocks, backend=run))
    torch.compiler.reset()
    spec = SPEC | {"training": TrainingSettings(compile=True).of_spec()}
    train(spec, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert set(sizes) == {(8, 8)}  # training's patches of 32 pixels in LR
    with np.load(tmp_path / "output" / "snapshots.npz") as snapshots:
        assert len(snapshots["iterations"]) == 4


def test_snapshots_are_the_sr_of_the_patch_from_the_start_on(straight, inputs):
    with np.load(straight / "snapshots.npz") as snapshots:
        assert snapshots["iterations"].tolist() == [0, 2, 4, 6]
        assert snapshots["types"].tolist() == ["A"]
        (label,) = snapshots["labels"].tolist()
        kept = snapshots[label]
    assert label == "photo0_8_12_16"
    assert kept.shape == (4, 3, 16, 16)
    # the image is so small that the patch's context is all of it
    lr = np.asarray(Image.open(inputs.mad_images / "LR" / "photo0.png"))
    batch = torch.from_numpy(lr.copy()).permute(2, 0, 1)[None].float() / 255
    for number, weights in ((0, inputs.start), (3, straight / "generator.safetensors")):
        generator = build_generator(SPEC["generator"], 4)
        generator.load_state_dict(load_file(weights))
        with torch.no_grad():
            expected = generator(batch)[0, :, 8:24, 12:28].numpy()
        np.testing.assert_allclose(kept[number], expected, rtol=0, atol=1e-6)


def test_the_same_training_again_gives_the_same_bits(straight, inputs, tmp_path):
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_an_interrupted_training_goes_on_bit_for_bit(straight, inputs, tmp_path, number):
    interrupt(SPEC, inputs, tmp_path / "work", 3, number)
    torch.manual_seed(12345)
    torch.rand(7)  # the next process is in another random state
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [3]


def test_an_interruption_at_every_iteration_changes_nothing(straight, inputs, tmp_path):
    for iteration in (1, 2, 3, 4, 5):
        with pytest.MonkeyPatch.context() as patch:
            stop_at(patch, 1)
            with pytest.raises(InterruptedTrainingError, match=f"iteration {iteration},"):
                train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [1, 2, 3, 4, 5]


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
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


def test_a_training_killed_before_its_first_checkpoint_starts_anew(straight, inputs, tmp_path):
    folder = interrupt(SPEC, inputs, tmp_path / "work", 3)
    (folder / "checkpoint_000000003.pt").unlink()
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
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
    settings = TrainingSettings(checkpoint_every=2)
    stop_at(monkeypatch, 5)
    with pytest.raises(InterruptedTrainingError, match="iteration 5,"):
        train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", settings)
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
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert saved == [1, 2, 3, 4, 5, 6]
    assert_same_training(tmp_path / "output", straight)


def test_a_finished_training_is_published_again_without_training(inputs, tmp_path, monkeypatch):
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    calls = stop_at(monkeypatch, 0)
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "again")
    assert calls == []
    assert_same_training(tmp_path / "again", tmp_path / "output")
    (folder,) = (tmp_path / "work").iterdir()
    assert not list(folder.glob("checkpoint*"))


def changed_spec(**changes):
    return {**SPEC, "method": {**SPEC["method"], **changes}}


@pytest.mark.parametrize("spec", [changed_spec(iterations=7), {**SPEC, "seed": 4}])
def test_a_changed_setting_never_resumes_another_trainings_state(inputs, tmp_path, spec):
    interrupt(SPEC, inputs, tmp_path / "work", 2)
    with pytest.MonkeyPatch.context() as patch:
        calls = stop_at(patch, 1)
        with pytest.raises(InterruptedTrainingError, match="stopped at iteration 1,"):
            train(spec, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert len(calls) == 1
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_other_start_weights_are_another_training(inputs, tmp_path):
    torch.manual_seed(1)
    save_weights(tmp_path / "other.safetensors", build_generator(SPEC["generator"], 4).state_dict())
    other = TrainingInputs(inputs.patches, tmp_path / "other.safetensors", None, inputs.mad_patches, inputs.mad_images)
    interrupt(SPEC, inputs, tmp_path / "work", 2)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 1)
        with pytest.raises(InterruptedTrainingError, match="stopped at iteration 1,"):
            train(SPEC, "model", other, tmp_path / "work", tmp_path / "output")


def test_nan_names_iteration_and_term_and_the_checkpoint_before_is_good(straight, inputs, tmp_path, monkeypatch):
    folder = interrupt(SPEC, inputs, tmp_path / "work", 3)
    plain = PixelLoss.forward
    calls = []

    def sometimes_nan(term, outputs):
        calls.append(1)
        return plain(term, outputs) * (float("nan") if len(calls) == 2 else 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PixelLoss, "forward", sometimes_nan)
        with pytest.raises(UserError, match=r"model: iteration 5: the loss term pixel became nan") as caught:
            train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "output").exists()
    assert torch.load(folder / "checkpoint_000000003.pt", weights_only=True)["iteration"] == 3
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


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
        train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert not (tmp_path / "harm").exists()
    assert not (tmp_path / "output").exists()


def test_a_missing_input_is_named(inputs, tmp_path):
    missing = TrainingInputs(inputs.patches, tmp_path / "missing.safetensors")
    with pytest.raises(UserError, match=r"missing\.safetensors: cannot be read"):
        train(SPEC, "model", missing, tmp_path / "work", tmp_path / "output")


def test_without_ema_and_patches_both_weight_files_are_the_raw_weights(inputs, tmp_path):
    spec = {
        **changed_spec(losses={"pixel": {"weight": 1.0}}, discriminator=None, ema_decay=None, iterations=2),
        "mad_interval": None,
    }
    train(spec, "model", TrainingInputs(inputs.patches), tmp_path / "work", tmp_path / "output")
    raw, averaged = (load_file(tmp_path / "output" / f"generator{kind}.safetensors") for kind in ("", "_ema"))
    assert all(torch.equal(raw[key], averaged[key]) for key in raw)
    assert not (tmp_path / "output" / "snapshots.npz").exists()


def test_a_long_training_logs_about_two_hundred_lines(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingStep, "__call__", lambda step, lr, hr: {"pixel": torch.tensor(0.5)})
    spec = changed_spec(losses={"pixel": {"weight": 1.0}}, discriminator=None, ema_decay=None, iterations=1001)
    spec["mad_interval"] = None
    train(spec, "model", TrainingInputs(inputs.patches), tmp_path / "work", tmp_path / "output")
    iterations = [line["iteration"] for line in log_lines(tmp_path / "output")]
    assert iterations == [*range(5, 1001, 5), 1001]


def test_iterations_that_are_not_finite_are_skipped_up_to_the_limit(inputs, tmp_path, monkeypatch):
    plain = PixelLoss.forward
    calls = []

    def sometimes_nan(term, outputs):
        calls.append(1)
        return plain(term, outputs) * (float("nan") if len(calls) in (2, 4) else 1)

    monkeypatch.setattr(PixelLoss, "forward", sometimes_nan)
    spec = {**SPEC, "training": {**SPEC["training"], "skip_not_finite": 2}}
    train(spec, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["skipped"] == [2, 4]
    assert [line["iteration"] for line in log_lines(tmp_path / "output")] == [1, 3, 5, 6]
    weights = load_file(tmp_path / "output" / "generator.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())

    calls.clear()
    spec["training"]["skip_not_finite"] = 1
    with pytest.raises(UserError, match=r"iteration 4: the loss term pixel became nan after 1 that were skipped"):
        train(spec, "model", inputs, tmp_path / "work", tmp_path / "again")


def test_a_broken_checkpoint_costs_only_the_iterations_since_the_one_before(straight, inputs, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(InterruptedTrainingError):
            settings = TrainingSettings(checkpoint_every=3)
            train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    (folder,) = (tmp_path / "work").iterdir()
    (folder / "checkpoint_000000005.pt").write_bytes(b"broken")
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
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

    settings = TrainingSettings(checkpoint_every=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StateFolder, "save", save)
        with pytest.raises(OSError, match="No space left"):
            train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    assert not (tmp_path / "output").exists()
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    assert_same_training(tmp_path / "output", straight)
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["resumed_at"] == [full_at - 1]


def test_a_disk_that_is_full_at_the_end_costs_no_iteration(straight, inputs, tmp_path, monkeypatch):
    def full(file, weights):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "save_weights", full)
        with pytest.raises(OSError, match="No space left"):
            train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", TrainingSettings(checkpoint_every=3))
    assert not (tmp_path / "output").exists()
    calls = stop_at(monkeypatch, 0)
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output")
    assert calls == []
    assert_same_training(tmp_path / "output", straight)


@pytest.mark.parametrize("prefetch", [0, 5])
def test_how_many_batches_lie_ready_changes_nothing(straight, inputs, tmp_path, prefetch):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(InterruptedTrainingError):
            settings = TrainingSettings(prefetch=prefetch)
            train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    train(SPEC, "model", inputs, tmp_path / "work", tmp_path / "output", TrainingSettings(prefetch=prefetch))
    assert_same_training(tmp_path / "output", straight)


def test_tensorboard_gets_the_lines_of_the_log(inputs, tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    settings = TrainingSettings(tensorboard=True)
    train(SPEC, "model", inputs, run / "state" / "model", tmp_path / "output", settings)
    events = event_accumulator.EventAccumulator(str(run / "tensorboard" / "model")).Reload()
    seen = {event.step: event.value for event in events.Scalars("losses/pixel")}
    told = {line["iteration"]: line["losses"]["pixel"] for line in log_lines(tmp_path / "output")}
    assert seen == pytest.approx(told)
