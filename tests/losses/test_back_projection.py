import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from gansr.data.bicubic import imresize, resize_operator
from gansr.kernels.bicubic import reduce_bicubic
from gansr.losses.back_projection import BackProjectionLoss
from gansr.losses.base import LossContext, Outputs

scales = pytest.mark.parametrize("scale", [2, 4])


def images(scale, count=2, height=6, width=5, seed=0, dtype=torch.float32):
    """lr in [0, 1] and sr from about -1.5 to 2.5, N x 3 x height x width and scale times as large."""
    random = torch.Generator().manual_seed(seed)
    lr = torch.rand(count, 3, height, width, generator=random, dtype=torch.float64)
    sr = 0.5 + torch.randn(count, 3, height * scale, width * scale, generator=random, dtype=torch.float64)
    return lr.to(dtype), sr.to(dtype)


def differences(lr, sr, scale):
    """S(SR, s) - LR in NumPy's float64, N x H x W x 3."""
    lr, sr = (image.double().permute(0, 2, 3, 1).numpy() for image in (lr, sr))
    return np.stack([imresize(sample, Fraction(1, scale)) for sample in sr]) - lr


def loss(lr, sr):
    hr = torch.zeros_like(sr)  # has no say
    return BackProjectionLoss(LossContext(seed=0))(Outputs(lr, hr, sr))


def gradient(lr, sr, autocast=False):
    """As a training step does it: the loss under autocast or not, its gradient after it."""
    sr = sr.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        value = loss(lr, sr)
    value.backward()
    return value.detach(), sr.grad


@scales
@pytest.mark.parametrize(("height", "width"), [(6, 5), (3, 8), (4, 4)])
def test_loss_is_the_mean_difference_of_reduced_sr_and_lr(scale, height, width):
    lr, sr = images(scale, height=height, width=width)
    found = loss(lr, sr)
    assert found.shape == ()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(np.abs(differences(lr, sr, scale)).mean(), rel=1e-5)


@scales
def test_sr_is_not_clipped(scale):
    lr, sr = images(scale)
    expected = np.abs(differences(lr, sr, scale)).mean()
    assert abs(np.abs(differences(lr, sr.clamp(0, 1), scale)).mean() - expected) > 0.02 * expected
    assert loss(lr, sr).item() == pytest.approx(expected, rel=1e-5)
    # and the reduced image is not clipped either
    beyond = torch.full_like(sr, 1.5)
    assert loss(torch.ones_like(lr), beyond).item() == pytest.approx(0.5, rel=1e-5)
    assert loss(torch.zeros_like(lr), beyond - 2).item() == pytest.approx(0.5, rel=1e-5)


@scales
def test_sr_that_reduces_to_lr_costs_nothing(scale):
    _, sr = images(scale)
    samples = [imresize(sample.permute(1, 2, 0).numpy(), Fraction(1, scale)) for sample in sr]
    lr = torch.from_numpy(np.stack(samples)).permute(0, 3, 1, 2).float()
    assert loss(lr, sr).item() < 1e-6
    exact, found = gradient(reduce_bicubic(sr, scale), sr)
    assert exact.item() == 0
    assert torch.isfinite(found).all()
    assert loss(lr + 0.25, sr).item() == pytest.approx(0.25, rel=1e-5)


@scales
def test_gradient_is_the_sign_of_each_difference_enlarged_by_the_transposed_operator(scale):
    lr, sr = images(scale)
    rows, columns = (resize_operator(side * scale, Fraction(1, scale)).toarray() for side in lr.shape[2:])
    sign = np.sign(differences(lr, sr, scale)).transpose(0, 3, 1, 2)
    expected = rows.T @ sign @ columns / sign.size
    _, found = gradient(lr, sr)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@scales
def test_under_autocast_the_result_is_that_of_float32(scale):
    lr, sr = images(scale)
    expected, expected_gradient = gradient(lr, sr)
    found, found_gradient = gradient(lr, sr, autocast=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = loss(lr, sr.bfloat16())
    assert math.isfinite(found)
    assert found.dtype == rounded.dtype == torch.float32
    assert torch.equal(found, expected)
    assert torch.equal(found_gradient, expected_gradient)
    assert torch.equal(rounded, loss(lr, sr.bfloat16().float()))


def test_channels_last_makes_no_difference():
    lr, sr = images(4)
    last = [image.contiguous(memory_format=torch.channels_last) for image in (lr, sr)]
    assert loss(*last).item() == pytest.approx(loss(lr, sr).item(), rel=1e-6)
