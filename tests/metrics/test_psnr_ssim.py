import math
from fractions import Fraction

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from gansr.errors import UserError
from gansr.metrics.pair import Pair
from gansr.metrics.psnr_ssim import psnr_y, ssim_y
from gansr.metrics.ssim_window import window_mean

COLOURS = ["y_unrounded", "y_rounded", "y_images"]


def images(height=21, width=23, noise=20, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 128 + 80 * np.sin(rows / 4)[..., None] * np.cos(columns[..., None] / 5 + np.arange(3))
    hr = np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    sr = np.clip(hr + random.normal(0, noise, hr.shape), 0, 255).astype(np.uint8)
    return sr, hr


def pair(colour="y_unrounded", **how):
    sr, hr = images(**how)
    return Pair(np.repeat(sr[..., :1], 3, axis=2) if colour == "y_images" else sr, hr)


def plain_luma(image, crop, rounded):
    height, width = image.shape[:2]
    rows = []
    for i in range(crop, height - crop):
        exact = [
            16 + Fraction(65481 * int(r) + 128553 * int(g) + 24966 * int(b), 255_000)
            for r, g, b in image[i, crop : width - crop]
        ]
        rows.append([math.floor(y + Fraction(1, 2)) if rounded else float(y) for y in exact])
    return rows


def plain_lumas(sr, hr, crop, colour):
    if colour == "y_images":
        height, width = sr.shape[:2]
        luma_alone = [[int(sr[i, j, 0]) for j in range(crop, width - crop)] for i in range(crop, height - crop)]
        return luma_alone, plain_luma(hr, crop, rounded=True)
    return tuple(plain_luma(image, crop, colour == "y_rounded") for image in (sr, hr))


def plain_psnr(x, y):
    squares = [(a - b) ** 2 for row_x, row_y in zip(x, y, strict=True) for a, b in zip(row_x, row_y, strict=True)]
    return 10 * math.log10(255**2 / (sum(squares) / len(squares)))


def plain_ssim(x, y):
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


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("crop", [0, 2, 4])
def test_psnr_equals_the_definition_pixel_by_pixel(crop, colour):
    given = pair(colour)
    expected = plain_psnr(*plain_lumas(given.sr, given.hr, crop, colour))
    assert psnr_y(given, colour, crop) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("crop", [0, 4])
@pytest.mark.parametrize("noise", [1, 30])
def test_ssim_equals_the_definition_window_by_window(crop, noise, colour):
    given = pair(colour, noise=noise)
    expected = plain_ssim(*plain_lumas(given.sr, given.hr, crop, colour))
    assert ssim_y(given, colour, crop) == pytest.approx(expected, rel=1e-10)


def test_by_default_luma_is_not_rounded_and_four_pixels_are_cropped():
    given = pair()
    for metric in (psnr_y, ssim_y):
        assert metric(given) == metric(given, "y_unrounded", 4)
        assert len({metric(given, colour, crop) for colour in COLOURS[:2] for crop in (0, 3, 4, 5)}) == 8


@pytest.mark.parametrize("colour", COLOURS)
def test_what_lies_in_the_border_does_not_count(colour):
    given = pair(colour)
    changed = given.sr.copy()
    changed[:4], changed[-4:], changed[:, :4], changed[:, -4:] = 0, 255, 255, 0
    for metric in (psnr_y, ssim_y):
        assert metric(Pair(changed, given.hr), colour) == metric(given, colour)
        # the first pixel inside does
        changed[4, 4] = 255 - changed[4, 4]
        assert metric(Pair(changed, given.hr), colour) != metric(given, colour)
        changed[4, 4] = given.sr[4, 4]


@pytest.mark.parametrize("colour", COLOURS[:2])
def test_equal_images_have_infinite_psnr_and_an_ssim_of_one(colour):
    _, hr = images()
    assert psnr_y(Pair(hr, hr.copy()), colour) == math.inf
    assert ssim_y(Pair(hr, hr.copy()), colour) == 1.0


def test_rounding_hides_a_difference_of_less_than_a_step():
    # blue counts for less than a tenth of a step of luma
    _, hr = images()
    hr[..., 2] = hr[..., 2].clip(0, 254)
    other = hr.copy()
    other[..., 2] += 1
    given = Pair(other, hr)
    assert psnr_y(given) == pytest.approx(20 * math.log10(255 / (24.966 / 255)), abs=1e-9)
    assert psnr_y(given, "y_rounded") != psnr_y(given)
    gray = np.full((20, 20, 3), 100, np.uint8)
    bluer = gray + np.array([0, 0, 1], np.uint8)
    assert psnr_y(Pair(bluer, gray), "y_rounded") == math.inf != psnr_y(Pair(bluer, gray))


@pytest.mark.parametrize("colour", COLOURS[:2])
def test_scores_do_not_depend_on_which_image_is_which(colour):
    sr, hr = images()
    assert psnr_y(Pair(sr, hr), colour) == psnr_y(Pair(hr, sr), colour)
    assert ssim_y(Pair(sr, hr), colour) == pytest.approx(ssim_y(Pair(hr, sr), colour), rel=1e-14)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("crop", [0, 4])
def test_ssim_agrees_with_scikit_image_where_the_window_lies_inside(colour, crop):
    given = pair(colour, height=60, width=47, seed=3)
    x, y = (np.array(plain, dtype=float) for plain in plain_lumas(given.sr, given.hr, crop, colour))
    _, full = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True
    )
    assert ssim_y(given, colour, crop) == pytest.approx(full[5:-5, 5:-5].mean(), rel=1e-10)


def test_the_window_lies_inside_and_sums_to_one():
    image = np.zeros((15, 21))
    image[5, 10] = 1
    means = window_mean(image)
    assert means.shape == (5, 11)
    np.testing.assert_allclose(window_mean(np.full((15, 21), 3.0)), 3, rtol=1e-14)
    weights = [math.exp(-(i**2) / (2 * 1.5**2)) / sum(math.exp(-(k**2) / 4.5) for k in range(-5, 6)) for i in range(6)]
    np.testing.assert_allclose(means[:, 5], [weights[0] * weight for weight in weights[:5]], rtol=1e-13)


def test_an_image_must_leave_something_after_the_crop():
    sr, hr = images(19, 19)
    assert math.isfinite(ssim_y(Pair(sr, hr)))
    with pytest.raises(UserError, match="18 x 19 is too small"):
        ssim_y(Pair(sr[:18], hr[:18]))
    assert math.isfinite(psnr_y(Pair(sr[:9, :9], hr[:9, :9])))
    with pytest.raises(UserError, match="9 x 8 is too small"):
        psnr_y(Pair(sr[:9, :8], hr[:9, :8]))


@pytest.mark.parametrize("metric", [psnr_y, ssim_y])
def test_an_sr_image_with_colour_is_refused_where_luma_alone_is_expected(metric):
    with pytest.raises(UserError, match="y_images"):
        metric(pair(), "y_images")
