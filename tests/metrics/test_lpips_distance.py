import contextlib
import importlib.util
import io
import warnings
from dataclasses import replace

import lpips
import numpy as np
import pytest
import torch
from weight_data import (
    BROKEN,
    LAYERS,
    SHARED,
    images,
    in_strips,
    pair,
    random_trunk,
    refused,
    refused_unexecuted,
    rgb,
)

from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.metrics.lpips_distance import LpipsHead, LpipsSum, packaged_head
from gansr.metrics.pair import MetricError, Pair
from gansr.metrics.perceptual import AlexNetMetrics, Vgg16Metrics
from gansr.metrics.trunks import ALEXNET, VGG16, Convolution, Strip
from gansr.networks.build import device

SIZES = [(64, 48), (61, 77), (31, 45)]
SMALLEST = {"alex": 31, "vgg": 16}


def metric(backbone, file):
    if backbone == "alex":
        metrics = AlexNetMetrics(file)
        return lambda pair: metrics(pair)["lpips_alex"]
    metrics = Vgg16Metrics(file, lpips=True, dists=None)
    return lambda pair: metrics(pair)["lpips_vgg"]


def package(backbone, state):
    """The lpips package with the same weights, for images in [0, 255]."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False).eval()
    filled = 0
    with torch.no_grad():
        for index in LAYERS[backbone]:
            for slice_number in range(1, 6):
                layers = dict(getattr(network.net, f"slice{slice_number}").named_children())
                if index in layers:
                    layers[index].weight.copy_(state[f"features.{index}.weight"])
                    layers[index].bias.copy_(state[f"features.{index}.bias"])
                    filled += 1
    assert filled == len(LAYERS[backbone])
    network.to(device())

    def distance(sr, hr):
        with torch.no_grad():
            return network(*(lpips.im2tensor(image).to(device()) for image in (sr, hr))).item()

    return distance


@pytest.fixture(scope="module", params=["alex", "vgg"])
def random_metric(request, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "trunk.pth"
    state = random_trunk(file, request.param)
    return metric(request.param, file), request.param, state


@pytest.fixture(scope="module")
def pretrained():
    file = SHARED / "weights" / "alexnet_features_torchvision.pth"
    if not file.is_file():
        pytest.skip("needs ../shared/data (real benchmark images and weights, not part of the repository)")
    distance = metric("alex", file)
    return lambda sr, hr: distance(Pair(sr, hr))


def test_equals_the_lpips_package_with_the_same_weights(random_metric):
    distance, backbone, state = random_metric
    reference = package(backbone, state)
    for seed, (height, width) in enumerate(SIZES):
        expected = reference(*images(height, width, seed))
        assert expected > 0.01
        assert distance(pair(height, width, seed)) == pytest.approx(expected, rel=1e-5)


def test_equal_images_have_distance_zero(random_metric):
    _, hr = images()
    assert random_metric[0](Pair(hr, hr.copy())) == 0


def test_every_pixel_counts_up_to_the_border(random_metric):
    _, hr = images()
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        changed = hr.copy()
        changed[row, column] = 255 - changed[row, column]
        assert random_metric[0](Pair(changed, hr)) > 0


def test_scores_do_not_depend_on_which_image_is_which(random_metric):
    sr, hr = images(40, 51)
    assert random_metric[0](Pair(sr, hr)) == random_metric[0](Pair(hr, sr)) > 0


# heights that 16 does not divide, last strips of one row and of few, strips with rows around them on both sides
@pytest.mark.parametrize(("height", "wider", "rows"), [(129, 2, 16), (137, 9, 16), (160, 0, 16), (305, 4, 48)])
def test_an_image_cut_into_strips_has_the_distance_of_the_whole(random_metric, monkeypatch, height, wider, rows):
    distance, backbone, _ = random_metric
    width = SMALLEST[backbone] + wider
    whole = distance(pair(height, width))
    assert in_strips(monkeypatch, height, width, rows) == -(-height // rows) > 6
    assert distance(pair(height, width)) == pytest.approx(whole, rel=1e-5)


def test_read_only_images_are_taken_without_a_warning(random_metric):
    sr, hr = images()
    for image in (sr, hr):
        image.flags.writeable = False
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            random_metric[0](Pair(sr, hr))
    finally:
        torch.set_warn_always(always)


def test_an_image_that_is_too_small_says_so(random_metric):
    distance, backbone, _ = random_metric
    smallest, name = SMALLEST[backbone], {"alex": "AlexNet", "vgg": "VGG16"}[backbone]
    assert distance(pair(smallest, smallest)) > 0
    for height, width in ((smallest - 1, 40), (40, smallest - 1)):
        with pytest.raises(MetricError) as caught:
            distance(pair(height, width))
        assert str(caught.value) == f"{height} x {width} is too small for {name}"


ARCHITECTURES = {"alex": ALEXNET, "vgg": VGG16}


def unit(features):
    lengths = np.sqrt((features**2).sum(axis=0))
    return features / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize("strips", [[(0, 129)], [(0, 64), (64, 80), (80, 129)]])
def test_a_stage_counts_by_the_mean_over_its_pixels(tmp_path, strips):
    random = torch.Generator().manual_seed(0)
    weights = [torch.rand(3, generator=random) for _ in range(5)]
    head = {f"lin{stage}.model.1.weight": weights[stage].view(1, 3, 1, 1) for stage in range(5)}
    torch.save(head, tmp_path / "head.pth")
    small = replace(ALEXNET, stages=((Convolution(0, 3, 3),),) * 5)
    total, expected = LpipsSum(LpipsHead(tmp_path / "head.pth", small), (1, 1, 1, 1, 1)), 0
    for stage in range(5):
        sr, hr = (torch.rand(1, 3, 129, 4, generator=random) for _ in range(2))
        sr[:, :, 30:40, 1], hr[:, :, 35:90, 1] = 0, 0  # pixels that no channel sees anything in
        for first, end in strips:
            # of the outputs of a strip that begins and ends with rows of others
            before, after = max(first - 16, 0), min(end + 16, 129)
            strip = Strip(before, after, first, end, end == 129)
            total.add(stage, *(features[:, :, before:after].to(device()) for features in (sr, hr)), strip)
        one, other = (features[0].double().numpy() for features in (sr, hr))
        apart = unit(one) - unit(other)
        expected += np.mean(np.tensordot(weights[stage].double().numpy(), apart**2, axes=1))
    assert total.value() == pytest.approx(expected, rel=1e-6)


# ---- files


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_nothing_is_printed_while_it_loads(tmp_path, capsys, backbone):
    random_trunk(tmp_path / "trunk.pth", backbone)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric(backbone, tmp_path / "trunk.pth")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_the_head_is_that_of_the_package(backbone):
    head = LpipsHead(packaged_head(backbone), ARCHITECTURES[backbone])
    published = torch.load(packaged_head(backbone), map_location="cpu", weights_only=True)
    for stage, weights in enumerate(head.weights):
        assert torch.equal(weights.cpu(), published[f"lin{stage}.model.1.weight"][0, :, 0, 0])
    widths = {"alex": [64, 192, 384, 256, 256], "vgg": [64, 128, 256, 512, 512]}
    assert [len(weights) for weights in head.weights] == widths[backbone]


def test_without_the_package_its_head_is_missed_in_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="the package lpips is not installed; run make setup"):
        packaged_head("alex")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_holds_no_head_is_refused_in_one_line(tmp_path, kind):
    BROKEN[kind](tmp_path / "head.pth")
    refused(lambda: LpipsHead(tmp_path / "head.pth", VGG16), tmp_path / "head.pth", "install lpips")


@pytest.mark.parametrize("other", ["squeeze", "vgg"])
def test_the_head_of_another_network_is_refused_in_one_line(other):
    file = packaged_head(other)
    refused(lambda: LpipsHead(file, ALEXNET), file, "not LPIPS' head for AlexNet")


def test_what_the_file_of_a_head_holds_is_not_executed(tmp_path):
    file = tmp_path / "head.pth"
    refused_unexecuted(lambda: LpipsHead(file, VGG16), file, tmp_path / "trace")


# ---- the real network


@pytest.mark.parametrize(("image", "expected"), [("ex_p0.png", 0.722), ("ex_p1.png", 0.138)])
def test_reproduces_the_example_of_the_lpips_authors(pretrained, image, expected):
    folder = SHARED / "lpips_example_images"
    sr, hr = rgb(folder / image), rgb(folder / "ex_ref.png")
    assert pretrained(sr, hr) == pytest.approx(expected, abs=0.0006)
    state = torch.load(SHARED / "weights" / "alexnet_features_torchvision.pth", weights_only=True)
    assert pretrained(sr, hr) == pytest.approx(package("alex", state)(sr, hr), abs=1e-5)


def test_bicubic_on_set5_is_that_of_the_literature(pretrained):
    folder = SHARED / "Set5"
    distances = []
    for file in sorted((folder / "HR").glob("*.png")):
        hr = rgb(file)
        sr = imresize(rgb(folder / "LR_bicubic_x4" / f"{file.stem}x4.png"), 4)
        distances.append(pretrained(sr, hr[: sr.shape[0], : sr.shape[1]]))
    assert len(distances) == 5
    assert np.mean(distances) == pytest.approx(0.340, abs=0.001)
