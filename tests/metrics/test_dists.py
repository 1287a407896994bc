import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from DISTS_pytorch import DISTS_pt
from hypothesis import given
from hypothesis import strategies as st
from weight_data import BROKEN, images, in_strips, pair, random_trunk, refused, refused_unexecuted

from gansr.metrics.dists import CHANNELS, DistsSum, DistsWeights, Moments, l2_pool
from gansr.metrics.pair import MetricError, Pair, to_tensor
from gansr.metrics.perceptual import Vgg16Metrics
from gansr.metrics.trunks import Strip
from gansr.networks.build import device

WEIGHTS = Path(sys.prefix) / "weights.pt"  # where the package DISTS_pytorch puts alpha and beta


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    return file, random_trunk(file, "vgg")


@pytest.fixture(scope="module")
def dists(vgg16):
    metrics = Vgg16Metrics(vgg16[0], lpips=False, dists=WEIGHTS)
    return lambda pair: metrics(pair)["dists"]


@pytest.fixture(scope="module")
def package(vgg16):
    """DISTS_pytorch with the same random VGG16 and its own alpha and beta."""
    layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    layers.load_state_dict({key[9:]: value for key, value in vgg16[1].items() if key.startswith("features.")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DISTS_pt.models, "vgg16", lambda pretrained: SimpleNamespace(features=layers))
        network = DISTS_pt.DISTS().to(device()).eval()
    return lambda sr, hr: network(to_tensor(sr), to_tensor(hr)).item()


# of odd size, not multiples of 16, and both
@pytest.mark.parametrize(("height", "width"), [(64, 48), (33, 47), (51, 30), (16, 16), (17, 90)])
def test_equals_the_package_of_the_authors_with_the_same_weights(dists, package, height, width):
    sr, hr = images(height, width)
    slope = np.broadcast_to(np.linspace(0, 255, width)[None, :, None], hr.shape).astype(np.uint8)
    for image, least in ((sr, 0.005), (hr // 3, 0.05), (slope, 0.05)):
        expected = package(image, hr)
        assert expected > least
        assert dists(Pair(image, hr)) == pytest.approx(expected, abs=1e-5)


def test_equal_images_have_distance_zero(dists):
    _, hr = images()
    flat = np.full((20, 33, 3), 77, dtype=np.uint8)
    for image in (hr, flat, np.zeros_like(flat)):
        assert dists(Pair(image, image.copy())) == pytest.approx(0, abs=1e-6)


def test_scores_do_not_depend_on_which_image_is_which(dists):
    sr, hr = images(40, 51)
    assert dists(Pair(sr, hr)) == pytest.approx(dists(Pair(hr, sr)), rel=1e-9)


# heights that 16 does not divide, last strips of one row and of few, strips with rows around them on both sides
@pytest.mark.parametrize(("height", "width", "rows"), [(129, 17, 16), (137, 23, 16), (160, 16, 16), (305, 21, 48)])
def test_an_image_cut_into_strips_has_the_distance_of_the_whole(dists, monkeypatch, height, width, rows):
    whole = dists(pair(height, width))
    assert in_strips(monkeypatch, height, width, rows) == -(-height // rows) > 6
    assert dists(pair(height, width)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("rows", [None, 16])
def test_lpips_and_dists_asked_together_equal_each_asked_alone(vgg16, monkeypatch, rows):
    height, width = (57, 17) if rows else (53, 38)
    if rows:
        assert in_strips(monkeypatch, height, width, rows) > 1
    together = Vgg16Metrics(vgg16[0], lpips=True, dists=WEIGHTS)(pair(height, width))
    alone = [
        Vgg16Metrics(vgg16[0], lpips=True, dists=None)(pair(height, width)),
        Vgg16Metrics(vgg16[0], lpips=False, dists=WEIGHTS)(pair(height, width)),
    ]
    assert [set(found) for found in (*alone, together)] == [{"lpips_vgg"}, {"dists"}, {"lpips_vgg", "dists"}]
    assert together == alone[0] | alone[1]


def test_an_image_that_is_too_small_says_so(dists):
    for height, width in ((15, 40), (40, 15)):
        with pytest.raises(MetricError) as caught:
            dists(pair(height, width))
        assert str(caught.value) == f"{height} x {width} is too small for VGG16"


def plain_l2_pool(channel):
    height, width = channel.shape
    window = {(i, j): (2 - abs(i)) * (2 - abs(j)) / 16 for i in (-1, 0, 1) for j in (-1, 0, 1)}
    pooled = np.zeros((-(-height // 2), -(-width // 2)))
    for i in range(pooled.shape[0]):
        for j in range(pooled.shape[1]):
            for (di, dj), weight in window.items():
                if 0 <= 2 * i + di < height and 0 <= 2 * j + dj < width:
                    pooled[i, j] += weight * channel[2 * i + di, 2 * j + dj] ** 2
    return np.sqrt(pooled)


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 6), (9, 11), (1, 1)])
def test_l2_pooling_is_the_root_of_squares_under_its_window(height, width):
    x = torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    expected = np.stack([plain_l2_pool(channel) for channel in x[0].double().numpy()])
    np.testing.assert_allclose(l2_pool(x.to(device()))[0].cpu(), expected, rtol=1e-5, atol=1e-6)


# ---- moments


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99), st.sampled_from([0.0, 1.0, 1000.0]))
def test_moments_of_any_number_of_strips_are_those_of_all_pixels(heights, seed, offset):
    random = torch.Generator().manual_seed(seed)
    first, second = (offset + torch.randn(1, 2, sum(heights), 3, generator=random) for _ in range(2))
    second = first + 0.5 * (second - first)
    moments = Moments(2)
    for one, other in zip(*(torch.split(features, heights, dim=2) for features in (first, second)), strict=True):
        moments.add(one, other)
    for channel in range(2):
        x, y = (features[0, channel].double().numpy().ravel() for features in (first, second))
        apart = 1e-6 * (1 + offset)
        np.testing.assert_allclose(moments.means[:, channel], [x.mean(), y.mean()], atol=apart)
        expected = [x.var(), y.var(), np.mean((x - x.mean()) * (y - y.mean()))]
        np.testing.assert_allclose(moments.squares[:, channel] / moments.count, expected, rtol=1e-4, atol=apart)


@pytest.mark.parametrize("strips", [[(0, 144)], [(0, 64), (64, 80), (80, 144)]])
def test_texture_and_structure_are_weighted_channel_by_channel(strips):
    random = torch.Generator().manual_seed(0)
    weights = DistsWeights(WEIGHTS)
    total, similarity = DistsSum(weights), 0
    for layer, (channels, stride) in enumerate(zip(CHANNELS, (1, 1, 2, 4, 8, 16), strict=True)):
        sr, hr = (torch.rand(1, channels, 144 // stride, 3, generator=random).relu_() for _ in range(2))
        for first, end in strips:
            before, after = max(first - 16, 0), min(end + 16, 144)
            cut = [features[:, :, before // stride : after // stride].to(device()) for features in (sr, hr)]
            total.add(layer, *cut, Strip(before, after, first, end, end == 144))
        for channel in range(channels):
            x, y = (features[0, channel].double().numpy() for features in (sr, hr))
            texture = (2 * x.mean() * y.mean() + 1e-6) / (x.mean() ** 2 + y.mean() ** 2 + 1e-6)
            structure = (2 * ((x - x.mean()) * (y - y.mean())).mean() + 1e-6) / (x.var() + y.var() + 1e-6)
            alpha, beta = (given[layer][channel].item() for given in (weights.alpha, weights.beta))
            similarity += alpha * texture + beta * structure
    assert 1 - similarity > 0.01
    assert total.value() == pytest.approx(1 - similarity, abs=1e-6)


# ---- files


def test_alpha_and_beta_add_up_to_one_and_keep_their_proportions():
    weights = DistsWeights(WEIGHTS)
    published = torch.load(WEIGHTS, weights_only=True, map_location="cpu")
    assert [len(part) for part in weights.alpha] == [3, 64, 128, 256, 512, 512] == [len(part) for part in weights.beta]
    together = [torch.cat(weights.alpha), torch.cat(weights.beta)]
    assert sum(part.sum().item() for part in together) == pytest.approx(1, abs=1e-12)
    for part, key in zip(together, ("alpha", "beta"), strict=True):
        torch.testing.assert_close(part, published[key].flatten().double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_holds_no_weights_is_refused_in_one_line(tmp_path, kind):
    BROKEN[kind](tmp_path / "dists.pt")
    refused(lambda: DistsWeights(tmp_path / "dists.pt"), tmp_path / "dists.pt", "DISTS" if kind != "missing" else "")


@pytest.mark.parametrize("changed", [torch.zeros(4), torch.zeros(1, 1476, 1, 1), torch.tensor(1.0), {}, None])
@pytest.mark.parametrize("key", ["alpha", "beta"])
def test_weights_of_other_shapes_are_refused_in_one_line(tmp_path, key, changed):
    torch.save({"alpha": torch.ones(1475), "beta": torch.ones(1475)} | {key: changed}, tmp_path / "dists.pt")
    refused(lambda: DistsWeights(tmp_path / "dists.pt"), tmp_path / "dists.pt", "not the weights of DISTS", "download")


def test_what_a_weight_file_holds_is_not_executed(tmp_path):
    file = tmp_path / "dists.pt"
    refused_unexecuted(lambda: DistsWeights(file), file, tmp_path / "trace")


def test_nothing_is_printed_while_it_loads(vgg16, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Vgg16Metrics(vgg16[0], lpips=True, dists=WEIGHTS)
    assert capsys.readouterr() == ("", "")
