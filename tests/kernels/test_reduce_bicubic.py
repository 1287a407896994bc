from fractions import Fraction

import numpy as np
import pytest
import torch

from gansr.data.bicubic import imresize
from gansr.kernels.bicubic import reduce_bicubic

SIZES = [(24, 16), (12, 20), (8, 8), (4, 12)]


def image(count=2, height=24, width=16, dtype=torch.float64, seed=0):
    """Values beyond [0, 1]: nothing may be clipped."""
    random = torch.Generator().manual_seed(seed)
    return (3 * torch.rand(count, 3, height, width, generator=random, dtype=torch.float64) - 1).to(dtype)


def reduced_one_by_one(images, factor):
    """`imresize` of each sample, N x 3 x H x W, float64."""
    samples = [imresize(sample.permute(1, 2, 0).double().numpy(), Fraction(1, factor)) for sample in images]
    return np.stack(samples).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_equals_imresize(height, width, factor, dtype, tolerance):
    data = image(2, height, width, dtype)
    found = reduce_bicubic(data, factor)
    assert found.shape == (2, 3, height // factor, width // factor)
    assert found.dtype == dtype
    np.testing.assert_allclose(found.double().numpy(), reduced_one_by_one(data, factor), rtol=0, atol=tolerance)


@pytest.mark.parametrize("factor", [2, 4])
def test_gradcheck(factor):
    data = image(1, 8, 12).requires_grad_()
    assert torch.autograd.gradcheck(lambda data: reduce_bicubic(data, factor), data)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -2.5])
def test_a_constant_image_stays_constant(factor, value):
    found = reduce_bicubic(torch.full((1, 3, 16, 8), value, dtype=torch.float64), factor)
    torch.testing.assert_close(found, torch.full_like(found, value), rtol=1e-13, atol=1e-15)


def test_values_beyond_the_range_are_not_clipped():
    data = image()
    found = reduce_bicubic(data, 2)
    assert found.min() < 0
    assert found.max() > 1
    torch.testing.assert_close(reduce_bicubic(data - 7, 2), found - 7, rtol=1e-12, atol=0)


def test_a_later_image_of_another_type_or_size_is_not_mistaken():
    # the operators are kept from call to call
    for dtype in (torch.float32, torch.float64, torch.float32):
        for height, width in ((16, 24), (24, 16)):
            data = image(1, height, width, dtype)
            found = reduce_bicubic(data, 4)
            assert found.dtype == dtype
            np.testing.assert_allclose(found.double().numpy(), reduced_one_by_one(data, 4), rtol=0, atol=2e-6)


def test_channels_last_makes_no_difference():
    data = image()
    found = reduce_bicubic(data.contiguous(memory_format=torch.channels_last), 4)
    torch.testing.assert_close(found, reduce_bicubic(data, 4), rtol=0, atol=1e-13)


def test_a_first_use_without_gradients_does_not_keep_later_ones_from_theirs():
    with torch.inference_mode():
        reduce_bicubic(torch.rand(1, 3, 52, 44), 2)
    image = torch.rand(1, 3, 52, 44, requires_grad=True)
    reduce_bicubic(image, 2).sum().backward()
    assert image.grad is not None
