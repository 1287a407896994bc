import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gansr.networks.build import build_critic, count_parameters


def tiny(features=2):
    torch.manual_seed(0)
    return build_critic({"network": "unet_sn", "features": features}, 32)


def image(height=16, width=24, count=2):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def spectral_layers(discriminator):
    return [*discriminator.down, *discriminator.up, *discriminator.last]


def test_with_64_features_it_is_real_esrgans():
    discriminator = build_critic({"network": "unet_sn"}, 256)
    assert count_parameters(discriminator) == 4_376_897
    shapes = [tuple(layer.weight.shape) for layer in spectral_layers(discriminator)]
    assert shapes == [
        *((128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4)),
        *((256, 512, 3, 3), (128, 256, 3, 3), (64, 128, 3, 3)),
        *((64, 64, 3, 3), (64, 64, 3, 3)),
    ]
    assert all(layer.bias is None for layer in spectral_layers(discriminator))
    assert discriminator.conv0.bias is not None and discriminator.conv9.bias is not None


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 24), (40, 32)])
def test_one_logit_per_pixel(height, width):
    with torch.no_grad():
        assert tiny()(image(height, width)).shape == (2, 1, height, width)


def test_the_patch_size_changes_nothing():
    one, other = (build_critic({"network": "unet_sn", "features": 2}, size) for size in (32, 64))
    assert count_parameters(one) == count_parameters(other)


def test_the_largest_singular_value_of_the_inner_layers_is_1():
    discriminator = tiny(features=4).train()
    with torch.no_grad():
        for _ in range(60):  # power iterations
            discriminator(image(8, 8))
        for layer in spectral_layers(discriminator.eval()):
            singular = np.linalg.svd(layer.weight.flatten(1).numpy(), compute_uv=False)
            assert singular[0] == pytest.approx(1, abs=0.02)


def test_output_equals_a_plain_restatement_in_float64():
    discriminator = tiny().double().eval()
    with torch.no_grad():
        for key, value in discriminator.named_parameters():
            if key.endswith("bias"):
                value.add_(torch.linspace(-0.3, 0.4, value.numel(), dtype=torch.float64))
    x = image().double()

    def conv(x, layer, stride=1):
        return F.leaky_relu(F.conv2d(x, layer.weight, layer.bias, stride, 1), 0.2)

    def twice(x):
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    with torch.no_grad():
        x0 = conv(x, discriminator.conv0)
        x1 = conv(x0, discriminator.down[0], 2)
        x2 = conv(x1, discriminator.down[1], 2)
        x3 = conv(x2, discriminator.down[2], 2)
        x4 = conv(twice(x3), discriminator.up[0]) + x2
        x5 = conv(twice(x4), discriminator.up[1]) + x1
        x6 = conv(twice(x5), discriminator.up[2]) + x0
        x8 = conv(conv(x6, discriminator.last[0]), discriminator.last[1])
        expected = F.conv2d(x8, discriminator.conv9.weight, discriminator.conv9.bias, 1, 1)
        torch.testing.assert_close(discriminator(x), expected, rtol=0, atol=1e-12)


def test_the_images_are_not_changed_in_place_and_get_a_gradient():
    x = image().requires_grad_()
    before = x.detach().clone()
    tiny()(x).square().sum().backward()
    assert torch.equal(x.detach(), before)
    assert torch.isfinite(x.grad).all() and x.grad.abs().max() > 0
