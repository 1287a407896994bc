"""What cannot be scored is told in one line, and leaves nothing behind."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from score_data import niqe_model, scores, write_images, written
from weight_data import random_trunk

from gansr.errors import UserError
from gansr.metrics.inception import BenchmarkFeatures

SIZES = {"b": (20, 24), "a": (21, 23)}


@pytest.fixture
def folders(tmp_path):
    return write_images(tmp_path, SIZES)


def refuse(folders, *words, metrics=("psnr_y", "ssim_y"), **options):
    with pytest.raises(UserError) as caught:
        written(folders, metrics, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"
    assert not (folders / "scores").exists()


def test_missing_sr_images_are_named(folders):
    (folders / "SR" / "a.png").unlink()
    refuse(folders, f"{folders / 'SR'}: no SR image for a;")
    (folders / "SR" / "b.png").unlink()
    refuse(folders, "no SR image for a, b;")


def test_surplus_sr_images_are_named(folders):
    (folders / "HR" / "b.png").unlink()
    refuse(folders, f"{folders / 'SR'}: images without HR: b;")


def test_two_files_of_one_name_are_named(folders):
    for kind in ("SR", "HR"):
        Image.open(folders / kind / "a.png").save(folders / kind / "a.bmp")
        refuse(folders, f"{folders / kind}: a.bmp and a.png", 'the image "a"', "remove one")
        (folders / kind / "a.bmp").unlink()


@pytest.mark.parametrize("kind", ["SR", "HR"])
def test_a_folder_that_is_not_there_is_named(folders, kind):
    shutil.rmtree(folders / kind)
    refuse(folders, f"{folders / kind}: cannot be read", "No such file", "correct its path")
    (folders / kind).write_text("a file")
    refuse(folders, f"{folders / kind}: cannot be read", "Not a directory")


def test_no_images_at_all_are_an_error(folders):
    for file in folders.rglob("*.png"):
        file.unlink()
    refuse(folders, f"{folders / 'HR'}: no images")
    refuse(folders, f"{folders / 'SR'}: no images", metrics=["niqe"], hr_folder=None)


def test_an_sr_image_of_another_size_is_named(folders):
    Image.new("RGB", (24, 21)).save(folders / "SR" / "b.png")
    refuse(folders, f"{folders / 'SR' / 'b.png'}: SR is 21 x 24, HR is 20 x 24; they must agree")


def test_hr_is_not_cropped_unless_it_is_asked_for(folders):
    Image.new("RGB", (20, 20)).save(folders / "SR" / "a.png")
    refuse(folders, "a.png: SR is 20 x 20, HR is 21 x 23")
    refuse(folders, "a.png: SR is 20 x 20, HR is 18 x 18", multiple=6)


@pytest.mark.parametrize("kind", ["SR", "HR"])
def test_a_broken_image_is_named(folders, kind):
    (folders / kind / "b.png").write_text("no image")
    refuse(folders, f"{folders / kind / 'b.png'}: not an image")


@pytest.mark.parametrize("kind", ["SR", "HR"])
@pytest.mark.parametrize("image", ["16 bits", "floating point", "not a number"])
def test_an_image_of_more_than_8_bits_is_named(folders, kind, image):
    pixels = np.linspace(0, 1, 20 * 24, dtype=np.float32).reshape(20, 24)
    if image == "not a number":
        pixels[3, 4] = np.nan
    (folders / kind / "b.png").unlink()
    if image == "16 bits":
        Image.fromarray((pixels * 65535).astype(np.uint16)).save(folders / kind / "b.png")
    else:
        Image.fromarray(pixels).save(folders / kind / "b.tif")
    refuse(folders, f"{folders / kind / 'b.'}", "more than 8 bits per channel", "convert it to 8-bit RGB")


def test_a_transparent_image_is_named(folders):
    Image.new("RGBA", (24, 20), (1, 2, 3, 4)).save(folders / "SR" / "b.png")
    refuse(folders, "b.png", "transparent pixels")


@pytest.mark.parametrize(
    ("metric", "crop", "image"),
    [("psnr_y", 10, "b.png: 20 x 24"), ("ssim_y", 5, "b.png: 20 x 24"), ("niqe", 11, "a.png: 21 x 23")],
)
def test_an_image_that_is_smaller_than_the_crop_is_named(folders, metric, crop, image):
    weights = {"niqe": niqe_model(folders / "niqe.mat")}
    refuse(folders, f"{image} is too small", f"crop {crop} px", metrics=[metric], crop=crop, weights=weights)


def test_a_name_without_the_suffix_is_told(folders):
    refuse(folders, f"{folders / 'SR'}: a does not end in _x4", "correct the suffix", suffix="_x4")


def test_colour_is_refused_where_sr_is_to_hold_luma_alone(folders):
    given = {"psnr_y": "y_images", "ssim_y": "y_images"}
    refuse(folders, "a.png: has colour", "y_images", "luma alone", given=given)


@pytest.mark.parametrize("metric", ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "dists", "fid", "kid"])
def test_a_metric_that_compares_needs_hr(folders, metric):
    refuse(folders, f"{metric}: cannot be computed without HR", "give the folder", metrics=[metric], hr_folder=None)


def test_all_metrics_that_need_hr_are_named(folders):
    refuse(folders, "psnr_y, fid: cannot", metrics=["psnr_y", "niqe", "fid"], hr_folder=None)


def empty(file):
    file.touch()


def other_shapes(file):
    state = random_trunk(file)
    torch.save(state | {"features.3.weight": torch.zeros(192, 64, 3, 3)}, file)


def other_network(file):
    torch.save({"conv_first.weight": torch.zeros(4)}, file)


@pytest.mark.parametrize("make", [empty, other_shapes, other_network])
@pytest.mark.parametrize(
    ("metric", "name"),
    [("lpips_alex", "alexnet"), ("lpips_vgg", "vgg16"), ("fid", "inception"), ("niqe", "niqe"), ("ma", "nrqm")],
)
def test_weights_of_something_else_are_named(folders, make, metric, name):
    file = folders / "weights.pth"
    make(file)
    refuse(folders, f"{file}: ", "again", metrics=[metric], weights={name: file})


@pytest.mark.parametrize("content", ["absent", "text", "of other images"])
def test_features_of_hr_that_do_not_fit_are_named(folders, monkeypatch, content):
    class FakeInception:
        def __init__(self, weights):
            pass

        def of_whole(self, image):
            return image.astype(np.float32).mean(axis=(0, 1))

    monkeypatch.setattr("gansr.metrics.inception_scores.Inception", FakeInception)
    file = folders / "hr.npz"
    if content == "text":
        file.write_text("no features")
    elif content == "of other images":
        BenchmarkFeatures({"b": np.zeros(3, np.float32)}, {}).save(file)
    word = "holds no features of a" if content == "of other images" else "not the features of HR images"
    refuse(folders, f"{file}: {word}", "run again", metrics=["fid"], weights={"inception": file}, hr_features=file)


def test_scores_of_before_stay_where_new_ones_cannot_be_made(folders):
    before = written(folders, ["psnr_y"])
    (folders / "SR" / "a.png").unlink()
    with pytest.raises(UserError):
        written(folders, ["psnr_y"])
    assert (folders / "scores" / "own.csv").read_text().count("\n") == len(before[0]) + 1


def test_nothing_is_read_of_hr_where_it_is_not_given(folders):
    weights = {"niqe": niqe_model(folders / "niqe.mat")}
    (folders / "HR" / "a.png").write_text("broken")
    result = scores(folders, ["niqe"], weights=weights, hr_folder=None)
    assert result.names == ["a", "b"]
