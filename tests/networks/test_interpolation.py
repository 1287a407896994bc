import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from gansr.errors import UserError
from gansr.networks.build import build_generator, count_parameters
from gansr.networks.interpolation import interpolate_models, interpolate_weights
from gansr.networks.weight_files import load_weights, save_weights
from gansr.plan.jobs.train import InterpolateJob

SRRESNET = {"network": "srresnet", "features": 4, "blocks": 1}
SWINIR = {"network": "swinir", "features": 4, "groups": 1, "blocks": 2, "heads": 2}
FILES = ["generator.safetensors", "generator_ema.safetensors", "spec.yaml"]


def fresh(options=SRRESNET, seed=0, scale=2):
    torch.manual_seed(seed)
    return build_generator(options, scale).state_dict()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


# ---- weights


@pytest.mark.parametrize("options", [SRRESNET, SWINIR], ids=["srresnet", "swinir"])
def test_alpha_0_is_the_first_and_1_the_second_bit_for_bit(options):
    first, second = fresh(options, 1), fresh(options, 2)
    assert equal(interpolate_weights(first, second, 0), first)
    assert equal(interpolate_weights(first, second, 1), second)
    assert not equal(first, second)


@given(alpha=st.sampled_from([0.0, 1.0]), values=st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=8))
def test_the_ends_are_exact_for_numbers_of_any_size(alpha, values):
    finite = torch.nan_to_num(torch.tensor(values))
    first, second = {"w": finite[: len(values) // 2]}, {"w": finite[-(len(values) // 2) :]}
    assert equal(interpolate_weights(first, second, alpha), second if alpha else first)


def test_between_the_ends_every_tensor_is_the_weighted_mean_of_both():
    first, second = fresh(seed=1), fresh(seed=2)
    between = interpolate_weights(first, second, 0.3)
    assert between.keys() == first.keys()
    for key, value in between.items():
        one, two = first[key].numpy().astype(np.float64), second[key].numpy().astype(np.float64)
        assert value.dtype == torch.float32
        np.testing.assert_array_equal(value.numpy(), (0.7 * one + 0.3 * two).astype(np.float32))


def test_equal_weights_stay_what_they_are():
    weights = fresh()
    between = interpolate_weights(weights, weights, 0.3)
    for key, value in between.items():
        torch.testing.assert_close(value, weights[key], rtol=1e-7, atol=0)


def test_the_two_are_not_changed():
    first, second = fresh(seed=1), fresh(seed=2)
    interpolate_weights(first, second, 0.3)
    assert equal(first, fresh(seed=1)) and equal(second, fresh(seed=2))


def test_whole_numbers_that_are_equal_are_kept():
    first, second = fresh(SWINIR, 1), fresh(SWINIR, 2)
    whole = [key for key, value in first.items() if not value.is_floating_point()]
    assert whole and all("relative_position_index" in key for key in whole)
    between = interpolate_weights(first, second, 0.3)
    for key in whole:
        assert between[key].dtype == torch.int64 and torch.equal(between[key], first[key])


@pytest.mark.parametrize("alpha", [0, 0.3, 1])
def test_whole_numbers_that_differ_are_refused(alpha):
    first = {"w": torch.zeros(2), "index": torch.tensor([1, 2])}
    with pytest.raises(ValueError, match="index holds whole numbers that differ"):
        interpolate_weights(first, first | {"index": torch.tensor([1, 3])}, alpha)


@pytest.mark.parametrize("swap", [False, True])
def test_a_key_that_only_one_of_them_has_is_named(swap):
    whole = fresh()
    part = {key: value for key, value in whole.items() if key != "conv_hr.bias"}
    with pytest.raises(ValueError, match=r"^only one of them has conv_hr\.bias$"):
        interpolate_weights(*((part, whole) if swap else (whole, part)), 0.3)
    part = {key: value for key, value in part.items() if key != "upconv1.weight"}
    with pytest.raises(ValueError, match=r"^only one of them has conv_hr\.bias \(2 such\)$"):
        interpolate_weights(*((part, whole) if swap else (whole, part)), 0.3)


def test_a_tensor_of_another_shape_is_named_with_both_shapes():
    other = fresh() | {"conv_hr.bias": torch.zeros(1)}  # which would be broadcast
    with pytest.raises(ValueError, match=r"^conv_hr\.bias has the shapes \(4,\) and \(1,\)$"):
        interpolate_weights(fresh(), other, 0.3)


# ---- models


def job_of(options=SRRESNET, alpha=0.3, scale=2):
    interpolate = {"between": ["One", "Two"], "alpha": float(alpha)}
    return InterpolateJob(code=1, scale=scale, generator=options, interpolate=interpolate)


@pytest.fixture
def files(tmp_path):
    def make(options=SRRESNET, scale=2):
        for name, seed in (("one", 1), ("two", 2)):
            save_weights(tmp_path / f"{name}.safetensors", fresh(options, seed, scale))
        return tmp_path / "one.safetensors", tmp_path / "two.safetensors"

    return make


@pytest.mark.parametrize("options", [SRRESNET, SWINIR], ids=["srresnet", "swinir"])
def test_a_models_folder_is_written_and_opens_again(tmp_path, files, options):
    first, second = files(options)
    output = tmp_path / "models" / "between"
    interpolate_models(job_of(options), "Between", first, second, output)
    assert sorted(file.name for file in output.iterdir()) == FILES
    expected = interpolate_weights(load_file(first), load_file(second), 0.3)
    for name in FILES[:2]:
        network = build_generator(options, 2)
        load_weights(network, output / name)
        assert equal(network.state_dict(), expected)
    description = yaml.safe_load((output / "spec.yaml").read_text(encoding="utf-8"))
    assert description == {
        "model": "Between",
        "job": job_of(options).model_dump(mode="json"),
        "inputs": {
            "first_sha256": hashlib.sha256(first.read_bytes()).hexdigest(),
            "second_sha256": hashlib.sha256(second.read_bytes()).hexdigest(),
        },
        "parameters": count_parameters(build_generator(options, 2)),
    }


def test_a_models_name_may_hold_any_letter(tmp_path, files):
    interpolate_models(job_of(), "σ·M: 0.3", *files(), tmp_path / "out")
    assert yaml.safe_load((tmp_path / "out" / "spec.yaml").read_text(encoding="utf-8"))["model"] == "σ·M: 0.3"


@pytest.mark.parametrize("alpha", [0, 1])
def test_the_ends_are_the_files_themselves(tmp_path, files, alpha):
    ends = files(SWINIR)
    interpolate_models(job_of(SWINIR, alpha), "End", *ends, tmp_path / "out")
    assert equal(load_file(tmp_path / "out" / "generator.safetensors"), load_file(ends[alpha]))


def test_a_model_that_is_made_again_takes_the_place_of_the_old_one(tmp_path, files):
    first, second = files()
    for alpha in (0.3, 1):
        interpolate_models(job_of(alpha=alpha), "Between", first, second, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == FILES
    assert equal(load_file(tmp_path / "out" / "generator_ema.safetensors"), load_file(second))


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize(
    "other",
    [
        fresh(SRRESNET | {"features": 5}),
        fresh(SRRESNET | {"blocks": 2}),
        fresh(SWINIR),
        fresh(scale=4),
    ],
    ids=["wider", "deeper", "another", "scale"],
)
def test_weights_of_another_network_are_refused_with_their_file(tmp_path, files, wrong, other):
    ends = files()
    save_weights(ends[wrong], other)
    with pytest.raises(UserError, match="another network") as caught:
        interpolate_models(job_of(), "Between", *ends, tmp_path / "out")
    assert str(ends[wrong]) in str(caught.value) and str(ends[1 - wrong]) not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_written(tmp_path, files, wrong, content):
    ends = files()
    if content is None:
        ends[wrong].unlink()
    else:
        ends[wrong].write_bytes(content)
    with pytest.raises(UserError, match="cannot read the weights") as caught:
        interpolate_models(job_of(), "Between", *ends, tmp_path / "out")
    assert str(ends[wrong]) in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_index_tables_that_differ_are_refused_with_model_and_files(tmp_path, files):
    ends = files(SWINIR)
    key = "layers.0.residual_group.blocks.0.attn.relative_position_index"
    state = load_file(ends[1])
    save_weights(ends[1], state | {key: state[key] + 1})
    with pytest.raises(UserError, match=r"^Between: cannot interpolate") as caught:
        interpolate_models(job_of(SWINIR), "Between", *ends, tmp_path / "out")
    for word in (str(ends[0]), str(ends[1]), key):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_write_that_fails_leaves_no_half_of_a_file(tmp_path, files, monkeypatch):
    def broken(partial, content):
        with partial.open("wb") as stream:
            stream.write(content[:10])
        raise OSError("no space left on device")

    ends = files()
    monkeypatch.setattr(Path, "write_bytes", broken)
    with pytest.raises(OSError, match="no space left"):
        interpolate_models(job_of(), "Between", *ends, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
