from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from gansr import upscaling
from gansr.data.bicubic import imresize
from gansr.data.mad_patches import cut_with_context
from gansr.errors import UserError
from gansr.inference import (
    bicubic_luma,
    bicubic_upscale,
    upscale_benchmark,
    upscale_luma,
)
from gansr.metrics.pair import luma
from gansr.networks.build import build_generator
from gansr.networks.weight_files import save_weights
from gansr.upscaling import generator_upscale, upscale_patch

OPTIONS = {"network": "srresnet", "features": 4, "blocks": 1}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(upscaling, "device", lambda: torch.device("cpu"))


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "images" / "LR").mkdir(parents=True)
    for name, size in {"b": (9, 7), "a": (6, 8)}.items():
        # black and white pixels drive the output out of [0, 1]
        lr = random.choice(np.array([0, 255, 100], np.uint8), (*size, 3))
        Image.fromarray(lr).save(tmp_path / "images" / "LR" / f"{name}.png")
    return tmp_path / "images"


def lr_image(images, name):
    return np.asarray(Image.open(images / "LR" / f"{name}.png"))


@pytest.fixture
def hr_images(tmp_path):
    # black and white squares, between which bicubic leaves [0, 255], and a few colours
    random = np.random.default_rng(6)
    (tmp_path / "images" / "HR").mkdir(parents=True)
    for name, size in {"b": (5, 6), "a": (4, 5)}.items():
        hr = 255 * np.kron(random.integers(0, 2, size), np.ones((8, 8), int))[..., None].repeat(3, axis=2)
        hr[-4:, -4:] = [200, 90, 10]
        Image.fromarray(hr.astype(np.uint8)).save(tmp_path / "images" / "HR" / f"{name}.png")
    return tmp_path / "images"


def written(output, mode="RGB"):
    files = sorted(output.iterdir())
    assert [file.name for file in files] == ["a.png", "b.png"]
    opened = [Image.open(file) for file in files]
    assert all((image.format, image.mode) == ("PNG", mode) for image in opened)
    return {file.stem: np.asarray(image) for file, image in zip(files, opened, strict=True)}


@pytest.mark.parametrize("network", ["srresnet", "rrdb"])
@pytest.mark.parametrize("scale", [2, 4])
def test_sr_is_the_networks_output_clipped_and_rounded(images, tmp_path, network, scale):
    torch.manual_seed(0)
    options = {**OPTIONS, "network": network}
    generator = build_generator(options, scale).eval()
    with torch.no_grad():
        # the last layer, so strong that the output leaves [0, 1] on both sides
        *_, weight, bias = generator.parameters()
        weight.mul_(1000)
        bias.copy_(torch.tensor([-0.4, 0.5, 0.6]))
    save_weights(tmp_path / "weights.safetensors", generator.state_dict())
    upscale = generator_upscale(options, scale, tmp_path / "weights.safetensors")
    upscale_benchmark(upscale, images, "own", tmp_path / "output")
    for name, sr in written(tmp_path / "output").items():
        lr = torch.from_numpy(lr_image(images, name).copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            raw = generator(lr)[0].permute(1, 2, 0).numpy()
        assert raw.min() < 0
        assert raw.max() > 1
        expected = np.rint(np.clip(raw, 0, 1) * np.float32(255)).astype(np.uint8)
        np.testing.assert_array_equal(sr, expected)


def test_bicubic_is_matlabs_enlargement(images, tmp_path):
    upscale_benchmark(bicubic_upscale(4), images, "own", tmp_path / "output")
    for name, sr in written(tmp_path / "output").items():
        np.testing.assert_array_equal(sr, imresize(lr_image(images, name), 4))


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_of_luma_alone_is_rounded_at_its_ends_and_nowhere_between(hr_images, tmp_path, scale):
    upscale_luma(hr_images, scale, "own", tmp_path / "output")
    for name, sr in written(tmp_path / "output", "L").items():
        y = luma(np.asarray(Image.open(hr_images / "HR" / f"{name}.png")), rounded=True)
        small = imresize(y, Fraction(1, scale))
        enlarged = imresize(small, scale)
        assert enlarged.min() < (-0.5 if (name, scale) == ("b", 4) else 16) and enlarged.max() > 235
        assert sr.shape == y.shape
        np.testing.assert_array_equal(sr, np.floor(np.clip(enlarged, 0, 255) + 0.5))
        rounded_between = np.floor(np.clip(imresize(np.floor(small + 0.5), scale), 0, 255) + 0.5)
        assert (sr != rounded_between).any()


def test_bicubic_of_luma_alone_is_not_the_luma_of_bicubic(hr_images):
    hr = np.asarray(Image.open(hr_images / "HR" / "b.png"))
    of_colours = luma(imresize(imresize(hr, Fraction(1, 4)), 4), rounded=True)
    assert (bicubic_luma(hr, 4) != of_colours).any()


def test_bicubic_of_luma_alone_needs_no_lr_and_leaves_nothing_of_a_broken_benchmark(hr_images, tmp_path):
    (hr_images / "HR" / "b.png").write_text("no image")
    with pytest.raises(UserError, match=r"b\.png: not an image"):
        upscale_luma(hr_images, 4, "own", tmp_path / "output")
    assert {file.name for file in tmp_path.iterdir()} == {"images"}
    for file in (hr_images / "HR").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="HR: no images"):
        upscale_luma(hr_images, 4, "own", tmp_path / "output")


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path / "weights.safetensors", build_generator(OPTIONS, 2).state_dict())
    with pytest.raises(UserError, match=r"weights\.safetensors: the weights are of another network"):
        generator_upscale(OPTIONS, 4, tmp_path / "weights.safetensors")


def test_a_benchmark_without_images_is_an_error(tmp_path):
    (tmp_path / "LR").mkdir()
    with pytest.raises(UserError, match="LR: no images"):
        upscale_benchmark(bicubic_upscale(4), tmp_path, "own", tmp_path / "output")


def test_a_broken_image_leaves_no_output(images, tmp_path):
    (images / "LR" / "b.png").write_text("no image")
    with pytest.raises(UserError, match=r"b\.png: not an image"):
        upscale_benchmark(bicubic_upscale(4), images, "own", tmp_path / "output")
    assert {file.name for file in tmp_path.iterdir()} == {"images"}


def test_a_second_run_leaves_nothing_of_the_first(images, tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "old.png").touch()
    upscale_benchmark(bicubic_upscale(4), images, "own", tmp_path / "output")
    assert set(written(tmp_path / "output")) == {"a", "b"}


@pytest.mark.parametrize(("top", "left"), [(0, 0), (80, 88), (160, 176), (8, 100)])
def test_sr_of_a_patch_is_that_of_the_whole_image_cut(top, left):
    # with two convolutions in a row at LR size, the context is more than the network sees
    lr = np.random.default_rng(1).integers(0, 256, (48, 52, 3), dtype=np.uint8)
    torch.manual_seed(0)
    generator = build_generator(OPTIONS, 4).eval()
    patch = cut_with_context(lr, {"top": top, "left": left, "size": 32}, 4)
    sr = upscale_patch(generator, patch)
    whole = generator(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255)[0]
    assert sr.dtype == torch.float32
    assert not sr.requires_grad
    torch.testing.assert_close(sr, whole[:, top : top + 32, left : left + 32].detach(), rtol=0, atol=1e-5)
