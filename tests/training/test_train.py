"""What a training leaves behind, logs, and says when it cannot go on."""

from functools import partialmethod

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from training_data import SPEC, assert_same_training, changed_spec, interrupt, log_lines, stop_at

from gansr.config.training_settings import ResultSettings, WatchSettings
from gansr.errors import UserError
from gansr.losses.pixel import PixelLoss
from gansr.networks.build import build_generator
from gansr.training.loop import InterruptedTrainingError
from gansr.training.step import TrainingStep
from gansr.training.train import TrainingInputs, train
from tests.training_jobs import train_job

pytestmark = pytest.mark.usefixtures("on_the_cpu")


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
    assert description["job"] == train_job(SPEC).model_dump(mode="json")
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
    spec = SPEC | {"training": ResultSettings(compile=True).model_dump()}
    train(train_job(spec), "model", inputs, tmp_path / "work", tmp_path / "output")
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
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


def test_without_ema_and_patches_both_weight_files_are_the_raw_weights(inputs, tmp_path):
    spec = {
        **changed_spec(losses={"pixel": {"weight": 1.0}}, critics={}, ema_decay=None, iterations=2),
        "mad_interval": None,
    }
    train(train_job(spec), "model", TrainingInputs(inputs.patches), tmp_path / "work", tmp_path / "output")
    raw, averaged = (load_file(tmp_path / "output" / f"generator{kind}.safetensors") for kind in ("", "_ema"))
    assert all(torch.equal(raw[key], averaged[key]) for key in raw)
    with np.load(tmp_path / "output" / "snapshots.npz") as snapshots:
        assert [len(snapshots[key]) for key in snapshots.files] == [0, 0, 0]


@pytest.mark.parametrize("prefetch", [0, 5])
def test_how_many_batches_lie_ready_changes_nothing(straight, inputs, tmp_path, prefetch):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3)
        with pytest.raises(InterruptedTrainingError):
            settings = WatchSettings(prefetch=prefetch)
            train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", settings)
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output", WatchSettings(prefetch=prefetch))
    assert_same_training(tmp_path / "output", straight)


def test_a_long_training_logs_about_two_hundred_lines(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingStep, "__call__", lambda step, lr, hr: {"pixel": torch.tensor(0.5)})
    spec = changed_spec(losses={"pixel": {"weight": 1.0}}, critics={}, ema_decay=None, iterations=1001)
    spec["mad_interval"] = None
    train(train_job(spec), "model", TrainingInputs(inputs.patches), tmp_path / "work", tmp_path / "output")
    iterations = [line["iteration"] for line in log_lines(tmp_path / "output")]
    assert iterations == [*range(5, 1001, 5), 1001]


def test_tensorboard_gets_the_lines_of_the_log(inputs, tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    settings = WatchSettings(tensorboard=True)
    train(train_job(SPEC), "model", inputs, run / "state" / "model", tmp_path / "output", settings)
    events = event_accumulator.EventAccumulator(str(run / "tensorboard" / "model")).Reload()
    seen = {event.step: event.value for event in events.Scalars("losses/pixel")}
    told = {line["iteration"]: line["losses"]["pixel"] for line in log_lines(tmp_path / "output")}
    assert seen == pytest.approx(told)


def test_a_missing_input_is_named(inputs, tmp_path):
    missing = TrainingInputs(inputs.patches, tmp_path / "missing.safetensors")
    with pytest.raises(UserError, match=r"missing\.safetensors: cannot be read"):
        train(train_job(SPEC), "model", missing, tmp_path / "work", tmp_path / "output")


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
            train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "output").exists()
    assert torch.load(folder / "checkpoint_000000003.pt", weights_only=True)["iteration"] == 3
    train(train_job(SPEC), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert_same_training(tmp_path / "output", straight)


def test_iterations_that_are_not_finite_are_skipped_up_to_the_limit(inputs, tmp_path, monkeypatch):
    plain = PixelLoss.forward
    calls = []

    def sometimes_nan(term, outputs):
        calls.append(1)
        return plain(term, outputs) * (float("nan") if len(calls) in (2, 4) else 1)

    monkeypatch.setattr(PixelLoss, "forward", sometimes_nan)
    spec = {**SPEC, "training": {**SPEC["training"], "skip_not_finite": 2}}
    train(train_job(spec), "model", inputs, tmp_path / "work", tmp_path / "output")
    assert yaml.safe_load((tmp_path / "output" / "spec.yaml").read_text())["skipped"] == [2, 4]
    assert [line["iteration"] for line in log_lines(tmp_path / "output")] == [1, 3, 5, 6]
    weights = load_file(tmp_path / "output" / "generator.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())

    calls.clear()
    spec["training"]["skip_not_finite"] = 1
    with pytest.raises(UserError, match=r"iteration 4: the loss term pixel became nan after 1 that were skipped"):
        train(train_job(spec), "model", inputs, tmp_path / "work", tmp_path / "again")
