import pytest
import torch
import torchvision

from gansr.errors import UserError
from gansr.losses.base import LossContext, Outputs
from gansr.losses.perceptual import PerceptualLoss
from gansr.losses.pixel import PixelLoss

LDL_LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
# in torchvision's VGG19.features
INDEX = {"conv1_2": 2, "conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34}
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def images(count=2, size=32, seed=0):
    random = torch.Generator().manual_seed(seed)
    hr = torch.rand(count, 3, size, size, generator=random)
    return (hr + 0.3 * torch.randn(hr.shape, generator=random)).requires_grad_(), hr


def outputs(sr, hr):
    return Outputs(hr, hr, sr)


def torchvision_features():
    """VGG19's features; its classifier, nine tenths of it, is never allocated."""
    with torch.device("meta"):
        features = torchvision.models.vgg19(weights=None).features
    return features.to_empty(device="cpu").eval().requires_grad_(False)


def hooked_loss(features, layers, sr, hr):
    """The loss from what the convolutions of a plain network put out, caught by hooks."""

    def caught(image):
        kept = {}
        hooks = [
            # a copy: torchvision's ReLU works in place
            features[INDEX[layer]].register_forward_hook(
                lambda _, __, out, layer=layer: kept.update({layer: out.clone()})
            )
            for layer in layers
        ]
        features((image - MEAN) / STD)
        for hook in hooks:
            hook.remove()
        return kept

    found, target = caught(sr), caught(hr)
    return sum(weight * (found[layer] - target[layer]).abs().mean() for layer, weight in layers.items())


def test_pixel_loss_is_the_mean_over_samples_channels_and_pixels():
    sr, hr = images(2, 5)
    total = sum(abs(a - b) for a, b in zip(sr.flatten().tolist(), hr.flatten().tolist(), strict=True))
    value = PixelLoss(LossContext(0))(outputs(sr, hr))
    assert value.item() == pytest.approx(total / (2 * 3 * 5 * 5), rel=1e-6)
    value.backward()
    torch.testing.assert_close(sr.grad, torch.sign(sr.detach() - hr) / sr.numel())


def test_perceptual_loss_equals_hooks_on_torchvisions_vgg19():
    sr, hr = images()
    term = PerceptualLoss(LossContext(seed=3), layers=LDL_LAYERS, weights="random")
    features = torchvision_features()
    features.load_state_dict(term.network.features.state_dict(), strict=False, assign=True)
    value = term(outputs(sr, hr))
    (found,) = torch.autograd.grad(value, sr)
    expected = hooked_loss(features, LDL_LAYERS, sr, hr)
    (expected_gradient,) = torch.autograd.grad(expected, sr)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(found, expected_gradient, rtol=1e-4, atol=1e-8)
    assert found.abs().max() > 0


def test_features_are_those_before_the_relu():
    _, hr = images(1)
    term = PerceptualLoss(LossContext(0), layers={"conv1_2": 1.0, "conv3_4": 1.0}, weights="random", width=4)
    for features in term.network(hr).values():
        assert (features < 0).any()


def test_each_layer_counts_by_its_weight():
    sr, hr = images(1)
    values = [
        PerceptualLoss(LossContext(1), layers=layers, weights="random", width=4)(outputs(sr, hr)).item()
        for layers in ({"conv1_2": 1.0}, {"conv2_2": 1.0}, {"conv1_2": 0.25, "conv2_2": 3.0})
    ]
    # the random weights of a layer do not depend on the layers after it
    assert values[2] == pytest.approx(0.25 * values[0] + 3.0 * values[1], rel=1e-5)


def test_equal_images_cost_nothing():
    _, hr = images(1)
    term = PerceptualLoss(LossContext(0), layers=LDL_LAYERS, weights="random", width=4)
    assert term(outputs(hr, hr)).item() == 0


def test_gradient_flows_to_sr_and_to_no_weight():
    sr, hr = images(1)
    hr.requires_grad_()
    term = PerceptualLoss(LossContext(0), layers=LDL_LAYERS, weights="random", width=4)
    term(outputs(sr, hr)).backward()
    assert hr.grad is None
    assert sr.grad.abs().max() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in term.parameters())


def test_sr_is_not_clipped():
    _, hr = images(1)
    term = PerceptualLoss(LossContext(0), layers={"conv1_2": 1.0}, weights="random", width=4)
    assert term(outputs(hr + 2, hr)).item() > term(outputs(hr + 1, hr)).item() > 0


def test_pretrained_weights_come_from_the_file(tmp_path):
    sr, hr = images(1)
    layers = {"conv1_2": 0.1, "conv2_2": 1.0}
    source = PerceptualLoss(LossContext(seed=5), layers=layers, weights="random")
    state = source.network.state_dict() | {"classifier.0.weight": torch.zeros(1)}  # more than is needed
    torch.save(state, tmp_path / "vgg19.pth")
    term = PerceptualLoss(LossContext(seed=0, judges={"vgg19": tmp_path / "vgg19.pth"}), layers=layers)
    assert torch.equal(term(outputs(sr, hr)), source(outputs(sr, hr)))


def test_pretrained_weights_without_their_file_are_an_error():
    with pytest.raises(UserError, match="--judge vgg19=FILE"):
        PerceptualLoss(LossContext(seed=0), layers={"conv1_2": 1.0})
