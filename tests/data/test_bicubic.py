import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gansr.data.bicubic import cubic, imresize, resize_operator

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SCALES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 4), Fraction(3, 4), Fraction(5, 3), 2, 3, 4]
QUICK = settings(deadline=None, database=None, max_examples=40)
scales = st.sampled_from(SCALES)
lengths = st.integers(1, 24)


def kernel(x):
    x = abs(x)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    if x <= 2:
        return -Fraction(1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2
    return Fraction(0)


def matlab_line(values, scale):
    """One line as imresize.m defines it, counted from 1, in exact fractions."""
    scale = Fraction(scale)
    length = len(values)
    shrink = min(scale, Fraction(1))
    width = 4 / shrink
    mirror = [*range(1, length + 1), *range(length, 0, -1)]
    result = []
    for x in range(1, math.ceil(length * scale) + 1):
        u = x / scale + Fraction(1, 2) * (1 - 1 / scale)
        left = math.floor(u - width / 2)
        total = weights = Fraction(0)
        for index in range(left, left + math.ceil(width) + 2):
            weight = shrink * kernel(shrink * (u - index))
            total += weight * values[mirror[(index - 1) % len(mirror)] - 1]
            weights += weight
        result.append(total / weights)
    return result


def round_half_away(value):
    return min(max(math.floor(value + Fraction(1, 2)), 0), 255)


def matlab_imresize(image, scale, to_8_bit):
    """Rows first, then columns; 8-bit images are rounded after each pass."""
    rows = [[Fraction(value) for value in row] for row in image.tolist()]
    for _ in range(2):
        columns = [matlab_line(column, scale) for column in zip(*rows, strict=True)]
        if to_8_bit:
            columns = [[Fraction(round_half_away(value)) for value in column] for column in columns]
        # resized along the columns, and transposed: the next pass takes the other dimension
        rows = columns
    return np.array([[float(value) for value in row] for row in rows])


def rgb(file):
    return np.asarray(Image.open(file).convert("RGB"))


def shared(name):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/data/{name} (real benchmark images and weights, not part of the repository)")
    return folder


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_floating_point_equals_the_definition_in_exact_fractions(scale):
    image = np.random.default_rng(1).integers(-1000, 1000, (7, 5)) / 64
    expected = matlab_imresize(image, scale, to_8_bit=False)
    result = imresize(image, scale)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)


# only scales whose weights are binary fractions: there a tie of the rounding is a tie in float64 too
@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1, 4), 2, 4], ids=str)
@pytest.mark.parametrize("extreme", [False, True])
def test_8_bit_equals_the_definition_with_rounding_after_each_pass(scale, extreme):
    random = np.random.default_rng(2)
    values = [0, 255] if extreme else list(range(256))  # black and white overshoot and are clipped
    image = random.choice(values, (9, 6)).astype(np.uint8)
    result = imresize(image, scale)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, matlab_imresize(image, scale, to_8_bit=True))


def test_halves_are_rounded_away_from_zero():
    pixels = (np.array([[2], [3], [2], [3]]) * np.ones((1, 4))).astype(np.uint8)
    exact = matlab_imresize(pixels, Fraction(1, 4), to_8_bit=False)
    assert exact[0, 0] == 2.5
    assert imresize(pixels, Fraction(1, 4))[0, 0] == 3


def test_channels_are_resized_on_their_own():
    image = np.random.default_rng(3).integers(0, 256, (12, 8, 3), dtype=np.uint8)
    result = imresize(image, Fraction(1, 4))
    for channel in range(3):
        np.testing.assert_array_equal(result[..., channel], imresize(image[..., channel], Fraction(1, 4)))


def test_float32_is_computed_in_float64():
    image = np.random.default_rng(4).random((9, 9)).astype(np.float32)
    np.testing.assert_array_equal(imresize(image, 2), imresize(image.astype(np.float64), 2))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, bool])
def test_other_integer_types_are_refused(dtype):
    with pytest.raises(TypeError, match=np.dtype(dtype).name):
        imresize(np.zeros((4, 4), dtype), 2)


def test_the_kernel_is_keys_cubic():
    points = [Fraction(n, 8) for n in range(-20, 21)]
    expected = [float(kernel(point)) for point in points]
    np.testing.assert_allclose(cubic(np.array([float(point) for point in points])), expected, rtol=0, atol=1e-15)


@QUICK
@given(length=lengths, scale=scales)
def test_rows_of_the_operator_sum_to_one(length, scale):
    operator = resize_operator(length, Fraction(scale)).toarray()
    assert operator.shape == (math.ceil(length * Fraction(scale)), length)
    np.testing.assert_allclose(operator.sum(axis=1), 1, rtol=0, atol=1e-13)


@QUICK
@given(height=lengths, width=lengths, scale=scales, value=st.integers(0, 255))
def test_a_constant_image_stays_constant(height, width, scale, value):
    image = np.full((height, width, 3), value, np.uint8)
    result = imresize(image, scale)
    assert result.shape == (math.ceil(height * Fraction(scale)), math.ceil(width * Fraction(scale)), 3)
    assert (result == value).all()
    np.testing.assert_allclose(imresize(image / 255, scale), value / 255, rtol=0, atol=1e-13)


@QUICK
@given(height=lengths, width=lengths, scale=scales, factor=st.floats(-3, 3), seed=st.integers(0, 2**32))
def test_resizing_is_linear(height, width, scale, factor, seed):
    one, other = np.random.default_rng(seed).random((2, height, width))
    together = imresize(one + factor * other, scale)
    np.testing.assert_allclose(together, imresize(one, scale) + factor * imresize(other, scale), rtol=0, atol=1e-12)


@QUICK
@given(height=lengths, width=lengths, scale=scales, seed=st.integers(0, 2**32))
def test_resizing_commutes_with_transposition_and_mirroring(height, width, scale, seed):
    # mirroring holds where the scale divides, or multiplies, evenly: else the last pixel is a cut one
    image = np.random.default_rng(seed).random((height, width))
    np.testing.assert_allclose(imresize(image.T, scale), imresize(image, scale).T, rtol=0, atol=1e-12)
    if (height * Fraction(scale)).denominator == 1:
        np.testing.assert_allclose(imresize(image[::-1], scale), imresize(image, scale)[::-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "length", "scale"),
    [
        ("down_down_small_aa", 4, Fraction(3, 4)),
        ("down_down_x2_aa", 8, Fraction(1, 2)),
        ("down_down_x3_aa", 15, Fraction(1, 3)),
        ("down_down_x4_aa", 8, Fraction(1, 4)),
        ("down_down_x5_aa", 15, Fraction(1, 5)),
    ],
)
def test_equals_the_output_of_matlab(name, length, scale):
    expected = scipy.io.loadmat(shared("matlab_imresize_reference") / f"{name}.mat")[name]
    image = np.arange(length * length, dtype=float).reshape(length, length)
    np.testing.assert_allclose(imresize(image, scale), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("benchmark", ["Set5", "Set14"])
def test_makes_the_released_lr_bit_for_bit(benchmark):
    folder = shared(benchmark)
    files = sorted((folder / "HR").glob("*.png"))
    assert len(files) == int(benchmark.removeprefix("Set"))
    for file in files:
        hr = rgb(file)
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        released = rgb(folder / "LR_bicubic_x4" / f"{file.stem}x4.png")
        np.testing.assert_array_equal(imresize(hr, Fraction(1, 4)), released, err_msg=file.name)


def test_makes_the_released_lr_of_bsds100_but_for_the_border():
    # made by an older MATLAB that repeats the border pixel instead of mirroring
    folder = shared("BSDS100")
    files = sorted((folder / "HR").glob("*.png"))
    assert len(files) == 100
    for file in files:
        hr = rgb(file)
        hr = hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4]
        released = rgb(folder / "LR_bicubic_x4" / file.name)
        inside = (slice(3, -3), slice(3, -3))
        np.testing.assert_array_equal(imresize(hr, Fraction(1, 4))[inside], released[inside], err_msg=file.name)
