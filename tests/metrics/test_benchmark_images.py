"""On the real benchmarks, the whole way from HR to score gives the numbers that are known for them."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from spandrel import ModelLoader

from gansr.data.bicubic import imresize, resize_operator
from gansr.data.images import crop_to_multiple, read_rgb
from gansr.inference import bicubic_luma, bicubic_upscale
from gansr.metrics.pair import Pair, luma
from gansr.metrics.perceptual import AlexNetMetrics
from gansr.metrics.psnr_ssim import psnr_y, ssim_y

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
COUNTS = {"Set5": 5, "Set14": 14, "BSDS100": 100, "General100": 100}


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip("needs ../shared/data (real benchmark images and weights, not part of the repository)")
    return path


def hr_images(benchmark):
    """HR images by name, cropped to a multiple of 4."""
    files = sorted((shared(benchmark) / "HR").iterdir())
    assert len(files) == COUNTS[benchmark]
    return {file.stem: crop_to_multiple(read_rgb(file), 4) for file in files}


def lpips_alex():
    metrics = AlexNetMetrics(shared("weights") / "alexnet_features_torchvision.pth")
    return lambda pair: metrics(pair)["lpips_alex"]


def means(pairs, *metrics):
    return np.mean([[metric(pair) for metric in metrics] for pair in pairs], axis=0)


@pytest.mark.parametrize(
    ("benchmark", "psnr", "ssim", "lpips"),
    [
        ("Set5", 28.43, 0.8111, 0.340),
        ("Set14", 26.09, 0.7048, 0.438),
        ("BSDS100", 25.96, 0.6681, 0.524),
        ("General100", 28.02, 0.7865, 0.353),
    ],
)
def test_the_bicubic_column_is_that_of_the_literature(benchmark, psnr, ssim, lpips):
    upscale = bicubic_upscale(4)
    pairs = (Pair(upscale(imresize(hr, Fraction(1, 4))), hr) for hr in hr_images(benchmark).values())
    found = means(pairs, psnr_y, ssim_y, lpips_alex())
    assert found[0] == pytest.approx(psnr, abs=0.01)
    assert found[1] == pytest.approx(ssim, abs=0.0005)
    assert found[2] == pytest.approx(lpips, abs=0.001)


def test_luma_alone_is_rounded_before_and_after_both_resizes_but_not_between():
    colours = np.array([[0, 0, 0], [255, 255, 255], [90, 120, 40], [200, 30, 60]], np.uint8)
    hr = colours[np.random.default_rng(0).integers(0, 4, (24, 20))]
    y = luma(hr, rounded=True)
    for length, axis in ((24, 0), (20, 1)):
        there_and_back = resize_operator(length // 4, Fraction(4)) @ resize_operator(length, Fraction(1, 4))
        y = np.apply_along_axis(there_and_back.toarray().dot, axis, y)
    result = bicubic_luma(hr, 4)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, np.clip(np.floor(y + 0.5), 0, 255))
    np.testing.assert_array_equal(bicubic_luma(np.tile(hr[:1, :1], (8, 8, 1)), 4), luma(hr, rounded=True)[0, 0])


@pytest.mark.parametrize(("benchmark", "psnr", "ssim"), [("Set5", 28.42, 0.8104), ("BSDS100", 25.96, 0.6675)])
def test_bicubic_of_luma_alone_is_what_older_papers_print(benchmark, psnr, ssim):
    def pair(hr):
        return Pair(np.repeat(bicubic_luma(hr, 4)[..., None], 3, axis=2), hr)

    def on_luma(metric):
        return lambda given: metric(given, "y_images")

    found = means((pair(hr) for hr in hr_images(benchmark).values()), on_luma(psnr_y), on_luma(ssim_y))
    assert found[0] == pytest.approx(psnr, abs=0.01)
    assert found[1] == pytest.approx(ssim, abs=0.0005)


def test_older_papers_print_less_on_set14_for_its_gray_image():
    # they took its gray values for luma, whose range is wider; all other images have colour
    values = []
    for name, hr in hr_images("Set14").items():
        if Image.open(SHARED / "Set14" / "HR" / f"{name}.png").mode == "L":
            gray = hr[..., 0].astype(float)
            sr = np.clip(np.floor(imresize(imresize(gray, Fraction(1, 4)), 4) + 0.5), 0, 255)
            values.append(10 * math.log10(255**2 / np.mean((sr - gray)[4:-4, 4:-4] ** 2)))
        else:
            sr = np.repeat(bicubic_luma(hr, 4)[..., None], 3, axis=2)
            values.append(psnr_y(Pair(sr, hr), "y_images"))
    assert np.mean(values) == pytest.approx(26.00, abs=0.01)


@pytest.mark.parametrize(
    ("file", "psnr", "ssim", "lpips"),
    [
        ("realesr-general-x4v3_fromncnn_fp16.pth", 26.64, 0.8256, 0.217),
        ("realesr-animevideov3.pth", 28.23, 0.8268, 0.247),
    ],
)
def test_released_models_score_what_is_known_for_them(file, psnr, ssim, lpips):
    network = ModelLoader(device="cpu").load_from_file(shared("weights") / file).model.float().eval()

    def pair(name, hr):
        lr = read_rgb(SHARED / "Set5" / "LR_bicubic_x4" / f"{name}x4.png")
        with torch.inference_mode():
            sr = network(torch.tensor(lr).permute(2, 0, 1)[None].float() / 255)[0]
        return Pair(sr.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy(), hr)

    found = means((pair(name, hr) for name, hr in hr_images("Set5").items()), psnr_y, ssim_y, lpips_alex())
    assert found[0] == pytest.approx(psnr, abs=0.01)
    assert found[1] == pytest.approx(ssim, abs=0.0005)
    assert found[2] == pytest.approx(lpips, abs=0.001)
