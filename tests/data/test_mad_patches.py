import json
import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from gansr.data.bicubic import imresize
from gansr.data.mad_patches import CONTEXT, _windows, choose_mad_patches, cut_with_context, read_mad_patches
from gansr.errors import UserError
from gansr.plan.jobs.mad_patches import MadPatchesJob

SIZE = 32


def job(scale, patches="auto"):
    return MadPatchesJob(code=1, scale=scale, size=SIZE, patches=patches)


@pytest.fixture
def images(tmp_path):
    (tmp_path / "HR").mkdir()
    return tmp_path


def save(images, name, luma):
    image = np.repeat(np.clip(luma, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    Image.fromarray(image).save(images / "HR" / f"{name}.png")


def reference_statistics(rgb, scale, top, left, size):
    """Aliasing and coherence of one window, pixel by pixel."""
    height, width = rgb.shape[:2]
    luma = [[0.299 * int(r) + 0.587 * int(g) + 0.114 * int(b) for r, g, b in row] for row in rgb]
    enlarged = imresize(imresize(np.array(luma), Fraction(1, scale)), scale)

    def slope(before, here, after):
        # central difference; one-sided at the border of the image
        if before is None:
            return after - here
        if after is None:
            return here - before
        return (after - before) / 2

    aliasing = []
    xx = yy = xy = 0.0
    for i in range(top, top + size):
        for j in range(left, left + size):
            aliasing.append(abs(luma[i][j] - enlarged[i, j]))
            dx = slope(luma[i][j - 1] if j else None, luma[i][j], luma[i][j + 1] if j + 1 < width else None)
            dy = slope(luma[i - 1][j] if i else None, luma[i][j], luma[i + 1][j] if i + 1 < height else None)
            xx, yy, xy = xx + dx * dx, yy + dy * dy, xy + dx * dy
    return statistics.median(aliasing), math.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy)


def test_statistics_of_a_window_equal_their_definition(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    windows = _windows("photo", tmp_path / "photo.png", scale=4, size=16)
    # half a window apart, none across the border
    assert [(window.top, window.left) for window in windows] == [(0, 0), (0, 8), (0, 16), (8, 0), (8, 8), (8, 16)]
    for window in windows:
        expected = reference_statistics(rgb, 4, window.top, window.left, 16)
        np.testing.assert_allclose((window.aliasing, window.coherence), expected, rtol=1e-10)


def test_coherence_is_one_for_stripes_of_any_direction_and_zero_without_gradient(tmp_path):
    rows, columns = np.mgrid[:32, :32]
    for name, wave in {"stripes": columns, "diagonal": rows + columns, "flat": 0 * rows}.items():
        luma = 128 + 100 * np.sin(wave)
        Image.fromarray(luma.astype(np.uint8)).save(tmp_path / f"{name}.png")
    names = ("stripes", "diagonal", "flat")
    found = {name: _windows(name, tmp_path / f"{name}.png", 4, 32)[0].coherence for name in names}
    assert found["stripes"] == pytest.approx(1)
    # pixels at the border of the image have a one-sided slope in one direction only
    assert found["diagonal"] > 0.9
    assert found["flat"] == 0


@pytest.mark.parametrize("scale", [2, 4])
def test_auto_finds_the_flat_the_textured_and_the_striped_area(images, scale):
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    save(images, "flat", np.full((64, 64), 128.0))
    save(images, "noise", random.integers(0, 256, (64, 64)))
    save(images, "stripes", 255.0 * (columns % 2)[:32, :32])
    for number in range(6):  # smooth scenery, so that the most aliased tenth is the stripes and some of the noise
        save(images, f"scene{number}", 128 + 60 * np.sin(rows / (20 + number)) + 40 * np.cos(columns / 17))
    output = images / "patches.json"
    choose_mad_patches(images, job(scale), output)
    patches = {patch["type"]: patch for patch in read_mad_patches(output)}
    assert {kind: patch["image"] for kind, patch in patches.items()} == {"A": "flat", "B": "noise", "C": "stripes"}
    for patch in patches.values():
        assert patch["size"] == SIZE
        assert patch["top"] % scale == patch["left"] % scale == 0
        assert max(patch["top"], patch["left"]) + SIZE <= 64


def test_auto_gives_the_same_patches_every_time(images):
    save(images, "noise", np.random.default_rng(1).integers(0, 256, (96, 96)))
    for file in ("one.json", "other.json"):
        choose_mad_patches(images, job(4), images / file)
    assert (images / "one.json").read_bytes() == (images / "other.json").read_bytes()


def test_auto_with_three_windows_takes_each_once(images):
    save(images, "noise", np.random.default_rng(2).integers(0, 256, (32, 64)))
    choose_mad_patches(images, job(4), images / "patches.json")
    patches = read_mad_patches(images / "patches.json")
    assert sorted(patch["left"] for patch in patches) == [0, 16, 32]
    assert [patch["type"] for patch in patches] == ["A", "B", "C"]


@pytest.mark.parametrize("width", [28, 44])
def test_too_few_windows_are_an_error_that_says_what_to_change(images, width):
    save(images, "noise", np.zeros((32, width)))
    with pytest.raises(UserError, match=r"fewer than three windows of 32 pixels; lower mad\.size"):
        choose_mad_patches(images, job(4), images / "patches.json")
    assert not (images / "patches.json").exists()


def test_given_patches_are_kept_as_they_are(images):
    given = [{"image": "baby", "top": 8, "left": 12, "size": 32, "type": "B"}]
    save(images, "baby", np.zeros((40, 44)))
    choose_mad_patches(images, job(4, given), images / "patches.json")
    assert json.loads((images / "patches.json").read_text()) == given
    assert read_mad_patches(images / "patches.json") == given


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"image": "bay"}, r'mad\.patches\.1: unknown image "bay"; did you mean "baby"'),
        ({"top": 12}, r"mad\.patches\.1: rows 12 to 44 and columns 12 to 44 are outside baby \(40 x 44\)"),
        ({"left": 16}, r"mad\.patches\.1: rows 8 to 40 and columns 16 to 48 are outside baby"),
    ],
)
def test_a_given_patch_that_is_in_no_image_is_refused(images, patch, words):
    inside = {"image": "baby", "top": 8, "left": 12, "size": 32, "type": "B"}
    save(images, "baby", np.zeros((40, 44)))
    with pytest.raises(UserError, match=words):
        choose_mad_patches(images, job(4, [inside, inside | patch]), images / "patches.json")
    assert not (images / "patches.json").exists()


@pytest.mark.parametrize(("top", "left"), [(0, 0), (8, 152), (100, 80), (168, 208)])
def test_a_patch_is_cut_with_what_context_the_image_has(top, left):
    lr = np.random.default_rng(3).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    patch = cut_with_context(lr, {"top": top, "left": left, "size": 32}, 4)
    above, before = min(top // 4, CONTEXT), min(left // 4, CONTEXT)
    below, after = min(50 - top // 4 - 8, CONTEXT), min(60 - left // 4 - 8, CONTEXT)
    assert patch.lr.shape == (above + 8 + below, before + 8 + after, 3)
    # the part told is the patch itself
    enlarged = patch.lr.repeat(4, 0).repeat(4, 1)[patch.rows, patch.columns]
    whole = lr.repeat(4, 0).repeat(4, 1)
    np.testing.assert_array_equal(enlarged, whole[top : top + 32, left : left + 32])
