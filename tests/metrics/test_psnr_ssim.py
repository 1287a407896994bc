import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.metrics.psnr_ssim import luma, psnr_y, ssim_y

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def pair(height=21, width=23, noise=20, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 128 + 80 * np.sin(rows / 4)[..., None] * np.cos(columns[..., None] / 5 + np.arange(3))
    hr = np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    sr = np.clip(hr + random.normal(0, noise, hr.shape), 0, 255).astype(np.uint8)
    return sr, hr


def plain_luma(image, crop):
    height, width = image.shape[:2]
    return [
        [16 + (65.481 * int(r) + 128.553 * int(g) + 24.966 * int(b)) / 255 for r, g, b in image[i, crop : width - crop]]
        for i in range(crop, height - crop)
    ]


def plain_psnr(sr, hr, crop):
    x, y = plain_luma(sr, crop), plain_luma(hr, crop)
    squares = [(a - b) ** 2 for row_x, row_y in zip(x, y, strict=True) for a, b in zip(row_x, row_y, strict=True)]
    return 10 * math.log10(255**2 / (sum(squares) / len(squares)))


def plain_ssim(sr, hr, crop):
    x, y = plain_luma(sr, crop), plain_luma(hr, crop)
    weights = {(i, j): math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in range(-5, 6) for j in range(-5, 6)}
    total = sum(weights.values())
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for i in range(5, len(x) - 5):
        for j in range(5, len(x[0]) - 5):
            window = [(w / total, x[i + di][j + dj], y[i + di][j + dj]) for (di, dj), w in weights.items()]
            mean_x, mean_y = sum(w * a for w, a, _ in window), sum(w * b for w, _, b in window)
            var_x = sum(w * (a - mean_x) ** 2 for w, a, _ in window)
            var_y = sum(w * (b - mean_y) ** 2 for w, _, b in window)
            cov = sum(w * (a - mean_x) * (b - mean_y) for w, a, b in window)
            similar = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
            values.append(similar / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)))
    return sum(values) / len(values)


@pytest.mark.parametrize("crop", [0, 2, 4])
def test_psnr_equals_the_definition_pixel_by_pixel(crop):
    sr, hr = pair()
    assert psnr_y(sr, hr, crop) == pytest.approx(plain_psnr(sr, hr, crop), rel=1e-12)


@pytest.mark.parametrize("crop", [0, 4])
@pytest.mark.parametrize("noise", [1, 30])
def test_ssim_equals_the_definition_window_by_window(crop, noise):
    sr, hr = pair(noise=noise)
    assert ssim_y(sr, hr, crop) == pytest.approx(plain_ssim(sr, hr, crop), rel=1e-10)


def test_four_pixels_are_cropped_by_default():
    sr, hr = pair()
    assert psnr_y(sr, hr) == psnr_y(sr, hr, 4) != psnr_y(sr, hr, 0)
    assert ssim_y(sr, hr) == ssim_y(sr, hr, 4) != ssim_y(sr, hr, 0)
    # what lies in the border does not count
    changed = sr.copy()
    changed[:4], changed[-4:], changed[:, :4], changed[:, -4:] = 0, 255, 255, 0
    assert psnr_y(changed, hr) == psnr_y(sr, hr)
    assert ssim_y(changed, hr) == ssim_y(sr, hr)


def test_luma_is_that_of_bt_601_and_not_rounded():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]]], np.uint8)
    expected = [16, 235, 81.481, 144.553, 40.966, 16 + (65.481 + 2 * 128.553 + 3 * 24.966) / 255]
    np.testing.assert_allclose(luma(colours)[0], expected, rtol=1e-14)


def test_equal_images_have_infinite_psnr_and_an_ssim_of_one():
    _, hr = pair()
    assert psnr_y(hr, hr.copy()) == math.inf
    assert ssim_y(hr, hr.copy()) == 1.0


def test_scores_do_not_depend_on_which_image_is_which():
    sr, hr = pair()
    assert psnr_y(sr, hr) == psnr_y(hr, sr)
    assert ssim_y(sr, hr) == pytest.approx(ssim_y(hr, sr), rel=1e-14)


def test_ssim_agrees_with_scikit_image_where_the_window_lies_inside():
    sr, hr = pair(60, 47, seed=3)
    x, y = (np.array(plain_luma(image, 4)) for image in (sr, hr))
    _, full = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    assert ssim_y(sr, hr) == pytest.approx(full[5:-5, 5:-5].mean(), rel=1e-10)


@pytest.mark.parametrize("metric", [psnr_y, ssim_y])
def test_different_sizes_are_an_error_that_tells_both(metric):
    sr, hr = pair(24, 28)
    with pytest.raises(UserError, match="SR is 24 x 27, HR is 24 x 28"):
        metric(sr[:, :27], hr)


def test_an_image_must_leave_something_after_the_crop():
    sr, hr = pair(19, 19)
    assert math.isfinite(ssim_y(sr, hr))
    with pytest.raises(UserError, match="18 x 19 is too small"):
        ssim_y(sr[:18], hr[:18])
    assert math.isfinite(psnr_y(sr[:9, :9], hr[:9, :9]))
    with pytest.raises(UserError, match="9 x 8 is too small"):
        psnr_y(sr[:9, :8], hr[:9, :8])


@pytest.mark.parametrize(("benchmark", "psnr", "ssim"), [("Set5", 28.43, 0.8111), ("Set14", 26.09, 0.7048)])
def test_the_bicubic_column_is_that_of_the_literature(benchmark, psnr, ssim):
    folder = SHARED / benchmark
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/data/{benchmark} (real benchmark images and weights, not part of the repository)")
    scores = []
    for file in sorted((folder / "HR").glob("*.png")):
        hr = np.asarray(Image.open(file).convert("RGB"))
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        sr = imresize(np.asarray(Image.open(folder / "LR_bicubic_x4" / f"{file.stem}x4.png").convert("RGB")), 4)
        scores.append((psnr_y(sr, hr), ssim_y(sr, hr)))
    assert len(scores) == int(benchmark.removeprefix("Set"))
    means = np.mean(scores, axis=0)
    assert means[0] == pytest.approx(psnr, abs=0.01)
    assert means[1] == pytest.approx(ssim, abs=0.0005)
