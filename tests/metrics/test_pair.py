import gc
import warnings
import weakref
from fractions import Fraction

import numpy as np
import pytest
import torch

from gansr.errors import UserError
from gansr.metrics import pair as pair_module
from gansr.metrics.pair import Pair, cropped, luma, to_tensor


def random_pair(height=9, width=7, seed=0):
    sr, hr = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return Pair(sr, hr)


def exact_luma(colour):
    r, g, b = (int(value) for value in colour)
    return 16 + Fraction(65481 * r + 128553 * g + 24966 * b, 255_000)


def rounded_half_up(value):
    return (value + Fraction(1, 2)).__floor__()


def all_colours():
    return np.stack(np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 3, indexing="ij"), axis=-1).reshape(256, -1, 3)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_luma_is_that_of_bt_601_and_not_rounded():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]]], np.uint8)
    expected = [16, 235, 81.481, 144.553, 40.966, float(exact_luma([1, 2, 3]))]
    np.testing.assert_allclose(luma(colours)[0], expected, rtol=1e-14)


def test_rounded_luma_is_that_of_exact_fractions():
    colours = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    expected = [[rounded_half_up(exact_luma(colour)) for colour in row] for row in colours]
    result = luma(colours, rounded=True)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


def test_every_half_is_rounded_up():
    # 194 colours have a luma that ends in exactly one half; in floating point some of them lie below it
    sums = all_colours().astype(np.int64) @ [65481, 128553, 24966]
    halves = all_colours()[sums % 255_000 == 127_500][None]
    assert halves.shape == (1, 194, 3)
    exact = [exact_luma(colour) for colour in halves[0]]
    assert {value % 1 for value in exact} == {Fraction(1, 2)}
    np.testing.assert_array_equal(luma(halves, rounded=True)[0], [value + Fraction(1, 2) for value in exact])


def test_rounded_luma_of_every_colour_is_the_nearest_whole_number():
    for colours in np.split(all_colours(), 8):
        difference = luma(colours, rounded=True) - luma(colours)
        assert difference.min() > -0.5
        assert difference.max() < 0.5 + 1e-12


def test_images_of_different_sizes_are_refused_with_both_sizes():
    image = np.zeros((24, 28, 3), np.uint8)
    with pytest.raises(UserError, match="SR is 24 x 27, HR is 24 x 28") as caught:
        Pair(image[:, :27], image)
    assert "\n" not in str(caught.value)


def test_a_pair_gives_each_image_its_own_luma():
    pair = random_pair()
    for colour, rounded in (("y_unrounded", False), ("y_rounded", True)):
        np.testing.assert_array_equal(pair.sr_luma(colour), luma(pair.sr, rounded))
        np.testing.assert_array_equal(pair.hr_luma(colour), luma(pair.hr, rounded))


def test_an_sr_image_of_luma_alone_is_taken_as_it_is_against_hrs_rounded_luma():
    pair = random_pair()
    gray = Pair(np.repeat(pair.sr[..., :1], 3, axis=2), pair.hr)
    np.testing.assert_array_equal(gray.sr_luma("y_images"), pair.sr[..., 0])
    assert gray.sr_luma("y_images").dtype == np.float64
    np.testing.assert_array_equal(gray.hr_luma("y_images"), luma(pair.hr, rounded=True))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_colour_in_one_pixel_is_refused_where_luma_alone_is_expected(channel):
    sr = np.full((5, 6, 3), 100, np.uint8)
    sr[4, 5, channel] = 101
    with pytest.raises(UserError, match="has colour") as caught:
        Pair(sr, sr).sr_luma("y_images")
    assert "\n" not in str(caught.value)


def test_sr_needs_no_hr():
    pair = Pair(random_pair().sr, None)
    np.testing.assert_array_equal(pair.sr_luma("y_rounded"), luma(pair.sr, rounded=True))


def test_what_several_metrics_look_at_is_made_once(monkeypatch):
    calls = []
    monkeypatch.setattr(pair_module, "luma", lambda image, rounded=False: calls.append(rounded) or luma(image, rounded))
    pair = random_pair()
    for _ in range(3):
        pair.sr_luma("y_rounded"), pair.hr_luma("y_rounded"), pair.sr_luma("y_unrounded")
    assert sorted(calls) == [False, True, True]
    assert pair.tensors is pair.tensors


def test_a_pair_is_freed_with_its_last_reference():
    # large images do not wait for the garbage collector
    pair = random_pair()
    pair.sr_luma("y_rounded"), pair.hr_luma("y_rounded"), pair.tensors
    reference = weakref.ref(pair)
    gc.disable()
    try:
        del pair
        assert reference() is None
    finally:
        gc.enable()


def test_tensors_hold_each_pixel_from_0_to_1():
    pair = random_pair()
    for image, tensor in zip((pair.sr, pair.hr), pair.tensors, strict=True):
        assert (tensor.shape, tensor.dtype) == ((1, 3, *image.shape[:2]), torch.float32)
        expected = np.float32(image.transpose(2, 0, 1)[None]) / np.float32(255)
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_a_part_of_an_image_becomes_a_tensor():
    image = random_pair().sr
    np.testing.assert_array_equal(to_tensor(image[1:6, ::-1]).numpy(), to_tensor(image).numpy()[..., 1:6, ::-1])


def test_read_only_images_are_taken_without_a_warning():
    image = random_pair().sr
    image.flags.writeable = False
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # else only the first is given in a process
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            to_tensor(image)
    finally:
        torch.set_warn_always(before)


def test_the_crop_is_taken_from_each_side():
    y = np.arange(63.0).reshape(7, 9)
    np.testing.assert_array_equal(cropped(y, 0), y)
    np.testing.assert_array_equal(cropped(y, 2), [row[2:7] for row in y[2:5]])
    np.testing.assert_array_equal(cropped(y, 3), y[3:4, 3:6])


@pytest.mark.parametrize(("crop", "smallest"), [(4, 1), (3, 2), (0, 8)])
def test_a_crop_that_leaves_too_little_is_refused_in_one_line(crop, smallest):
    fitting = np.zeros((2 * crop + smallest, 2 * crop + smallest))
    assert cropped(fitting, crop, smallest).shape == (smallest, smallest)
    for y in (fitting[1:], fitting[:, 1:]):
        height, width = y.shape
        with pytest.raises(UserError, match=f"{height} x {width} is too small to crop {crop} px") as caught:
            cropped(y, crop, smallest)
        assert "\n" not in str(caught.value)
