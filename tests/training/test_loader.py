"""Batches that are made ready ahead are those that would be made one by one."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

from gansr.data.patch_store import PatchStore, build_patch_store
from gansr.data.sampler import PatchBatch, PatchSampler
from gansr.training.loader import PatchLoader, augmented

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    random = np.random.default_rng(0)
    for kind, scale in (("HR", 4), ("LR", 1)):
        (folder / "images" / kind).mkdir(parents=True)
        for name in ("a", "b"):
            pixels = random.integers(0, 256, (12 * scale, 15 * scale, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "images" / kind / f"{name}.png")
    build_patch_store([folder / "images"], 4, folder / "patches")
    return PatchStore(folder / "patches")


def sampler(store, seed=5):
    return PatchSampler(store, 16, 4, seed)


def loaded(store, count, prefetch, share=slice(None)):
    loader = PatchLoader(sampler(store), share, CPU, prefetch)
    loader.start()
    batches = [loader.next() for _ in range(count)]
    loader.close()
    return batches, loader


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_the_batches_are_the_samplers_in_its_order(store, prefetch):
    batches, _ = loaded(store, 5, prefetch)
    expected = sampler(store)
    for lr, hr in batches:
        drawn = expected.batch()
        for found, pixels in ((lr, drawn.lr), (hr, drawn.hr)):
            wanted = torch.from_numpy(augmented(pixels, drawn)).permute(0, 3, 1, 2).double() / 255
            assert found.dtype == torch.float32
            torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-7)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_the_state_is_that_of_the_latest_batch_whatever_lies_ready(store, prefetch):
    _, loader = loaded(store, 3, prefetch)
    again = sampler(store, seed=99)
    again.restore(loader.state)
    following = sampler(store)
    for _ in range(3):
        following.batch()
    np.testing.assert_array_equal(again.batch().hr, following.batch().hr)


def test_before_the_first_batch_the_state_is_the_samplers(store):
    loader = PatchLoader(sampler(store), slice(None), CPU, 2)
    assert loader.state == sampler(store).state()
    loader.start()
    assert loader.state == sampler(store).state()
    loader.close()


def test_the_shares_of_all_processes_are_the_batch(store):
    (whole,), _ = loaded(store, 1, 0)
    parts = [loaded(store, 1, 2, share)[0][0] for share in (slice(0, 2), slice(2, 4))]
    for number in (0, 1):
        assert torch.equal(torch.cat([part[number] for part in parts]), whole[number])


def test_patches_are_flipped_and_transposed_as_the_batch_says():
    patch = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(1, 2, 2, 3)
    a, b, c, d = (patch[0, i, j] for i in (0, 1) for j in (0, 1))
    expected = {
        (False, False, False): [[a, b], [c, d]],
        (True, False, False): [[b, a], [d, c]],  # horizontally
        (False, True, False): [[c, d], [a, b]],  # vertically
        (False, False, True): [[a, c], [b, d]],  # transposed
        (True, True, False): [[d, c], [b, a]],
        (True, False, True): [[b, d], [a, c]],  # flipped first, transposed then
    }
    for how, wanted in expected.items():
        batch = PatchBatch(patch, patch, np.array([how]))
        np.testing.assert_array_equal(augmented(patch, batch)[0], np.array(wanted))


def test_an_error_of_the_thread_is_raised_where_the_batch_is_asked_for(store, monkeypatch):
    def broken(*_):
        raise OSError("the disk is gone")

    loader = PatchLoader(sampler(store), slice(None), CPU, 2)
    monkeypatch.setattr(loader.sampler, "batch", broken)
    loader.start()
    with pytest.raises(OSError, match="the disk is gone"):
        loader.next()
    loader.close()


def test_no_thread_is_left_behind(store):
    before = threading.active_count()
    loaded(store, 2, 3)
    assert threading.active_count() == before
