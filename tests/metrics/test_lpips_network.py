import contextlib
import io
import warnings
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from PIL import Image

from gansr.data.bicubic import imresize
from gansr.errors import UserError
from gansr.metrics.lpips_network import Lpips

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ALEXNET = {
    "0": (64, 3, 11, 11),
    "3": (192, 64, 5, 5),
    "6": (384, 192, 3, 3),
    "8": (256, 384, 3, 3),
    "10": (256, 256, 3, 3),
}


VGG16 = {
    index: (out, into, 3, 3)
    for index, into, out in zip(
        ("0", "2", "5", "7", "10", "12", "14", "17", "19", "21", "24", "26", "28"),
        (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512),
        (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
        strict=True,
    )
}
LAYERS = {"alex": ALEXNET, "vgg": VGG16}


def rgb(file):
    return np.asarray(Image.open(file).convert("RGB"))


def random_backbone(file, backbone="alex", seed=0):
    """A file of the layout of torchvision's network, its classifier left out but for a token."""
    random = torch.Generator().manual_seed(seed)
    state = {"classifier.6.bias": torch.zeros(1000)}
    for index, shape in LAYERS[backbone].items():
        fan_in = shape[1] * shape[2] * shape[3]
        state[f"features.{index}.weight"] = torch.randn(shape, generator=random) * (2 / fan_in) ** 0.5
        state[f"features.{index}.bias"] = 0.1 * torch.randn(shape[0], generator=random)
    torch.save(state, file)
    return state


def pair(height=64, width=48, seed=0):
    random = np.random.default_rng(seed)
    hr = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.clip(hr + random.normal(0, 30, hr.shape), 0, 255).astype(np.uint8), hr


@pytest.fixture(scope="module")
def random_metric(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    state = random_backbone(file)
    return Lpips("alex", file), state


@pytest.fixture(scope="module")
def pretrained():
    file = SHARED / "weights" / "alexnet_features_torchvision.pth"
    if not file.is_file():
        pytest.skip("needs ../shared/data/weights (real benchmark images and weights, not part of the repository)")
    return Lpips("alex", file)


@pytest.mark.parametrize("backbone", ["alex", "vgg"])
def test_equals_the_lpips_package_with_the_same_weights(tmp_path, backbone):
    state = random_backbone(tmp_path / "weights.pth", backbone)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False).eval()
    filled = 0
    with torch.no_grad():
        for index in LAYERS[backbone]:
            for slice_number in range(1, 6):
                layers = dict(getattr(reference.net, f"slice{slice_number}").named_children())
                if index in layers:
                    layers[index].weight.copy_(state[f"features.{index}.weight"])
                    layers[index].bias.copy_(state[f"features.{index}.bias"])
                    filled += 1
        sr, hr = pair()
        expected = reference(lpips.im2tensor(sr), lpips.im2tensor(hr)).item()
    assert filled == len(LAYERS[backbone])
    assert expected > 0.01
    assert Lpips(backbone, tmp_path / "weights.pth")(sr, hr) == pytest.approx(expected, rel=1e-5)


def test_the_weights_of_one_network_are_refused_for_the_other(tmp_path):
    random_backbone(tmp_path / "alexnet.pth")
    with pytest.raises(UserError, match="not torchvision's VGG16"):
        Lpips("vgg", tmp_path / "alexnet.pth")


def test_equal_images_have_distance_zero(random_metric):
    _, hr = pair()
    assert random_metric[0](hr, hr.copy()) == 0


def test_every_pixel_counts_up_to_the_border(random_metric):
    _, hr = pair()
    changed = hr.copy()
    changed[0, 0] = 255 - changed[0, 0]
    assert random_metric[0](changed, hr) > 0


def test_read_only_images_are_taken_without_a_warning(random_metric):
    sr, hr = pair()
    sr.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        random_metric[0](sr, hr)


def test_nothing_is_printed_while_it_loads(tmp_path, capsys):
    random_backbone(tmp_path / "alexnet.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Lpips("alex", tmp_path / "alexnet.pth")
    assert capsys.readouterr() == ("", "")


def refuse(file):
    with pytest.raises(UserError, match="torchvision's AlexNet") as caught:
        Lpips("alex", file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_other_names_are_refused_in_one_line(tmp_path):
    torch.save({"conv_first.weight": torch.zeros(4)}, tmp_path / "other.pth")
    refuse(tmp_path / "other.pth")


def test_weights_of_other_shapes_are_refused_in_one_line(tmp_path):
    state = random_backbone(tmp_path / "alexnet.pth")
    torch.save(state | {"features.3.weight": torch.zeros(192, 64, 3, 3)}, tmp_path / "other.pth")
    refuse(tmp_path / "other.pth")


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    (tmp_path / "notes.pth").write_text("no weights\n")
    refuse(tmp_path / "notes.pth")


@pytest.mark.parametrize(("image", "expected"), [("ex_p0.png", 0.722), ("ex_p1.png", 0.138)])
def test_reproduces_the_example_of_the_lpips_authors(pretrained, image, expected):
    folder = SHARED / "lpips_example_images"
    assert pretrained(rgb(folder / image), rgb(folder / "ex_ref.png")) == pytest.approx(expected, abs=0.0006)


def test_bicubic_on_set5_is_that_of_the_literature(pretrained):
    folder = SHARED / "Set5"
    distances = []
    for file in sorted((folder / "HR").glob("*.png")):
        hr = rgb(file)
        sr = imresize(rgb(folder / "LR_bicubic_x4" / f"{file.stem}x4.png"), 4)
        distances.append(pretrained(sr, hr[: sr.shape[0], : sr.shape[1]]))
    assert len(distances) == 5
    assert np.mean(distances) == pytest.approx(0.340, abs=0.001)
