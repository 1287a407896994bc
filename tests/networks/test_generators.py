import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from spandrel import ModelLoader

from gansr.checksum import checksum
from gansr.errors import UserError
from gansr.networks.build import build_generator, count_parameters
from gansr.networks.weight_files import load_weights, save_weights


def tiny(network, scale, seed=0):
    torch.manual_seed(seed)
    return build_generator({"network": network, "features": 4, "blocks": 2}, scale)


def lr_image(height=5, width=6, count=1, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def weights_of(generator):
    """As float64 arrays, biases no longer zero: else a forgotten one would not be noticed."""
    with torch.no_grad():
        for key, value in generator.named_parameters():
            if key.endswith("bias"):
                value.copy_(torch.linspace(-0.3, 0.4, value.numel()))
    return {key: value.double().numpy() for key, value in generator.state_dict().items()}


# A plain restatement in NumPy of what the networks are made of. Images are channels x height x width.


def conv(x, weights, name):
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(weight), height, width)) + bias[:, None, None]
    for di in range(3):
        for dj in range(3):
            out += np.einsum("oc,chw->ohw", weight[:, :, di, dj], padded[:, di : di + height, dj : dj + width])
    return out


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def pixel_shuffle(x):
    out = np.zeros((len(x) // 4, 2 * x.shape[1], 2 * x.shape[2]))
    for channel in range(len(x)):
        out[channel // 4, channel % 4 // 2 :: 2, channel % 2 :: 2] = x[channel]
    return out


def pixel_unshuffle(x):
    out = np.zeros((4 * len(x), x.shape[1] // 2, x.shape[2] // 2))
    for channel in range(len(out)):
        out[channel] = x[channel // 4, channel % 4 // 2 :: 2, channel % 2 :: 2]
    return out


def nearest(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def bilinear(x, scale):
    def line(length):
        for i in range(length * scale):
            position = min(max((i + 0.5) / scale - 0.5, 0), length - 1)
            low = math.floor(position)
            yield low, min(low + 1, length - 1), position - low

    rows, columns = list(line(x.shape[1])), list(line(x.shape[2]))
    out = np.zeros((len(x), len(rows), len(columns)))
    for i, (top, bottom, down) in enumerate(rows):
        for j, (left, right, along) in enumerate(columns):
            upper = (1 - along) * x[:, top, left] + along * x[:, top, right]
            lower = (1 - along) * x[:, bottom, left] + along * x[:, bottom, right]
            out[:, i, j] = (1 - down) * upper + down * lower
    return out


def plain_srresnet(lr, weights, scale, blocks):
    x = leaky(conv(lr, weights, "conv_first"), 0.1)
    for n in range(blocks):
        x = x + conv(np.maximum(conv(x, weights, f"body.{n}.conv1"), 0), weights, f"body.{n}.conv2")
    for n in range(int(math.log2(scale))):
        x = leaky(pixel_shuffle(conv(x, weights, f"upconv{n + 1}")), 0.1)
    return conv(leaky(conv(x, weights, "conv_hr"), 0.1), weights, "conv_last") + bilinear(lr, scale)


def plain_rrdb(lr, weights, scale, blocks):
    first = conv(pixel_unshuffle(lr) if scale == 2 else lr, weights, "model.0")
    x = first
    for n in range(blocks):
        block_input = x
        for m in (1, 2, 3):
            dense = [x]
            for k in (1, 2, 3, 4):
                dense.append(leaky(conv(np.concatenate(dense), weights, f"model.1.sub.{n}.RDB{m}.conv{k}.0"), 0.2))
            x = x + 0.2 * conv(np.concatenate(dense), weights, f"model.1.sub.{n}.RDB{m}.conv5.0")
        x = block_input + 0.2 * x
    x = first + conv(x, weights, f"model.1.sub.{blocks}")
    for name in ("model.3", "model.6"):
        x = leaky(conv(nearest(x), weights, name), 0.2)
    return conv(leaky(conv(x, weights, "model.8"), 0.2), weights, "model.10")


PLAIN = {"srresnet": plain_srresnet, "rrdb": plain_rrdb}


@pytest.mark.parametrize(
    ("network", "scale", "parameters"),
    [
        ("srresnet", 4, 1_517_571),
        ("srresnet", 2, 1_369_859),
        ("rrdb", 4, 16_697_987),
        ("rrdb", 2, 16_703_171),
    ],
)
def test_the_default_is_of_the_papers_size(network, scale, parameters):
    with torch.device("meta"):
        generator = build_generator({"network": network}, scale)
    assert count_parameters(generator) == parameters


@pytest.mark.parametrize("network", ["srresnet", "rrdb"])
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 10)])
def test_output_is_scale_times_as_large(network, scale, height, width):
    with torch.no_grad():
        sr = tiny(network, scale)(lr_image(height, width, count=2))
    assert sr.shape == (2, 3, height * scale, width * scale)


@pytest.mark.parametrize("scale", [2, 4])
def test_rrdb_takes_odd_sizes(scale):
    with torch.no_grad():
        assert tiny("rrdb", scale)(lr_image(5, 7)).shape == (1, 3, 5 * scale, 7 * scale)


@pytest.mark.parametrize("network", ["srresnet", "rrdb"])
@pytest.mark.parametrize("scale", [2, 4])
def test_output_equals_a_plain_restatement_in_float64(network, scale):
    generator = tiny(network, scale)
    weights = weights_of(generator)
    lr = lr_image(4, 6).double()
    with torch.no_grad():
        sr = generator.double()(lr)[0].numpy()
    np.testing.assert_allclose(sr, PLAIN[network](lr[0].numpy(), weights, scale, blocks=2), rtol=0, atol=1e-12)


def test_srresnet_has_the_parameter_names_of_the_public_checkpoints():
    convolutions = ["conv_first", "body.0.conv1", "body.0.conv2", "body.1.conv1", "body.1.conv2"]
    convolutions += ["upconv1", "upconv2", "conv_hr", "conv_last"]
    expected = {f"{name}.{kind}" for name in convolutions for kind in ("weight", "bias")}
    assert set(tiny("srresnet", 4).state_dict()) == expected
    assert set(tiny("srresnet", 2).state_dict()) == {key for key in expected if "upconv2" not in key}


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_spandrel_opens_rrdb_and_gives_the_same_output(tmp_path, scale, suffix):
    torch.manual_seed(0)
    generator = build_generator({"network": "rrdb", "features": 8, "blocks": 1}, scale).eval()
    file = tmp_path / f"rrdb.{suffix}"
    if suffix == "pth":
        torch.save(generator.state_dict(), file)
    else:
        save_weights(file, generator.state_dict())
    opened = ModelLoader(device="cpu").load_from_file(file)
    assert (opened.architecture.id, opened.scale) == ("ESRGAN", scale)
    lr = lr_image(8, 6)
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(lr), generator(lr))


@pytest.mark.parametrize("network", ["srresnet", "rrdb"])
def test_residual_branches_start_small(network):
    torch.manual_seed(0)
    generator = build_generator({"network": network, "features": 32, "blocks": 1}, 4)
    for name, layer in generator.named_modules():
        if isinstance(layer, torch.nn.Conv2d) and (network == "srresnet" or "RDB" in name):
            fan_in = layer.in_channels * 9
            assert layer.weight.std().item() == pytest.approx(0.1 * math.sqrt(2 / fan_in), rel=0.1), name
            assert not layer.bias.any()


def test_a_fresh_srresnet_is_near_bilinear_enlargement():
    lr = lr_image(8, 8)
    torch.manual_seed(0)
    with torch.no_grad():
        sr = build_generator({"network": "srresnet"}, 4)(lr)
    base = F.interpolate(lr, scale_factor=4, mode="bilinear", align_corners=False)
    assert (sr - base).abs().max() < 0.05


@pytest.mark.parametrize("network", ["srresnet", "rrdb"])
def test_fresh_weights_come_from_the_global_random_state(network):
    one, again, other = (tiny(network, 4, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_saved_weights_are_loaded_back_bit_for_bit(tmp_path):
    one, other = tiny("srresnet", 4, seed=1), tiny("srresnet", 4, seed=2)
    save_weights(tmp_path / "weights.safetensors", one.state_dict())
    load_weights(other, tmp_path / "weights.safetensors")
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())
    assert set(load_file(tmp_path / "weights.safetensors")) == set(one.state_dict())


def refuse(network, file, match):
    with pytest.raises(UserError, match=match) as caught:
        load_weights(network, file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path / "weights.safetensors", tiny("srresnet", 2).state_dict())
    refuse(tiny("srresnet", 4), tmp_path / "weights.safetensors", "another network.*upconv2")
    refuse(tiny("rrdb", 4), tmp_path / "weights.safetensors", "another network")
    wider = build_generator({"network": "srresnet", "features": 5, "blocks": 2}, 2)
    refuse(wider, tmp_path / "weights.safetensors", "another network.*size mismatch")


def test_missing_and_broken_weights_are_refused(tmp_path):
    refuse(tiny("srresnet", 4), tmp_path / "missing.safetensors", "cannot read")
    save_weights(tmp_path / "cut.safetensors", tiny("srresnet", 4).state_dict())
    content = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    refuse(tiny("srresnet", 4), tmp_path / "cut.safetensors", "cannot read")


def test_a_checksum_is_that_of_the_content(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert checksum(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(UserError, match="cannot be read") as caught:
        checksum(tmp_path / "missing")
    assert str(tmp_path / "missing") in str(caught.value) and "\n" not in str(caught.value)
