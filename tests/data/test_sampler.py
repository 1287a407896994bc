import json
from itertools import product

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from gansr.data.patch_store import PatchStore, build_patch_store
from gansr.data.sampler import PatchBatch, PatchSampler
from gansr.errors import UserError
from gansr.training.loader import augmented

SCALE = 2


def make_store(folder, sizes):
    """Images whose pixels tell where they are: (image, row, column) in LR, each repeated in HR."""
    for number, (height, width) in enumerate(sizes):
        lr = np.zeros((height, width, 3), np.uint8)
        lr[..., 0] = number
        lr[..., 1] = np.arange(height)[:, None]
        lr[..., 2] = np.arange(width)[None]
        for kind, image in (("LR", lr), ("HR", lr.repeat(SCALE, 0).repeat(SCALE, 1))):
            (folder / "images" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / "images" / kind / f"image{number}.png")
    build_patch_store([folder / "images"], SCALE, folder / "store")
    return PatchStore(folder / "store")


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, [(6, 8), (12, 8), (5, 5)])


def same(one, other):
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("lr", "hr", "augment"))


def test_a_batch_holds_pairs_of_patches_of_one_place(store):
    sampler = PatchSampler(store, patch_size=8, batch_size=50, seed=0)
    batch = sampler.batch()
    assert batch.lr.shape == (50, 4, 4, 3)
    assert batch.hr.shape == (50, 8, 8, 3)
    assert batch.augment.shape == (50, 3)
    assert (batch.lr.dtype, batch.hr.dtype, batch.augment.dtype) == (np.uint8, np.uint8, bool)
    np.testing.assert_array_equal(batch.hr, batch.lr.repeat(SCALE, 1).repeat(SCALE, 2))


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(store):
    one, again, other = (PatchSampler(store, 8, 4, seed) for seed in (7, 7, 8))
    assert all(same(one.batch(), again.batch()) for _ in range(10))
    assert not all(same(one.batch(), other.batch()) for _ in range(10))


def test_a_restored_sampler_continues_the_sequence(store):
    sampler = PatchSampler(store, 8, 4, seed=1)
    for _ in range(3):
        sampler.batch()
    state = sampler.state()
    expected = [sampler.batch() for _ in range(5)]
    restored = PatchSampler(store, 8, 4, seed=999)
    restored.restore(json.loads(json.dumps(state)))  # plain numbers and strings
    assert all(same(restored.batch(), batch) for batch in expected)


def test_a_state_does_not_change_with_the_sampler(store):
    sampler = PatchSampler(store, 8, 4, seed=1)
    state = sampler.state()
    before = json.dumps(state)
    sampler.batch()
    assert json.dumps(state) == before


def test_images_are_drawn_by_their_number_of_pixels(store):
    sampler = PatchSampler(store, 8, 4000, seed=2)
    drawn = np.bincount(sampler.batch().lr[:, 0, 0, 0], minlength=3)
    pixels = np.array([6 * 8, 12 * 8, 5 * 5])
    assert scipy.stats.chisquare(drawn, 4000 * pixels / pixels.sum()).pvalue > 1e-3


def test_every_position_of_an_image_is_as_likely(store):
    batch = PatchSampler(store, 8, 6000, seed=3).batch()
    corners = batch.lr[batch.lr[:, 0, 0, 0] == 1][:, 0, 0, 1:]
    # 12 x 8 pixels hold 9 x 5 positions of a 4 x 4 patch, borders included
    counts = np.zeros((9, 5))
    np.add.at(counts, tuple(corners.T), 1)
    assert counts.sum() == len(corners)
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_the_eight_augmentations_are_as_likely_and_independent_of_the_place(store):
    batch = PatchSampler(store, 8, 4000, seed=4).batch()
    numbers = batch.augment @ [4, 2, 1]
    assert scipy.stats.chisquare(np.bincount(numbers, minlength=8)).pvalue > 1e-3
    by_image = np.zeros((3, 8))
    np.add.at(by_image, (batch.lr[:, 0, 0, 0], numbers), 1)
    assert scipy.stats.chi2_contingency(by_image).pvalue > 1e-3


def test_a_patch_as_large_as_the_image_is_the_image(tmp_path):
    store = make_store(tmp_path, [(4, 4)])
    batch = PatchSampler(store, 8, 3, seed=0).batch()
    assert (batch.lr[:, 0, 0] == 0).all()


@pytest.mark.parametrize("size", [(3, 9), (9, 3)])
def test_an_image_smaller_than_the_patch_is_named(tmp_path, size):
    store = make_store(tmp_path, [(9, 9), size])
    with pytest.raises(UserError, match=rf"image1: {size[0] * SCALE} x {size[1] * SCALE} is smaller") as caught:
        PatchSampler(store, 8, 1, seed=0)
    assert "\n" not in str(caught.value)


def test_a_patch_size_that_the_scale_does_not_divide_is_refused(store):
    with pytest.raises(UserError, match="patch_size 7 is not a multiple of the scale 2"):
        PatchSampler(store, 7, 1, seed=0)


@pytest.mark.parametrize("scale", [2, 4])
def test_lr_and_hr_are_augmented_alike(scale):
    random = np.random.default_rng(5)
    lr = np.repeat(random.integers(0, 256, (1, 5, 5, 3), dtype=np.uint8), 8, axis=0)
    hr = lr.repeat(scale, 1).repeat(scale, 2)
    batch = PatchBatch(lr, hr, np.array(list(product([False, True], repeat=3))))
    small, large = augmented(lr, batch), augmented(hr, batch)
    np.testing.assert_array_equal(small.repeat(scale, 1).repeat(scale, 2), large)
    # all eight are different, and each is the patch as the batch says
    assert len({sample.tobytes() for sample in small}) == 8
    for sample, (mirror, flip, transpose) in zip(small, batch.augment, strict=True):
        expected = lr[0][:, ::-1] if mirror else lr[0]
        expected = expected[::-1] if flip else expected
        expected = expected.transpose(1, 0, 2) if transpose else expected
        np.testing.assert_array_equal(sample, expected)
