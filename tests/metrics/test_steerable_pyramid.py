from itertools import combinations

import numpy as np
import pytest

from gansr.data.bicubic import imresize
from gansr.metrics.steerable_pyramid import global_features, steerable_bands

SIZES = [(96, 96), (97, 104), (98, 99), (105, 131)]
TABLE = 1e-5  # the error of linear interpolation between the entries of the tables of the masks


def texture(height, width, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = 125 + 50 * np.sin(rows / 5 + seed) * np.cos(columns / 4) + 20 * np.sin((rows + columns) / 2)
    return np.clip(np.rint(waves + random.normal(0, 40, (height, width))), 16, 235)


def impulse(height, width):
    """All frequencies with the same weight: the transform of what a filter makes of it is the filter's mask."""
    image = np.zeros((height, width))
    image[0, 0] = 1
    return image


def spectrum(image):
    return np.fft.fftshift(np.fft.fft2(image))


def frequencies(shape, of):
    """Radius (1 is the highest frequency of a direction) and angle, by frequency, of an image of size `of`."""
    rows, columns = ((np.arange(n) - n // 2) / (m / 2) for n, m in zip(shape, of, strict=True))
    radius = np.hypot(rows[:, None], columns)
    radius[shape[0] // 2, shape[1] // 2] = 1e-9
    return radius, np.arctan2(rows[:, None], columns)


def high(radius):
    """The raised cosine: 0 up to half the radius, 1 from there an octave on."""
    octaves = np.clip(np.log2(radius), -1, 0)
    return np.cos(np.pi / 2 * octaves)


def low(radius):
    octaves = np.clip(np.log2(radius), -1, 0)
    return np.abs(np.sin(np.pi / 2 * octaves))


def angular(angle, number):
    """A power of the cosine of the angle to the band's, scaled so that six squares sum to 1; odd, so a band is too."""
    cosine = np.cos(angle - np.pi * number / 6)
    return -1j * cosine**5 / np.sqrt(sum(np.cos(np.pi * k / 6) ** 10 for k in range(6)))


@pytest.mark.parametrize("size", SIZES)
def test_the_residual_passes_the_highest_octave(size):
    residual, _ = steerable_bands(impulse(*size))
    radius, _ = frequencies(size, size)
    np.testing.assert_allclose(spectrum(residual), high(radius), rtol=0, atol=TABLE)


@pytest.mark.parametrize("size", SIZES)
def test_each_band_passes_its_octaves_and_its_directions(size):
    _, bands = steerable_bands(impulse(*size))
    assert [len(level) for level in bands] == [6, 6]
    half = tuple(-(-length // 2) for length in size)
    for level, shape in enumerate([size, half]):
        radius, angle = frequencies(shape, size)
        passed = low(radius) * high(2 * radius) if level == 0 else low(radius) * low(2 * radius) * high(4 * radius)
        for number, band in enumerate(bands[level]):
            assert band.shape == shape
            np.testing.assert_allclose(spectrum(band), passed * angular(angle, number), rtol=0, atol=TABLE)


@pytest.mark.parametrize("size", SIZES)
def test_the_squares_of_all_masks_sum_to_one(size):
    residual, bands = steerable_bands(impulse(*size))
    total = np.abs(spectrum(residual)) ** 2 + sum(np.abs(spectrum(band)) ** 2 for band in bands[0])
    half = bands[1][0].shape
    rows, columns = (slice(n // 2 - m // 2, n // 2 - m // 2 + m) for n, m in zip(size, half, strict=True))
    total[rows, columns] += sum(np.abs(spectrum(band)) ** 2 for band in bands[1])
    # what is left for the levels that are not built
    radius, _ = frequencies(size, size)
    total += (low(radius) * low(2 * radius) * low(4 * radius)) ** 2
    np.testing.assert_allclose(total, 1, rtol=0, atol=2 * TABLE)


@pytest.mark.parametrize(("number", "down", "across"), [
    (0, 0, 16), (1, 8, 14), (2, 14, 8), (3, 16, 0), (4, 14, -8), (5, 8, -14)
])  # fmt: skip
def test_a_wave_is_in_the_band_of_its_direction(number, down, across):
    rows, columns = np.mgrid[:96, :96] / 96
    residual, bands = steerable_bands(100 + 50 * np.cos(2 * np.pi * (down * rows + across * columns)))
    np.testing.assert_allclose(residual, 0, atol=1e-10)
    energies = [np.mean(band**2) for band in bands[0]]
    assert np.argmax(energies) == number
    # of a wave exactly in that direction, two thirds of the energy; its two neighbours share nearly all of the rest
    shares = np.roll(energies, -number) / sum(energies)
    cosines = np.cos(np.pi * np.arange(6) / 6) ** 10
    np.testing.assert_allclose(shares, cosines / cosines.sum(), atol=0.02)
    # both levels see it, as much as their octaves pass at its radius
    radius = np.hypot(down, across) / 48
    expected = 50**2 / 2 * np.array([low(radius) * high(2 * radius), low(2 * radius) * high(4 * radius)]) ** 2
    assert sum(energies) == pytest.approx(expected[0], rel=1e-3)
    assert sum(np.mean((band / 4) ** 2) for band in bands[1]) == pytest.approx(expected[1], rel=1e-3)


def test_a_checkerboard_is_residual_alone():
    board = 100 + 50 * (1 - 2 * (np.indices((96, 98)).sum(axis=0) % 2))
    residual, bands = steerable_bands(board)
    np.testing.assert_allclose(residual, board - 100, atol=1e-10)
    np.testing.assert_allclose(np.concatenate([band.ravel() for level in bands for band in level]), 0, atol=1e-10)


@pytest.mark.parametrize("size", [(96, 99), (101, 98)])
def test_a_flat_image_passes_nothing(size):
    residual, bands = steerable_bands(np.full(size, 200.0))
    for part in (residual, *bands[0], *bands[1]):
        np.testing.assert_allclose(part, 0, atol=1e-10)


# ---- the features


def plain_normalized(bands, level, number):
    """Each pixel's value over the length of its neighbourhood, in units of the neighbourhoods' covariance."""
    band = bands[level][number]
    height, width = band.shape
    if level == 0:
        parent = imresize(bands[1][number], 2)
    pixels, centres = [], []
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            around = band[i - 1 : i + 2, j - 1 : j + 2].ravel().tolist()
            around += [parent[i, j]] if level == 0 else []
            pixels.append(around + [other[i, j] for other in bands[level] if other is not band])
            centres.append(band[i, j])
    pixels, centres = np.array(pixels), np.array(centres)
    inverse = np.linalg.inv(pixels.T @ pixels / len(pixels))
    lengths = np.sqrt(((pixels @ inverse) * pixels).sum(axis=1) / (10 if level == 0 else 9))
    divided = ((centres - centres.mean()) / lengths).reshape(height - 2, width - 2)
    guard = 16 if level == 0 else 8
    inside = divided[guard : height - 2 - guard, guard : width - 2 - guard]
    return inside - inside.mean()


def plain_structure(x, y):
    """Contrast and structure of SSIM, negative values counted as 0, over windows of 11 x 11."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(weights, weights) / np.outer(weights, weights).sum()
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            a, b = a - (weights * a).sum(), b - (weights * b).sum()
            c2 = (0.03 * 255) ** 2
            similar = (2 * (weights * a * b).sum() + c2) / ((weights * (a**2 + b**2)).sum() + c2)
            values.append(max(similar, 0))
    return np.mean(values)


def spread(rows):
    """In place of a shape: without steps, and with a say for the mean."""
    return np.mean(rows**2, axis=1) + 50 * np.mean(rows, axis=1)


def test_features_equal_their_formulas():
    image = texture(96, 100)
    residual, bands = steerable_bands(image)
    normalized = [[plain_normalized(bands, level, number) for number in range(6)] for level in range(2)]
    expected = [np.mean(band**2) + 50 * np.mean(band) for level in normalized for band in level]
    for both in zip(*normalized, strict=True):
        values = np.concatenate([band.ravel() for band in both])
        expected.append(np.mean(values**2) + 50 * np.mean(values))
    expected += [plain_structure(band, residual) for band in bands[0]]
    expected += [plain_structure(imresize(band, 2), residual) for band in bands[1]]
    expected += [plain_structure(one, other) for one, other in combinations(normalized[0], 2)]
    assert len(expected) == 45
    np.testing.assert_allclose(global_features(image, spread), expected, rtol=1e-7)


def test_a_flat_image_has_no_features():
    with pytest.raises(np.linalg.LinAlgError):
        global_features(np.full((96, 100), 128.0), spread)
