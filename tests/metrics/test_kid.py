import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansr.metrics.kid import kid_by_image
from gansr.metrics.pair import MetricError


def patches(counts, width=5, seed=0):
    """For each image the features of its SR and of its HR patches."""
    random = np.random.default_rng(seed)
    hr = [random.normal(0.3, 1, (count, width)).astype(np.float32) for count in counts]
    sr = [0.8 * one + random.normal(0.2, 0.5, one.shape).astype(np.float32) for one in hr]
    return sr, hr


def plain_kernel(x, y):
    return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def plain_h(sr, hr, i, j):
    """What two images add: the mean over each two of their patches."""
    total = 0.0
    for p in range(len(sr[i])):
        for q in range(len(sr[j])):
            total += plain_kernel(sr[i][p], sr[j][q]) + plain_kernel(hr[i][p], hr[j][q])
            total -= plain_kernel(sr[i][p], hr[j][q]) + plain_kernel(hr[i][p], sr[j][q])
    return total / (len(sr[i]) * len(sr[j]))


def plain_kid(sr, hr, images):
    """The U-statistic: the mean over each two different images."""
    pairs = [(i, j) for i in images for j in images if i != j]
    return sum(plain_h(sr, hr, i, j) for i, j in pairs) / len(pairs)


COUNTS = [(2, 2, 2), (1, 1, 1), (4, 1, 3, 2), (1, 6, 2, 2, 5)]


@pytest.mark.parametrize("counts", COUNTS)
def test_the_mean_over_images_is_the_u_statistic(counts):
    sr, hr = patches(counts)
    expected = plain_kid(sr, hr, range(len(counts)))
    assert abs(expected) > 1e-3
    assert kid_by_image(sr, hr).mean() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("counts", COUNTS)
def test_an_image_has_the_jackknifes_pseudo_value(counts):
    sr, hr = patches(counts, seed=1)
    everything, count = list(range(len(counts))), len(counts)
    whole = plain_kid(sr, hr, everything)
    without = [plain_kid(sr, hr, [i for i in everything if i != left_out]) for left_out in everything]
    expected = [count * whole - (count - 1) * value for value in without]
    np.testing.assert_allclose(kid_by_image(sr, hr), expected, rtol=1e-9)


def test_sums_are_taken_in_double_precision():
    random = np.random.default_rng(0)
    hr = [random.random((3, 2048), dtype=np.float32) for _ in range(4)]
    sr = [one + 1e-3 * random.random(one.shape, dtype=np.float32) for one in hr]
    x, y = (np.stack([np.asarray(one, np.float64) for one in side]) for side in (sr, hr))
    k = [[(np.einsum("ipd,jqd->ijpq", a, b) / 2048 + 1) ** 3 for b in (x, y)] for a in (x, y)]
    h = (k[0][0] + k[1][1] - k[0][1] - k[1][0]).mean(axis=(2, 3))
    expected = (h.sum() - np.trace(h)) / 12
    assert kid_by_image(sr, hr).mean() == pytest.approx(expected, rel=1e-6)
    assert 0 < abs(expected) < 1e-5


@given(st.lists(st.integers(1, 4), min_size=3, max_size=6), st.integers(0, 99))
def test_equal_images_have_distance_zero(counts, seed):
    _, hr = patches(counts, seed=seed)
    np.testing.assert_allclose(kid_by_image(hr, [one.copy() for one in hr]), 0, atol=1e-10)


def test_the_distance_does_not_depend_on_which_set_is_which():
    sr, hr = patches((3, 2, 4, 1))
    np.testing.assert_allclose(kid_by_image(sr, hr), kid_by_image(hr, sr), rtol=1e-10)


def test_images_keep_their_values_in_any_order():
    sr, hr = patches((3, 2, 4, 1))
    order = [2, 0, 3, 1]
    values = kid_by_image(sr, hr)
    np.testing.assert_allclose(kid_by_image([sr[i] for i in order], [hr[i] for i in order]), values[order], rtol=1e-10)
    assert len(set(values.round(9))) == 4


def test_an_image_counts_the_same_however_many_patches_it_has():
    sr, hr = patches((3, 2, 4, 1))
    expected = kid_by_image(sr, hr)
    for side in (sr, hr):
        side[1] = np.repeat(side[1], 5, axis=0)
    np.testing.assert_allclose(kid_by_image(sr, hr), expected, rtol=1e-10)


def test_how_alike_sr_and_hr_of_one_image_are_does_not_matter():
    # only patches of different images are compared
    sr, hr = patches((1,) * 4, seed=2)
    others = [plain_h(sr, hr, i, j) for i in range(4) for j in range(4) if i != j]
    assert kid_by_image(sr, hr).mean() == pytest.approx(np.mean(others), rel=1e-9)
    with_itself = [plain_h(sr, hr, i, j) for i in range(4) for j in range(4)]
    assert kid_by_image(sr, hr).mean() != pytest.approx(np.mean(with_itself), rel=0.1)


def draw(random, shift, count=5, width=8):
    """Images whose patches are alike, and whose SR is nearly their HR; of one distribution where there is no shift."""
    hr, sr = [], []
    for _ in range(count):
        image = random.normal(0, 1, width)
        shape = (random.integers(1, 5), width)
        shared = image + random.normal(0, 0.3, shape)
        hr.append(shared + random.normal(0, 0.1, shape))
        sr.append(shared + random.normal(0, 0.1, shape) + shift)
    return sr, hr


def mean_and_error(shift, draws=400):
    random = np.random.default_rng(7)
    values = [kid_by_image(*draw(random, shift)).mean() for _ in range(draws)]
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(draws)


def test_it_is_zero_on_average_where_sr_is_distributed_as_hr_is():
    mean, error = mean_and_error(shift=0)
    assert abs(mean) < 4 * error
    # 400 draws are enough to see a distance of a hundredth of that of a shift by one deviation
    assert error < 0.01 * mean_and_error(shift=1)[0] / 4


@pytest.mark.parametrize("shift", [0.5, 1])
def test_it_is_above_zero_where_sr_is_distributed_otherwise(shift):
    mean, error = mean_and_error(shift)
    assert mean > 10 * error


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_images_have_no_distance(count):
    with pytest.raises(MetricError, match="KID needs 3 images at least"):
        kid_by_image(*patches((2,) * count))
