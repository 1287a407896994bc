import math

import pytest
import torch
import torch.nn.functional as F

from gansr.kernels.region_mask import region_mask


def natural(count=2, height=48, width=36, seed=0):
    """Images in [0, 1], float32: a smooth shading, with noise whose strength differs from block to block."""
    random = torch.Generator().manual_seed(seed)
    rows = torch.linspace(0, 3, height)[:, None]
    columns = torch.linspace(0, 2, width)
    phases = torch.rand(count, 3, 1, 1, generator=random) * 6
    smooth = 0.5 + 0.2 * torch.sin(0.4 * rows + 0.3 * columns + phases)
    blocks = torch.rand(count, 1, height // 12, width // 12, generator=random)
    strength = F.interpolate(0.12 * blocks**2, (height, width), mode="nearest")
    return (smooth + strength * torch.randn(count, 3, height, width, generator=random)).clamp(0, 1)


def deviation(image, scale=1, window=11):
    """The standard deviation of luma in float64: RGB is enlarged, and every window is laid out."""
    image = image.double()
    if scale > 1:
        image = F.interpolate(image, scale_factor=scale, mode="bicubic", align_corners=False)
    luma = 0.2989 * image[:, :1] + 0.587 * image[:, 1:2] + 0.114 * image[:, 2:]
    half = window // 2
    windows = F.unfold(F.pad(luma, (half,) * 4, mode="reflect"), window)
    return windows.std(dim=1, unbiased=True).view_as(luma)


def share(mask):
    return mask.float().mean().item()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_hr_it_is_the_formula(seed):
    hr = natural(seed=seed)
    expected = deviation(hr) >= 0.025
    assert 0.2 < share(expected) < 0.8
    assert torch.equal(region_mask(hr), expected)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_lr_it_is_the_formula_on_the_enlarged_image(scale, seed):
    lr = natural(height=24, width=36, seed=seed)
    expected = deviation(lr, scale) >= 0.025
    assert 0.1 < share(expected) < 0.9
    mask = region_mask(lr, scale)
    assert mask.shape == (2, 1, 24 * scale, 36 * scale)
    assert torch.equal(mask, expected)


def test_the_enlarged_image_is_not_clipped():
    # black and white stripes that overshoot [0, 1] when enlarged: clipping would lower the deviation
    stripes = (torch.arange(12) % 4 < 2).float().expand(1, 3, 12, 12)
    exact = deviation(stripes, 4)
    clipped = F.interpolate(stripes.double(), scale_factor=4, mode="bicubic", align_corners=False).clamp(0, 1)
    threshold = (exact.min().item() + deviation(clipped).min().item()) / 2
    assert not (deviation(clipped) >= threshold).all()
    assert torch.equal(region_mask(stripes, 4, threshold=threshold), exact >= threshold)
    assert region_mask(stripes, 4, threshold=threshold).all()


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_flat_image_is_flat_everywhere(scale, value):
    mask = region_mask(torch.full((1, 3, 14, 13), value), scale)
    assert mask.shape == (1, 1, 14 * scale, 13 * scale)
    assert not mask.any()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_strong_texture_is_texture_everywhere(scale):
    assert region_mask(torch.rand(1, 3, 14, 13, generator=torch.Generator().manual_seed(3)), scale).all()


def test_each_image_has_its_own_mask():
    hr = natural()
    hr[1] = 0.5
    mask = region_mask(hr)
    assert torch.equal(mask[:1], region_mask(hr[:1]))
    assert mask[0].any()
    assert not mask[1].any()


@pytest.mark.parametrize(("channel", "weight"), [(0, 0.2989), (1, 0.587), (2, 0.114)])
def test_channels_weigh_as_in_luma(channel, weight):
    stripes = torch.zeros(1, 3, 16, 16)
    stripes[:, channel, :, ::2] = 1
    # 5 or 6 of 11 columns are 1, by symmetry of the reflection in every window
    exact = weight * math.sqrt(55 * 66 / 121 / 120)
    assert region_mask(stripes, threshold=exact * 0.9999).all()
    assert not region_mask(stripes, threshold=exact * 1.0001).any()


def test_a_deviation_at_the_threshold_is_texture():
    assert region_mask(torch.zeros(1, 3, 12, 12), threshold=0.0).all()
    # red whose luma is exactly 1 in every second column: 3 or 6 of 9 values, a variance of exactly 2 / 8
    stripes = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    stripes[:, 0, :, ::2] = 1 / 0.2989
    assert region_mask(stripes, window=3, threshold=0.5).all()
    assert not region_mask(stripes, window=3, threshold=math.nextafter(0.5, 1)).any()


@pytest.mark.parametrize("window", [3, 7, 15])
@pytest.mark.parametrize("threshold", [0.01, 0.06])
def test_window_and_threshold_are_honoured(window, threshold):
    hr = natural()
    expected = deviation(hr, window=window) >= threshold
    assert 0 < share(expected) < 1
    mask = region_mask(hr, window=window, threshold=threshold)
    assert torch.equal(mask, expected)
    assert not torch.equal(mask, region_mask(hr))


@pytest.mark.parametrize("scale", [1, 4])
def test_it_is_boolean_and_carries_no_gradient(scale):
    lr = natural(1, 12, 12).requires_grad_()
    mask = region_mask(lr, scale)
    assert mask.dtype == torch.bool
    assert not mask.requires_grad
    assert mask.grad_fn is None


@pytest.mark.parametrize("scale", [1, 4])
def test_autocast_makes_no_difference(scale):
    lr = natural(1, 24, 24)
    expected = region_mask(lr, scale)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mask = region_mask(lr, scale)
    assert torch.equal(mask, expected)


def test_bfloat16_images_are_computed_in_float64():
    lr = natural(1, 24, 24).bfloat16()
    assert torch.equal(region_mask(lr, 2), deviation(lr, 2) >= 0.025)


def test_channels_last_makes_no_difference():
    lr = natural()
    assert torch.equal(region_mask(lr.contiguous(memory_format=torch.channels_last), 2), region_mask(lr, 2))
