import math

import numpy as np
import pytest
import torch

from gansr.networks.build import build_critic, count_parameters


def tiny(patch_size, features=2, stages=5):
    torch.manual_seed(0)
    return build_critic({"network": "vgg", "features": features, "stages": stages}, patch_size)


def plain_convolution(x, weight, bias, stride):
    count, _, height, width = x.shape
    size = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = (height + 2 - size) // stride + 1, (width + 2 - size) // stride + 1
    out = np.zeros((count, len(weight), rows, columns)) + bias[None, :, None, None]
    for di in range(size):
        for dj in range(size):
            part = padded[:, :, di : di + stride * rows : stride, dj : dj + stride * columns : stride]
            out += np.einsum("oc,nchw->nohw", weight[:, :, di, dj], part)
    return out


def plain_batch_norm(x, weight, bias):
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * weight[None, :, None, None] + bias[None, :, None, None]


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def plain_discriminator(x, weights, stages):
    """In train mode: statistics of this batch."""
    for stage in range(stages):
        for half, stride in ((0, 1), (1, 2)):
            conv, norm = f"conv{stage}_{half}", f"bn{stage}_{half}"
            weight = weights[f"{conv}.weight"]
            x = plain_convolution(x, weight, weights.get(f"{conv}.bias", np.zeros(len(weight))), stride)
            if norm != "bn0_0":
                x = plain_batch_norm(x, weights[f"{norm}.weight"], weights[f"{norm}.bias"])
            x = leaky(x)
    x = leaky(x.reshape(len(x), -1) @ weights["linear1.weight"].T + weights["linear1.bias"])
    return x @ weights["linear2.weight"].T + weights["linear2.bias"]


def test_at_128_pixels_it_is_the_fields_vgg_128():
    with torch.device("meta"):
        discriminator = build_critic({"network": "vgg"}, 128)
    assert count_parameters(discriminator) == 14_499_401
    shapes = {key: tuple(value.shape) for key, value in discriminator.named_parameters()}
    widths = [64, 64, 128, 128, 256, 256, 512, 512, 512, 512]
    for number, (before, after) in enumerate(zip([3, *widths], widths, strict=False)):
        size = 4 if number % 2 else 3
        assert shapes[f"conv{number // 2}_{number % 2}.weight"] == (after, before, size, size)
    assert [key for key in shapes if key.startswith("conv") and key.endswith("bias")] == ["conv0_0.bias"]
    assert sum(key.startswith("bn") for key in shapes) == 18
    assert (shapes["linear1.weight"], shapes["linear2.weight"]) == ((100, 8192), (1, 100))


def test_at_192_pixels_with_six_stages_of_32_features_it_is_beby_gans():
    with torch.device("meta"):
        discriminator = build_critic({"network": "vgg", "features": 32, "stages": 6}, 192)
    assert count_parameters(discriminator) == 5_291_913
    shapes = {key: tuple(value.shape) for key, value in discriminator.named_parameters()}
    widths = [shapes[f"conv{stage}_{half}.weight"][0] for stage in range(6) for half in (0, 1)]
    assert widths == [32, 32, 64, 64, 128, 128, 256, 256, 256, 256, 256, 256]
    assert [key for key in shapes if key.startswith("conv") and key.endswith("bias")] == ["conv0_0.bias"]
    assert sum(key.startswith("bn") for key in shapes) == 22
    assert (shapes["linear1.weight"], shapes["linear2.weight"]) == ((100, 3 * 3 * 256), (1, 100))


@pytest.mark.parametrize(("patch_size", "stages"), [(32, 5), (64, 5), (96, 5), (64, 6), (192, 6)])
def test_one_logit_per_patch(patch_size, stages):
    with torch.no_grad():
        assert tiny(patch_size, stages=stages)(torch.rand(3, 3, patch_size, patch_size)).shape == (3, 1)


@pytest.mark.parametrize("patch_size", [64, 192])
def test_the_sixth_stage_halves_once_more(patch_size):
    five, six = tiny(patch_size), tiny(patch_size, stages=6)
    assert five.linear1.in_features == 4 * six.linear1.in_features == 16 * (patch_size // 32) ** 2


def test_features_scale_the_width():
    assert tiny(32, features=3).conv4_1.weight.shape == (24, 24, 4, 4)
    assert tiny(64, features=3, stages=6).conv5_1.weight.shape == (24, 24, 4, 4)


@pytest.mark.parametrize("stages", [5, 6])
def test_output_equals_a_plain_restatement_in_float64(stages):
    discriminator = tiny(64, stages=stages).double().train()
    with torch.no_grad():
        for key, value in discriminator.named_parameters():
            if key.endswith("bias") or key.startswith("bn"):
                value.add_(torch.linspace(-0.3, 0.4, value.numel(), dtype=torch.float64))
    x = torch.rand(3, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = {key: value.detach().numpy() for key, value in discriminator.named_parameters()}
    with torch.no_grad():
        found = discriminator(x).numpy()
    np.testing.assert_allclose(found, plain_discriminator(x.numpy(), weights, stages), rtol=0, atol=1e-11)


@pytest.mark.parametrize("stages", [5, 6])
def test_the_images_are_not_changed_in_place(stages):
    x = torch.rand(2, 3, 64, 64)
    before = x.clone()
    tiny(64, stages=stages)(x)
    assert torch.equal(x, before)


def test_gradient_flows_to_the_images():
    x = torch.rand(4, 3, 32, 32, requires_grad=True)
    tiny(32)(x).square().sum().backward()
    assert math.isfinite(x.grad.abs().max())
    assert x.grad.abs().max() > 0
