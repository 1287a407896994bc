import copy
import warnings

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from weight_data import BROKEN, random_trunk, refused, refused_unexecuted

from gansr.metrics.pair import MetricError
from gansr.metrics.perceptual import AlexNetMetrics
from gansr.metrics.trunks import ALEXNET, GRID, HALO, VGG16, Trunk, exact_convolutions, normalized, strips
from gansr.networks.build import device

ARCHITECTURES = {"alex": ALEXNET, "vgg": VGG16}
DEFINITIONS = {"alex": torchvision.models.alexnet, "vgg": torchvision.models.vgg16}
RELUS = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}  # whose outputs LPIPS looks at
STRIDES = (1, 2, 4, 8, 16)


@pytest.fixture(scope="module", params=["alex", "vgg"])
def trunk(request, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / f"{request.param}.pth"
    state = random_trunk(file, request.param)
    return request.param, Trunk(ARCHITECTURES[request.param], file), state


def stages(network, x):
    outputs = []
    for number in range(5):
        x = network.stage(number, network.pool(number, x))
        outputs.append(x)
    return outputs


def noise(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)).to(device())


@pytest.mark.parametrize(("height", "width"), [(64, 48), (51, 77)])
def test_stages_are_those_of_torchvision(trunk, height, width):
    name, network, state = trunk
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = DEFINITIONS[name](weights=None).features
    own = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
    features.load_state_dict(own, assign=True)
    x = noise(height, width)
    expected, outputs = x, iter(stages(network, x))
    with torch.no_grad():
        for index, layer in enumerate(features.to(device())[: RELUS[name][-1] + 1]):
            expected = layer(expected)
            if index in RELUS[name]:
                torch.testing.assert_close(next(outputs), expected.contiguous(), rtol=1e-5, atol=1e-5)
    assert next(outputs, None) is None


def test_images_are_normalised_with_imagenets_statistics():
    image = noise(5, 7)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for channel, values in enumerate(normalized(image)[0]):
        expected = (image[0, channel].double() - mean[channel]) / std[channel]
        torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-6)


def test_the_smallest_image_reaches_the_deepest_stage_and_a_smaller_one_is_refused(trunk):
    _, network, _ = trunk
    smallest = network.architecture.smallest
    network.require_size(noise(smallest, smallest))
    assert min(stages(network, noise(smallest, smallest))[-1].shape[2:]) == 1
    for height, width in ((smallest - 1, 40), (40, smallest - 1)):
        with pytest.raises(MetricError, match=f"^{height} x {width} is too small for {network.architecture.name}$"):
            network.require_size(noise(height, width))


# ---- files


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ["alex", "vgg"])
def test_a_file_that_holds_no_weights_is_refused_in_one_line(tmp_path, name, kind):
    BROKEN[kind](tmp_path / "own.pth")
    architecture = ARCHITECTURES[name]
    refused(lambda: Trunk(architecture, tmp_path / "own.pth"), tmp_path / "own.pth", architecture.name, "download")


@pytest.mark.parametrize(("name", "other"), [("alex", "vgg"), ("vgg", "alex")])
def test_the_weights_of_one_network_are_refused_for_the_other(tmp_path, name, other):
    random_trunk(tmp_path / "own.pth", other)
    load = lambda: Trunk(ARCHITECTURES[name], tmp_path / "own.pth")  # noqa: E731
    refused(load, tmp_path / "own.pth", f"not torchvision's {ARCHITECTURES[name].name}")


@pytest.mark.parametrize("changed", [torch.zeros(192, 64, 3, 3), torch.zeros(3), {}, "text", None])
def test_weights_of_other_shapes_are_refused_in_one_line(tmp_path, changed):
    torch.save(random_trunk(tmp_path / "own.pth") | {"features.3.weight": changed}, tmp_path / "own.pth")
    refused(lambda: Trunk(ALEXNET, tmp_path / "own.pth"), tmp_path / "own.pth", "not torchvision's AlexNet")


def test_what_a_weight_file_holds_is_not_executed(tmp_path):
    file = tmp_path / "own.pth"
    refused_unexecuted(lambda: Trunk(ALEXNET, file), file, tmp_path / "trace")


@pytest.mark.parametrize("name", ["alex", "vgg"])
def test_nothing_is_printed_while_it_loads(tmp_path, capsys, name):
    random_trunk(tmp_path / "own.pth", name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trunk(ARCHITECTURES[name], tmp_path / "own.pth")
    assert capsys.readouterr() == ("", "")


def test_convolutions_are_not_cut_to_tf32_where_a_metric_is_computed(tmp_path, monkeypatch):
    random_trunk(tmp_path / "own.pth")
    for prepare in (exact_convolutions, lambda: AlexNetMetrics(tmp_path / "own.pth")):
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
        prepare()
        assert not torch.backends.cudnn.allow_tf32


# ---- strips


def rows_of(name, stride, height):
    """How many rows a stage with this stride has: of AlexNet, of VGG16, and of VGG16 with the L2 pooling of DISTS."""
    if name == "vgg":
        return height // stride
    if name == "dists":
        return -(-height // stride)
    rows = (height + 4 - 11) // 4 + 1
    for _ in range({4: 0, 8: 1, 16: 2}[stride]):
        rows = (rows - 3) // 2 + 1
    return rows


@given(
    st.sampled_from([("alex", stride) for stride in (4, 8, 16)] + [(n, s) for n in ("vgg", "dists") for s in STRIDES]),
    st.one_of(st.integers(31, 700), st.integers(2, 40).map(lambda n: 16 * n + 1), st.just(32)),
    st.integers(31, 80),
    st.integers(1, 30_000),
)
def test_every_output_row_is_of_exactly_one_strip(layer, height, width, most):
    name, stride = layer
    kept = []
    for strip in strips(height, width, most):
        rows = rows_of(name, stride, strip.cut(torch.empty(height, 1)).shape[0])
        assert strip.first % stride == 0
        output = strip.first // stride + torch.arange(rows)  # which rows of the whole image's output these are
        kept += strip.own(output.view(1, 1, -1, 1).expand(1, 2, -1, 3), stride)[0, 1, :, 2].tolist()
    assert kept == list(range(rows_of(name, stride, height)))


@given(st.integers(16, 900), st.integers(16, 300), st.integers(1, 200_000))
def test_strips_cover_an_image_and_hold_no_more_pixels_than_allowed(height, width, most):
    found = list(strips(height, width, most))
    assert [strip.own_first for strip in found[1:]] == [strip.own_end for strip in found[:-1]]
    assert (found[0].own_first, found[-1].own_end) == (0, height)
    assert [strip.is_last for strip in found] == [False] * (len(found) - 1) + [True]
    assert (len(found) == 1) == (height * width <= most or found[0].own_end == height)
    for strip in found:
        assert strip.cut(torch.empty(1, 1, height, width)).shape == (1, 1, strip.end - strip.first, width)
        assert strip.first in (0, strip.own_first - HALO)
        assert strip.end in (height, strip.own_end + HALO)
        assert (strip.end - strip.first) * width <= most or strip.own_end - strip.own_first <= GRID


def test_an_image_of_usual_size_is_taken_as_a_whole():
    assert len(list(strips(1356, 2040))) == 1
    assert len(list(strips(2160, 3840))) > 1


def seen_by(first, last, layers):
    """The rows of the image that rows `first` to `last` of a stage see; layers are (size, stride, padding)."""
    for size, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + size - 1
    return first, last


def layers_of(name):
    """Size, stride and padding of every layer; of DISTS with its L2 pooling."""
    alexnet = [(11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), *[(3, 1, 1)] * 3]
    pool = (2, 2, 0) if name == "vgg" else (3, 2, 1)
    vgg16 = [layer for count in (2, 2, 3, 3, 3) for layer in [pool, *[(3, 1, 1)] * count]][1:]
    return alexnet if name == "alex" else vgg16


@pytest.mark.parametrize("name", ["alex", "vgg", "dists"])
def test_the_rows_around_a_strip_are_all_that_its_own_outputs_see(name):
    layers = layers_of(name)
    assert seen_by(1, 1, [(3, 1, 1)]) == (0, 2)
    first, last = seen_by(32, 47, layers)  # of a strip of 16 rows of the deepest stage
    assert first >= 32 * GRID - HALO and last < 48 * GRID + HALO
    assert HALO % GRID == 0


@pytest.mark.parametrize(("height", "rows"), [(273, 16), (150, 16), (330, 48)])
def test_what_strips_keep_is_the_output_of_the_whole_image(trunk, height, rows):
    _, network, _ = trunk
    network = copy.deepcopy(network)
    network.layers = [[layer.double() for layer in stage] for stage in network.layers]
    width = network.architecture.smallest + 2
    image = normalized(noise(height, width).double())
    found = list(strips(height, width, (rows + 2 * HALO) * width if rows > GRID else 1))
    assert len(found) == -(-height // rows)
    kept = [[] for _ in range(5)]
    for strip in found:
        for stage, output in enumerate(stages(network, strip.cut(image))):
            kept[stage].append(strip.own(output, network.architecture.strides[stage]))
    for outputs, expected in zip(kept, stages(network, image), strict=True):
        torch.testing.assert_close(torch.cat(outputs, dim=2), expected, rtol=1e-10, atol=1e-10)
