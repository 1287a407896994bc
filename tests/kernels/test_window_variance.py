import pytest
import torch
import torch.nn.functional as F

from gansr.kernels.window_variance import box_sum, window_variance

WINDOWS = [3, 7, 11]
SIZES = [(12, 19), (17, 13), (11, 11), (6, 25)]


def image(count=2, channels=3, height=12, width=19, dtype=torch.float64, seed=0):
    random = torch.Generator().manual_seed(seed)
    return torch.rand(count, channels, height, width, generator=random, dtype=torch.float64).to(dtype)


def unfolded_variance(image, window):
    """In float64, with every window laid out."""
    half = window // 2
    windows = F.unfold(F.pad(image.double(), (half,) * 4, mode="reflect"), window)
    count, _, height, width = image.shape
    return windows.var(dim=1, unbiased=True).view(count, 1, height, width)


def distance(found, expected):
    """The largest difference, relative to the largest value."""
    return ((found.double() - expected).abs().max() / expected.abs().max()).item()


def with_gradient(function, image, window, weight):
    image = image.detach().clone().requires_grad_()
    value = function(image, window)
    (value * weight.to(value.dtype)).sum().backward()
    return value.detach(), image.grad


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_value_and_gradient_are_those_of_unfolded_windows(height, width, window, channels, dtype, tolerance):
    data = image(2, channels, height, width, dtype)
    weight = image(2, 1, height, width, seed=1) - 0.3  # a gradient of both signs
    expected, expected_gradient = with_gradient(unfolded_variance, data.double(), window, weight)
    found, found_gradient = with_gradient(window_variance, data, window, weight)
    assert found.shape == (2, 1, height, width)
    assert found.dtype == found_gradient.dtype == dtype
    assert distance(found, expected) < tolerance
    assert distance(found_gradient, expected_gradient) < tolerance


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("window", [3, 5])
def test_gradcheck(channels, window):
    data = image(2, channels, 6, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda data: window_variance(data, window), data, atol=1e-9, rtol=1e-6)


def test_the_window_is_n_by_n_and_centred():
    data = torch.zeros(1, 1, 15, 15, dtype=torch.float64)
    data[0, 0, 6, 8] = 1
    # one of 25 values is 1: (1 - 1 / 25) / 24
    expected = torch.zeros_like(data)
    expected[0, 0, 4:9, 6:11] = 0.04
    torch.testing.assert_close(window_variance(data, 5), expected, rtol=1e-12, atol=1e-15)


def test_the_variance_is_about_one_mean_of_all_channels():
    # each channel is flat, the three together are not: 48 values of 147 deviate by -1, 48 by 1
    data = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    expected = torch.full((1, 1, 8, 8), 2 * 49 * 0.25**2 / (3 * 49 - 1), dtype=torch.float64)
    torch.testing.assert_close(window_variance(data, 7), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 0.5, 1 / 3, 255.0, 1000.1])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_image_has_exactly_no_variance_and_no_gradient(value, channels, dtype):
    data = torch.full((2, channels, 13, 17), value, dtype=dtype)
    for window in WINDOWS:
        found, gradient = with_gradient(window_variance, data, window, torch.ones(()))
        assert torch.equal(found, torch.zeros(2, 1, 13, 17, dtype=dtype))
        assert torch.equal(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_makes_nothing_negative(dtype):
    # far from the mean of the image the windows' variance is far below the squares that it is a difference of
    random = torch.Generator().manual_seed(2)
    levels = torch.tensor([0.1, 0.7, 123.4, -45.6], dtype=dtype).repeat_interleave(9)
    data = levels[None, None, :, None] + 1e-9 * torch.randn(2, 3, 36, 14, generator=random, dtype=torch.float64)
    found = window_variance(data.to(dtype), 3)
    assert (found >= 0).all()
    assert (found == 0).any()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_offset_costs_float32_no_precision(window, channels):
    data = image(2, channels, dtype=torch.float32) + 1000
    weight = image(2, 1, seed=1) - 0.3
    expected, expected_gradient = with_gradient(unfolded_variance, data.double(), window, weight)
    found, found_gradient = with_gradient(window_variance, data, window, weight)
    assert distance(found, expected) < 1e-6
    assert distance(found_gradient, expected_gradient) < 1e-6


def test_each_sample_is_centred_by_its_own_mean():
    data = image(2, dtype=torch.float32)
    data[1] += 1000
    torch.testing.assert_close(window_variance(data, 7)[:1], window_variance(data[:1], 7), rtol=0, atol=0)


def test_the_image_is_left_as_it_was():
    data = image()
    before = data.clone()
    window_variance(data, 7)
    box_sum(data, 7)
    assert torch.equal(data, before)


def test_channels_last_makes_no_difference():
    data = image(dtype=torch.float32)
    found = window_variance(data.contiguous(memory_format=torch.channels_last), 7)
    torch.testing.assert_close(found, window_variance(data, 7), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("window", [1, 2, 3, 6])
def test_box_sum_is_the_sum_of_each_window_inside(window):
    data = image(2, 2, 6, 9)
    found = box_sum(data, window)
    assert found.shape == (2, 2, 7 - window, 10 - window)
    for i in range(7 - window):
        for j in range(10 - window):
            expected = data[:, :, i : i + window, j : j + window].sum(dim=(2, 3))
            torch.testing.assert_close(found[:, :, i, j], expected, rtol=1e-13, atol=0)
