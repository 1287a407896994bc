import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansr.config.dataset import Dataset
from gansr.data import prepare as prepare_module
from gansr.data.bicubic import imresize
from gansr.data.prepare import Preparation, prepare_images
from gansr.errors import UserError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RANDOM = np.random.default_rng(0)
FORK = multiprocessing.get_context("fork")  # so that other processes see what a test has patched


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


# --- LR of the dataset's own, and no HR at all


def own_lr(source, tmp_path, size, name="photo.png"):
    (tmp_path / "lr").mkdir()
    lr = save(tmp_path / "lr" / name, *size)
    return lr, Dataset(role="benchmark", folder=source, lr_folder=tmp_path / "lr")


@pytest.mark.parametrize("name", ["photo.png", "photox4.png"])
def test_lr_of_the_dataset_is_taken_as_it_is(source, tmp_path, name):
    hr = save(source / "photo.png", 24, 32)
    lr, dataset = own_lr(source, tmp_path, (6, 8), name)
    prepare_images(dataset, "own", 4, tmp_path / "out")
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "HR" / "photo.png"), hr)
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "LR" / "photo.png"), lr)


@pytest.mark.parametrize(("hr", "lr"), [((25, 32), (6, 8)), ((24, 32), (6, 7)), ((24, 32), (12, 16))])
def test_hr_that_is_no_multiple_of_its_lr_is_refused_with_both_sizes(source, tmp_path, hr, lr):
    save(source / "photo.png", *hr)
    _, dataset = own_lr(source, tmp_path, lr)
    words = rf"photo\.png: {hr[0]} x {hr[1]} is not 4 times its LR image photo\.png \({lr[0]} x {lr[1]}\)"
    with pytest.raises(UserError, match=words):
        prepare_images(dataset, "own", 4, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_benchmark_without_hr_has_its_images_as_lr(source, tmp_path):
    photo = save(source / "photo.jpg", 17, 5)
    prepare_images(Dataset(role="benchmark", folder=source, has_hr=False), "own", 4, tmp_path / "out")
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "LR" / "photo.png"), photo)
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["LR"]


# --- several processes


def test_several_processes_write_what_one_writes(source, tmp_path):
    for number in range(5):
        save(source / f"{number}.png", 24 + number, 30)
    for threads in (1, 3):
        prepare_images(Dataset(role="benchmark", folder=source), "own", 4, tmp_path / str(threads), threads)
    one, three = (
        {str(file.relative_to(tmp_path / folder)): file.read_bytes() for file in (tmp_path / folder).rglob("*.png")}
        for folder in ("1", "3")
    )
    assert len(one) == 10 and one == three


def test_an_error_in_one_of_several_processes_is_told_and_leaves_nothing(source, tmp_path):
    for number in range(5):
        save(source / f"{number}.png", 24, 24)
    (source / "3.png").write_bytes((source / "3.png").read_bytes()[:200])
    with pytest.raises(UserError, match=r"3\.png: broken or truncated"):
        prepare_images(Dataset(role="benchmark", folder=source), "own", 4, tmp_path / "out", 3)
    assert {file.name for file in tmp_path.iterdir()} == {"source"}


def test_after_an_error_in_one_process_the_images_that_wait_are_not_begun(source, tmp_path, monkeypatch):
    def write(step):
        if step.file.stem == "00":
            raise UserError("broken")
        time.sleep(0.3)
        (tmp_path / f"{step.file.stem} done").touch()

    monkeypatch.setattr(Preparation, "write", write)
    monkeypatch.setattr(prepare_module, "ProcessPoolExecutor", partial(ProcessPoolExecutor, mp_context=FORK))
    for number in range(40):
        (source / f"{number:02}.png").touch()
    with pytest.raises(UserError, match="broken"):
        prepare_images(Dataset(role="benchmark", folder=source), "own", 4, tmp_path / "out", 2)
    assert len(list(tmp_path.glob("* done"))) < 20
