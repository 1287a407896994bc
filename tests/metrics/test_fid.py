import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytorch_fid.fid_score import calculate_frechet_distance
from scipy import linalg

from gansr.metrics.fid import frechet_distance
from gansr.metrics.pair import MetricError


def features(first, second, width, seed=0, dtype=np.float64):
    """Two sets of that many rows: like Inception's, of no negative numbers, and unlike each other."""
    random = np.random.default_rng(seed)
    mixed = np.eye(width) + random.normal(0, 0.5, (width, width)) / np.sqrt(width)
    one = np.abs(random.normal(0.4, 0.4, (first, width)) @ mixed)
    other = np.abs(random.normal(0.6, 0.3, (second, width)))
    return one.astype(dtype), other.astype(dtype)


def moments(rows):
    """Mean and covariance, number by number."""
    count, width = rows.shape
    mean = [sum(row[k] for row in rows) / count for k in range(width)]
    covariance = [
        [sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in rows) / (count - 1) for j in range(width)]
        for i in range(width)
    ]
    return np.array(mean), np.array(covariance)


def plain_distance(first, second):
    """The formula, with the trace of the root as the sum of the roots of the eigenvalues."""
    (mean_x, cov_x), (mean_y, cov_y) = moments(first.astype(np.float64)), moments(second.astype(np.float64))
    eigenvalues = linalg.eigvals(cov_x @ cov_y)
    assert np.abs(eigenvalues.imag).max() < 1e-9 and eigenvalues.real.min() > -1e-9
    roots = np.sqrt(np.maximum(eigenvalues.real, 0)).sum()
    return ((mean_x - mean_y) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * roots


# more images than features and fewer, on one side and on both; as many; the least
@pytest.mark.parametrize("counts", [(50, 40), (7, 7), (6, 6), (4, 3), (2, 2), (40, 3), (3, 40), (7, 6)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_formula(counts, dtype):
    for seed in range(3):
        first, second = features(*counts, width=6, seed=seed, dtype=dtype)
        # a root of an eigenvalue that should be 0 is as large as the root of what it was rounded by
        rough = 1e-6 if min(counts) <= 6 else 1e-10
        expected = plain_distance(first, second)
        assert expected > 0.05
        assert frechet_distance(first, second) == pytest.approx(expected, rel=rough, abs=rough)


def test_equals_the_formula_with_the_root_of_a_matrix():
    first, second = features(60, 50, width=6)
    (mean_x, cov_x), (mean_y, cov_y) = moments(first), moments(second)
    root = linalg.sqrtm(cov_x @ cov_y)
    expected = ((mean_x - mean_y) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root.real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-10)


def pytorch_fid(first, second):
    if "disp" not in inspect.signature(linalg.sqrtm).parameters:
        pytest.skip("pytorch-fid 0.3.0 calls scipy.linalg.sqrtm with disp, which this scipy has no more")
    statistics = [[rows.mean(axis=0), np.cov(rows, rowvar=False)] for rows in (first, second)]
    return calculate_frechet_distance(*statistics[0], *statistics[1])


@pytest.mark.filterwarnings("ignore:.*disp:DeprecationWarning")
@pytest.mark.parametrize(("counts", "width"), [((400, 300), 64), ((20, 20), 512)])
def test_equals_pytorch_fid(counts, width):
    first, second = features(*counts, width)
    assert frechet_distance(first, second) == pytest.approx(pytorch_fid(first, second), rel=1e-6)


@pytest.mark.filterwarnings("ignore:.*disp:DeprecationWarning")
def test_equals_pytorch_fid_at_inceptions_width():
    # The root of a 2048 x 2048 matrix takes a minute: the reference sees the features in the coordinates of the space
    # that all of them span, in which neither means nor traces differ.
    first, second = features(20, 20, 2048)
    basis = np.linalg.qr(np.concatenate([first, second]).T)[0]
    assert basis.shape == (2048, 40)
    np.testing.assert_allclose(first @ basis @ basis.T, first, atol=1e-10)
    expected = pytorch_fid(first @ basis, second @ basis)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("count", "width"), [(2, 6), (20, 6), (5, 2048)])
def test_equal_sets_have_distance_zero(count, width):
    first, second = features(count, count, width)
    spread = np.square(first - first.mean(axis=0)).sum()
    for same in (first.copy(), first[::-1]):
        assert frechet_distance(first, same) == pytest.approx(0, abs=1e-12 * spread)
    assert frechet_distance(first, second) > 0.01 * spread / count


@pytest.mark.parametrize("counts", [(5, 5), (5, 9), (40, 30), (40, 3)])
def test_the_distance_does_not_depend_on_which_set_is_which(counts):
    first, second = features(*counts, width=12)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-12)


@given(st.integers(2, 12), st.integers(2, 12), st.integers(1, 9), st.integers(0, 999), st.sampled_from([0, 1e-3, 1]))
def test_the_distance_is_a_real_number_and_never_below_zero(first, second, width, seed, spread):
    random = np.random.default_rng(seed)
    sets = [5 + spread * np.round(random.normal(0, 2, (count, width))) for count in (first, second)]
    distance = frechet_distance(*sets)
    assert isinstance(distance, float) and np.isfinite(distance)
    assert distance >= -1e-9


@given(st.integers(2, 9), st.integers(1, 9), st.floats(-9, 9))
def test_a_shift_of_one_set_adds_its_square(count, width, shift):
    first, _ = features(count, 2, width)
    assert frechet_distance(first, first + shift) == pytest.approx(width * shift**2, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("counts", [(1, 5), (5, 1), (1, 1)])
def test_one_image_has_no_distance(counts):
    with pytest.raises(MetricError, match="FID needs two images at least"):
        frechet_distance(*features(*counts, width=6))
