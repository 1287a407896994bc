from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansr.config.dataset import Dataset
from gansr.data.prepare import prepare_images
from gansr.data.subset import leave_out_gray
from gansr.errors import UserError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def images(tmp_path):
    (tmp_path / "source").mkdir()
    colour = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    gray = np.repeat(colour[..., :1], 3, axis=2)
    almost = gray.copy()
    almost[5, 5, 2] ^= 1
    for name, pixels in (("colour", colour), ("three_channels", gray), ("almost", almost)):
        Image.fromarray(pixels).save(tmp_path / "source" / f"{name}.png")
    Image.fromarray(colour[..., 0]).save(tmp_path / "source" / "one_channel.png")
    prepare_images(Dataset(role="benchmark", folder=tmp_path / "source"), "own", 4, tmp_path / "images")
    return tmp_path / "images"


def content(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.png")}


@pytest.mark.parametrize("expected", [2, None])
def test_gray_images_are_left_out_however_they_were_stored(images, tmp_path, expected):
    leave_out_gray(images, "coloured", expected, tmp_path / "out")
    kept = content(tmp_path / "out")
    assert sorted(kept) == ["HR/almost.png", "HR/colour.png", "LR/almost.png", "LR/colour.png"]
    assert kept.items() <= content(images).items()


def test_another_number_of_images_than_expected_is_refused(images, tmp_path):
    with pytest.raises(UserError, match=r"dataset coloured: 2 of the 4 images in .* not gray, expected 3"):
        leave_out_gray(images, "coloured", 3, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_benchmark_of_gray_images_alone_leaves_nothing_and_is_refused(images, tmp_path):
    for kind in ("HR", "LR"):
        for name in ("colour", "almost"):
            (images / kind / f"{name}.png").unlink()
    with pytest.raises(UserError, match="0 of the 2 images"):
        leave_out_gray(images, "coloured", None, tmp_path / "out")


def test_set14_has_twelve_images_that_are_not_gray(tmp_path):
    if not (SHARED / "Set14").is_dir():
        pytest.skip("needs ../shared/data/Set14 (real benchmark images and weights, not part of the repository)")
    set14 = Dataset(role="benchmark", folder=SHARED / "Set14" / "HR", images=14)
    prepare_images(set14, "set14", 4, tmp_path / "images", threads=2)
    leave_out_gray(tmp_path / "images", "set14_without_gray", 12, tmp_path / "out")
    left_out = content(tmp_path / "images").keys() - content(tmp_path / "out").keys()
    assert left_out == {"HR/bridge.png", "LR/bridge.png", "HR/man.png", "LR/man.png"}
