from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansr.config.dataset import Dataset
from gansr.data.bicubic import imresize
from gansr.data.prepare import prepare_images
from gansr.errors import UserError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RANDOM = np.random.default_rng(0)


def save(file, height, width, mode="RGB"):
    image = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(image).convert(mode).save(file)
    return np.asarray(Image.open(file).convert("RGB"))


def pixels(file):
    image = Image.open(file)
    assert (image.format, image.mode) == ("PNG", "RGB")
    return np.asarray(image)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def prepare(source, scale, output, role="benchmark"):
    prepare_images(Dataset(role=role, folder=source), "own", scale, output)


@pytest.mark.parametrize("scale", [2, 4])
def test_hr_is_cropped_to_a_multiple_and_lr_is_its_bicubic_reduction(source, tmp_path, scale):
    original = save(source / "photo.png", 41, 31)
    prepare(source, scale, tmp_path / "out")
    hr, lr = (pixels(tmp_path / "out" / kind / "photo.png") for kind in ("HR", "LR"))
    height, width = 41 // scale * scale, 31 // scale * scale
    np.testing.assert_array_equal(hr, original[:height, :width])
    assert lr.shape == (height // scale, width // scale, 3)
    np.testing.assert_array_equal(lr, imresize(original[:height, :width], Fraction(1, scale)))


def test_set5_gives_the_released_lr(tmp_path):
    if not (SHARED / "Set5").is_dir():
        pytest.skip("needs ../shared/data/Set5 (real benchmark images and weights, not part of the repository)")
    prepare(SHARED / "Set5" / "HR", 4, tmp_path / "out")
    names = {file.name for file in (tmp_path / "out" / "LR").iterdir()}
    assert names == {"baby.png", "bird.png", "butterfly.png", "head.png", "woman.png"}
    for name in names:
        released = np.asarray(Image.open(SHARED / "Set5" / "LR_bicubic_x4" / name.replace(".", "x4.")).convert("RGB"))
        np.testing.assert_array_equal(pixels(tmp_path / "out" / "LR" / name), released, err_msg=name)


def test_gray_and_jpeg_images_become_rgb_png(source, tmp_path):
    gray = save(source / "gray.png", 24, 24, "L")
    photo = save(source / "photo.jpg", 24, 24)
    prepare(source, 4, tmp_path / "out")
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "HR" / "gray.png"), gray)
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "HR" / "photo.png"), photo)


def test_a_second_run_leaves_nothing_of_the_first(source, tmp_path):
    save(source / "old.png", 24, 24)
    prepare(source, 4, tmp_path / "out")
    (source / "old.png").unlink()
    save(source / "new.png", 24, 24)
    prepare(source, 4, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").rglob("*.png")] == ["new.png", "new.png"]


@pytest.mark.parametrize(
    ("height", "width", "fits"), [(20, 20, True), (19, 40, False), (40, 19, False), (23, 23, True)]
)
def test_a_benchmark_image_must_leave_a_window_of_ssim_after_the_crop(source, tmp_path, height, width, fits):
    save(source / "photo.png", height, width)
    if fits:
        prepare(source, 4, tmp_path / "out")
    else:
        with pytest.raises(UserError, match=r"photo\.png.*too small"):
            prepare(source, 4, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_training_image_must_have_one_lr_pixel(source, tmp_path):
    save(source / "a.png", 4, 5)
    prepare(source, 4, tmp_path / "out", role="train")
    assert pixels(tmp_path / "out" / "LR" / "a.png").shape == (1, 1, 3)
    save(source / "b.png", 3, 50)
    with pytest.raises(UserError, match=r"b\.png.*too small"):
        prepare(source, 4, tmp_path / "out", role="train")


def test_a_file_that_is_no_image_stops_it_and_leaves_the_earlier_folder(source, tmp_path):
    save(source / "a.png", 24, 24)
    prepare(source, 4, tmp_path / "out")
    (source / "notes.txt").write_text("no image")
    with pytest.raises(UserError, match=r"notes\.txt"):
        prepare(source, 4, tmp_path / "out")
    assert {file.name for file in tmp_path.iterdir()} == {"source", "out"}
    assert (tmp_path / "out" / "LR" / "a.png").is_file()


def test_hidden_files_are_no_images(source, tmp_path):
    save(source / "a.png", 24, 24)
    (source / ".DS_Store").write_text("no image")
    prepare(source, 4, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out" / "HR").iterdir()] == ["a.png"]


def test_two_images_of_one_name_are_refused(source, tmp_path):
    save(source / "a.png", 24, 24)
    save(source / "a.jpg", 24, 24)
    with pytest.raises(UserError, match=r"a\.jpg and a\.png"):
        prepare(source, 4, tmp_path / "out")
