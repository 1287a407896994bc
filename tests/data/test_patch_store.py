import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from gansr.data.patch_store import PatchPosition, PatchStore, build_patch_store
from gansr.errors import UserError

SIZES = {"b": (6, 9), "a": (5, 4), "c": (8, 8)}  # of LR; not in the order of the names
SCALE = 4


@pytest.fixture
def images(tmp_path):
    random = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        for kind, factor in (("HR", SCALE), ("LR", 1)):
            folder = tmp_path / "images" / kind
            folder.mkdir(parents=True, exist_ok=True)
            image = random.integers(0, 256, (height * factor, width * factor, 3), dtype=np.uint8)
            Image.fromarray(image).save(folder / f"{name}.png")
    return tmp_path / "images"


@pytest.fixture
def built(images, tmp_path):
    build_patch_store(images, SCALE, tmp_path / "store")
    return tmp_path / "store"


def decoded(images, kind, name):
    return np.asarray(Image.open(images / kind / f"{name}.png"))


def test_every_patch_is_the_slice_of_the_decoded_png(images, built):
    store = PatchStore(built)
    size = 3
    for number, name in enumerate(store.names):
        whole_lr, whole_hr = decoded(images, "LR", name), decoded(images, "HR", name)
        height, width = SIZES[name]
        for top in range(height - size + 1):
            for left in range(width - size + 1):
                lr, hr = store.read(PatchPosition(number, top, left), size)
                np.testing.assert_array_equal(lr, whole_lr[top : top + size, left : left + size])
                rows = slice(top * SCALE, (top + size) * SCALE)
                columns = slice(left * SCALE, (left + size) * SCALE)
                np.testing.assert_array_equal(hr, whole_hr[rows, columns])


def test_the_index_tells_names_sizes_and_a_digest_of_all_pixels(images, built):
    store = PatchStore(built)
    assert store.names == ["a", "b", "c"]
    assert len(store) == 3
    assert store.scale == SCALE
    assert [tuple(size) for size in store.sizes] == [SIZES[name] for name in "abc"]
    pixels = b"".join(decoded(images, kind, name).tobytes() for name in "abc" for kind in ("HR", "LR"))
    assert store.sha256 == hashlib.sha256(pixels).hexdigest()


def test_the_digest_tells_one_changed_pixel(images, built, tmp_path):
    image = decoded(images, "HR", "b").copy()
    image[0, 0, 0] ^= 1
    Image.fromarray(image).save(images / "HR" / "b.png")
    build_patch_store(images, SCALE, tmp_path / "changed")
    assert PatchStore(tmp_path / "changed").sha256 != PatchStore(built).sha256


def test_files_hold_the_pixels_and_nothing_else(built):
    pixels = sum(height * width * 3 for height, width in SIZES.values())
    assert (built / "lr.uint8").stat().st_size == pixels
    assert (built / "hr.uint8").stat().st_size == pixels * SCALE**2


def test_patches_are_views_of_a_read_only_memory_map(built):
    for patch in PatchStore(built).read(PatchPosition(0, 0, 0), 2):
        assert isinstance(patch, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            patch[:] = 0


@pytest.mark.parametrize("kind", ["HR", "LR"])
def test_a_missing_image_is_refused(images, tmp_path, kind):
    (images / kind / "b.png").unlink()
    with pytest.raises(UserError, match="same images"):
        build_patch_store(images, SCALE, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_no_images_are_refused(tmp_path):
    (tmp_path / "HR").mkdir()
    (tmp_path / "LR").mkdir()
    with pytest.raises(UserError, match="same images"):
        build_patch_store(tmp_path, SCALE, tmp_path / "store")


def test_lr_of_another_size_is_refused_by_name_and_leaves_nothing(images, tmp_path):
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(images / "LR" / "b.png")
    with pytest.raises(UserError, match=r"b\.png.*4 times"):
        build_patch_store(images, SCALE, tmp_path / "store")
    assert [file.name for file in tmp_path.iterdir()] == ["images"]


def refuse(folder):
    with pytest.raises(UserError, match="not a patch store") as caught:
        PatchStore(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_index_is_no_patch_store(tmp_path):
    refuse(tmp_path)


def test_a_broken_index_is_no_patch_store(built):
    index = (built / "index.json").read_text()
    (built / "index.json").write_text(index[: len(index) // 2])
    refuse(built)


@pytest.mark.parametrize("content", [{}, [], {"scale": 4, "sha256": "", "images": [{"name": "a"}]}])
def test_an_index_without_its_keys_is_no_patch_store(built, content):
    (built / "index.json").write_text(json.dumps(content))
    refuse(built)


@pytest.mark.parametrize("kind", ["hr", "lr"])
def test_missing_pixels_are_no_patch_store(built, kind):
    (built / f"{kind}.uint8").unlink()
    refuse(built)


@pytest.mark.parametrize("kind", ["hr", "lr"])
def test_truncated_pixels_are_no_patch_store(built, kind):
    file = built / f"{kind}.uint8"
    file.write_bytes(file.read_bytes()[:-1])
    refuse(built)
