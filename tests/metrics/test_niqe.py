import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.ndimage import gaussian_filter

from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.metrics.niqe import Niqe, block_features
from gansr.metrics.pair import MetricError, luma

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SHAPES = [n / 1000 for n in range(200, 10_001)]
RATIOS = [
    math.exp(2 * math.lgamma(2 / shape) - math.lgamma(1 / shape) - math.lgamma(3 / shape)) for shape in SHAPES
]  # fmt: skip


def texture(height, width, seed=0):
    """Rounded luma without flat areas: strong noise over a slow wave."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    noise = random.gamma(2.0, 9.0, (height, width)) * random.choice([-1, 1], (height, width))
    return np.clip(np.rint(125 + 40 * np.sin(rows / 9 + seed) * np.cos(columns / 7) + noise), 16, 235)


@pytest.fixture
def model(tmp_path):
    """A file with a pristine model made here, its mean, and its covariance."""
    random = np.random.default_rng(5)
    mean, factor = random.uniform(0.2, 3, 36), random.normal(0, 0.3, (36, 40))
    covariance = factor @ factor.T / 40 + 0.02 * np.eye(36)
    savemat(tmp_path / "pristine.mat", {"mu_prisparam": mean[None], "cov_prisparam": covariance})
    return tmp_path / "pristine.mat", mean, covariance


@pytest.fixture(scope="module")
def pretrained():
    file = SHARED / "weights" / "niqe_modelparameters.mat"
    if not file.is_file():
        pytest.skip("needs ../shared/data (real benchmark images and weights, not part of the repository)")
    return Niqe(file)


# ---- a plain form of the features


def plain_normalized(image):
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * (7 / 6) ** 2)) for i in range(-3, 4)] for j in range(-3, 4)])
    window = np.float64(np.float32(weights / weights.sum()))
    height, width = image.shape
    padded = np.pad(image, 3, mode="edge")
    result = np.empty_like(image)
    for i in range(height):
        for j in range(width):
            around = padded[i : i + 7, j : j + 7]
            mean = (window * around).sum()
            deviation = math.sqrt(abs((window * around**2).sum() - mean**2))
            result[i, j] = (image[i, j] - mean) / (deviation + 1)
    return result


def plain_fit(values):
    """Shape, left and right scale of an asymmetric generalised Gaussian, by the moments of its two sides."""
    left = math.sqrt(np.mean([value**2 for value in values if value < 0]))
    right = math.sqrt(np.mean([value**2 for value in values if value > 0]))
    ratio = left / right
    flatness = np.mean(np.abs(values)) ** 2 / np.mean(np.square(values))
    wanted = flatness * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.argmin(np.abs(np.array(RATIOS) - wanted))]
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, left * scale, right * scale


def plain_features(block):
    size = len(block)
    shape, left, right = plain_fit(block.ravel())
    features = [shape, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        products = [
            block[i, j] * block[(i - down) % size, (j - across) % size] for i in range(size) for j in range(size)
        ]
        shape, left, right = plain_fit(np.array(products))
        features += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
    return features


def plain_block_features(image):
    rows, columns = image.shape[0] // 96, image.shape[1] // 96
    image = image[: rows * 96, : columns * 96]
    full, half = plain_normalized(image), plain_normalized(imresize(image, Fraction(1, 2)))
    found = []
    for i in range(rows):
        for j in range(columns):
            block = full[96 * i : 96 * i + 96, 96 * j : 96 * j + 96]
            halved = half[48 * i : 48 * i + 48, 48 * j : 48 * j + 48]
            found.append(plain_features(block) + plain_features(halved))
    return np.array(found)


def test_features_equal_a_plain_loop_over_pixels_and_blocks():
    image = texture(100, 200)
    expected = plain_block_features(image)
    assert expected.shape == (2, 36)
    np.testing.assert_allclose(block_features(image), expected, rtol=1e-9)


def test_blocks_are_counted_row_by_row():
    image = texture(192, 288, seed=1)
    features = block_features(image)
    assert features.shape == (6, 36)
    # far from the seams nothing else is seen, so that a block's shape is nearly that of the block alone
    for number in range(6):
        row, column = divmod(number, 3)
        alone = block_features(image[96 * row : 96 * row + 96, 96 * column : 96 * column + 96])[0]
        distances = np.abs(features - alone).sum(axis=1)
        assert distances.argmin() == number


def test_only_whole_blocks_count(model):
    image = texture(191, 290)
    changed = image.copy()
    changed[96:], changed[:, 288:] = 16, 235
    niqe = Niqe(model[0])
    assert niqe(changed) == niqe(image)
    changed[95, 287] = 16 if image[95, 287] > 100 else 235
    assert niqe(changed) != niqe(image)


# ---- the score


def test_the_score_is_the_distance_of_two_gaussians(model):
    file, mean, covariance = model
    image = texture(192, 288, seed=2)
    features = block_features(image)
    own = sum(np.outer(d, d) for d in features - features.mean(axis=0)) / (len(features) - 1)
    difference = mean - features.mean(axis=0)
    expected = math.sqrt(difference @ np.linalg.solve((covariance + own) / 2, difference))
    assert Niqe(file)(image) == pytest.approx(expected, rel=1e-9)


def test_a_single_block_has_no_covariance_of_its_own(model):
    file, mean, covariance = model
    image = texture(96, 100)
    difference = mean - block_features(image)[0]
    expected = math.sqrt(difference @ np.linalg.solve(covariance / 2, difference))
    assert Niqe(file)(image) == pytest.approx(expected, rel=1e-9)


def test_a_flat_block_is_left_out(model):
    image = texture(96, 480, seed=3)
    image[:, 288:] = 100
    features = block_features(image)
    # the fourth block sees the texture at its left, the fifth nothing but itself
    assert np.isnan(features).any(axis=1).tolist() == [False, False, False, False, True]
    assert Niqe(model[0])(image) == pytest.approx(Niqe(model[0])(image[:, :384]), rel=1e-9)


def test_a_feature_that_a_block_has_counts_in_the_mean_though_others_of_the_block_are_missing(model):
    file, mean, covariance = model
    image = texture(96, 480, seed=4)
    image[:, 288:] = np.where(np.arange(96)[:, None] // 8 % 2, 60, 180)  # no product of neighbours is negative here
    features = block_features(image)
    assert np.isnan(features).any(axis=1).tolist() == [False, False, False, False, True]
    assert not np.isnan(features[4]).all()
    whole = features[:4]
    own = sum(np.outer(d, d) for d in whole - whole.mean(axis=0)) / (len(whole) - 1)
    difference = mean - [np.mean([value for value in column if not np.isnan(value)]) for column in features.T]
    expected = math.sqrt(difference @ np.linalg.solve((covariance + own) / 2, difference))
    assert Niqe(file)(image) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("value", [0, 16, 100, 235])
def test_a_flat_image_has_no_score(model, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MetricError, match="is flat"):
            Niqe(model[0])(np.full((96, 200), float(value)))


@pytest.mark.parametrize("size", [(95, 200), (200, 95), (1, 1)])
def test_an_image_smaller_than_a_block_has_no_score(model, size):
    with pytest.raises(MetricError, match=f"{size[0]} x {size[1]} is smaller than NIQE's block of 96 x 96"):
        Niqe(model[0])(np.zeros(size))


# ---- the pristine model


def damaged(content):
    """The same with one bit changed in the middle of its compressed numbers."""
    return content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        {"other": np.zeros(3)},
        {"mu_prisparam": np.zeros((1, 36))},
        {"mu_prisparam": np.zeros((1, 35)), "cov_prisparam": np.eye(36)},
        {"mu_prisparam": np.zeros((1, 36)), "cov_prisparam": np.eye(35)},
        {"mu_prisparam": "words", "cov_prisparam": np.eye(36)},
        b"no model\n",
        b"<html>" + 400 * b"not found ",
        b"",
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400),
        lambda whole: whole[: len(whole) // 2],
        damaged,
    ],
    ids=["name", "half", "mean", "covariance", "words", "text", "page", "empty", "hdf5", "truncated", "damaged"],
)
def test_a_file_that_is_not_the_pristine_model_is_refused_in_one_line(tmp_path, content):
    file = tmp_path / "given.mat"
    if callable(content):
        random = np.random.default_rng(0)
        whole = {"mu_prisparam": random.random((1, 36)), "cov_prisparam": random.random((36, 36))}
        savemat(file, whole, do_compression=True)
        content = content(file.read_bytes())
    if isinstance(content, dict):
        savemat(file, content)
    else:
        file.write_bytes(content)
    with pytest.raises(UserError, match="not NIQE's pristine model") as caught:
        Niqe(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_copies_of_the_pristine_model_hold_the_same_numbers(pretrained):
    other = np.load(SHARED / "weights" / "niqe_pris_params.npz")
    np.testing.assert_array_equal(pretrained.mean, other["mu_pris_param"].ravel())
    np.testing.assert_array_equal(pretrained.covariance, other["cov_pris_param"])
    assert set(loadmat(SHARED / "weights" / "niqe_modelparameters.mat")) >= {"mu_prisparam", "cov_prisparam"}


def test_a_photograph_is_more_natural_than_what_is_made_of_it(pretrained):
    photograph = luma(np.asarray(Image.open(SHARED / "Set14" / "HR" / "baboon.png").convert("RGB")), rounded=True)
    noisy = np.clip(np.rint(photograph + np.random.default_rng(0).normal(0, 25, photograph.shape)), 16, 235)
    score = pretrained(photograph)
    assert score < pretrained(np.rint(gaussian_filter(photograph, 1.5)))
    assert score < pretrained(noisy)
    # BasicSR's documentation gives 5.7296 by MATLAB for its own copy of this photograph
    assert score == pytest.approx(5.7296, abs=0.001)
