import math

import pytest
import torch
import torchvision

from gansr.errors import UserError
from gansr.networks.judges.vgg19 import VGG19Features, layer_indices

SHALLOW = ["conv1_2", "conv2_2"]


def random_network(seed=0, layers=SHALLOW, width=64):
    network = VGG19Features(layers, width)
    network.initialize(seed)
    return network


def test_layers_are_named_as_in_the_vgg_paper():
    with torch.device("meta"):
        features = torchvision.models.vgg19(weights=None).features
    names, block, number = {}, 1, 1
    for index, layer in enumerate(features):
        if isinstance(layer, torch.nn.Conv2d):
            names[f"conv{block}_{number}"] = index
            number += 1
        elif isinstance(layer, torch.nn.MaxPool2d):
            block, number = block + 1, 1
    assert layer_indices() == names
    assert len(names) == 16


def test_nothing_beyond_the_deepest_layer_is_built():
    network = VGG19Features(["conv2_2", "conv1_1"], 4)
    assert len(network.features) == layer_indices()["conv2_2"] + 1
    assert set(network(torch.rand(1, 3, 8, 8))) == {"conv1_1", "conv2_2"}


def test_images_are_normalised_by_the_statistics_of_imagenet():
    network = random_network(layers=["conv1_1"], width=4)
    x = torch.rand(1, 3, 8, 8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = network.features[0]((x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
    torch.testing.assert_close(network(x)["conv1_1"], expected)


@pytest.mark.parametrize("width", [4, 16, 64, 1])
def test_width_is_that_of_the_first_block(width):
    with torch.device("meta"):
        network = VGG19Features(["conv5_4"], width)
    widths = [layer.out_channels for layer in network.features if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [width] * 2 + [2 * width] * 2 + [4 * width] * 4 + [8 * width] * 8


def test_features_kept_are_not_overwritten_by_the_next_layer():
    together = random_network(layers=["conv1_1", "conv1_2"], width=4)
    alone = random_network(layers=["conv1_1"], width=4)
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(together(x)["conv1_1"], alone(x)["conv1_1"])
    assert (together(x)["conv1_1"] < 0).any()


def test_random_weights_are_the_same_for_the_same_seed():
    one, again, other = (random_network(seed, width=4).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["features.0.weight"], other["features.0.weight"])


def test_random_weights_do_not_depend_on_the_global_random_state_nor_move_it():
    network = VGG19Features(SHALLOW, 4)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    network.initialize(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(
        torch.equal(value, network.state_dict()[key]) for key, value in random_network(1, width=4).state_dict().items()
    )


def test_random_weights_are_kaiming_normal_with_zero_biases():
    for layer in random_network(layers=["conv2_2"], width=64).features:
        if isinstance(layer, torch.nn.Conv2d):
            expected = math.sqrt(2 / (9 * layer.in_channels))
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert not layer.bias.any()


def test_the_network_is_fixed():
    network = VGG19Features(SHALLOW, 4)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_loading_takes_what_it_needs_from_the_file(tmp_path):
    source = random_network(5, ["conv3_1"])
    torch.save(source.state_dict() | {"classifier.6.bias": torch.zeros(1000)}, tmp_path / "vgg19.pth")
    network = VGG19Features(SHALLOW)
    network.load(tmp_path / "vgg19.pth")
    for key, value in network.state_dict().items():
        assert torch.equal(value, source.state_dict()[key])


def refuse(file):
    with pytest.raises(UserError, match="torchvision's VGG19") as caught:
        VGG19Features(SHALLOW).load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_other_names_are_refused_in_one_line(tmp_path):
    torch.save({"conv_first.weight": torch.zeros(4)}, tmp_path / "other.pth")
    refuse(tmp_path / "other.pth")


def test_weights_of_another_width_are_refused_in_one_line(tmp_path):
    torch.save(random_network(width=32).state_dict(), tmp_path / "narrow.pth")
    refuse(tmp_path / "narrow.pth")


@pytest.mark.parametrize("content", [b"", b"no weights\n"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    (tmp_path / "notes.pth").write_bytes(content)
    refuse(tmp_path / "notes.pth")


def test_a_file_that_would_execute_code_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    torch.save({"features.0.weight": Harm()}, tmp_path / "harmful.pth")
    refuse(tmp_path / "harmful.pth")
    assert not (tmp_path / "harm").exists()
