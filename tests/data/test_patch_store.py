import hashlib
import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from gansr.data.patch_store import ImagePair, PatchPosition, PatchStore, build_patch_store
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
    build_patch_store([images], SCALE, tmp_path / "store")
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
    pixels = [decoded(images, "HR", name).tobytes() + decoded(images, "LR", name).tobytes() for name in "abc"]
    digests = "".join(hashlib.sha256(one).hexdigest() for one in pixels)
    assert store.sha256 == hashlib.sha256(digests.encode()).hexdigest()


def test_the_digest_tells_one_changed_pixel(images, built, tmp_path):
    image = decoded(images, "HR", "b").copy()
    image[0, 0, 0] ^= 1
    Image.fromarray(image).save(images / "HR" / "b.png")
    build_patch_store([images], SCALE, tmp_path / "changed")
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
        build_patch_store([images], SCALE, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_no_images_are_refused(tmp_path):
    (tmp_path / "HR").mkdir()
    (tmp_path / "LR").mkdir()
    with pytest.raises(UserError, match="same images"):
        build_patch_store([tmp_path], SCALE, tmp_path / "store")


def test_lr_of_another_size_is_refused_by_name_and_makes_no_store(images, tmp_path):
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(images / "LR" / "b.png")
    with pytest.raises(UserError, match=r"b\.png.*4 times"):
        build_patch_store([images], SCALE, tmp_path / "store")
    assert not (tmp_path / "store").exists()


# --- built in several attempts


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def stop_after(monkeypatch, number):
    """Let a build end, as a kill does, after so many images."""
    read = ImagePair.read
    seen = []

    def counted(pair, scale):
        if len(seen) == number:
            raise KeyboardInterrupt
        seen.append(pair.name)
        return read(pair, scale)

    monkeypatch.setattr(ImagePair, "read", counted)
    return seen


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_build_goes_on_after_the_images_that_it_has(images, built, tmp_path, monkeypatch, number):
    stop_after(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        build_patch_store([images], SCALE, tmp_path / "again")
    monkeypatch.undo()
    seen = stop_after(monkeypatch, 99)
    build_patch_store([images], SCALE, tmp_path / "again")
    assert seen == ["a", "b", "c"][number:]
    assert content(tmp_path / "again") == content(built)


@pytest.mark.parametrize("damage", ["half a line", "pixels behind the journal", "pixels lost"])
def test_what_a_kill_left_half_written_is_written_again(images, built, tmp_path, monkeypatch, damage):
    stop_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        build_patch_store([images], SCALE, tmp_path / "again")
    monkeypatch.undo()
    partial = tmp_path / ".again.partial"
    if damage == "half a line":
        text = (partial / "journal.jsonl").read_text()
        (partial / "journal.jsonl").write_text(text[:-9])
    elif damage == "pixels behind the journal":
        (partial / "hr.uint8").open("ab").write(b"half an image")
    else:
        (partial / "lr.uint8").write_bytes((partial / "lr.uint8").read_bytes()[:-1])
    build_patch_store([images], SCALE, tmp_path / "again")
    assert content(tmp_path / "again") == content(built)


def test_an_image_that_changed_since_is_read_again_with_all_that_follow(images, tmp_path, monkeypatch):
    stop_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        build_patch_store([images], SCALE, tmp_path / "store")
    monkeypatch.undo()
    changed = decoded(images, "HR", "b").copy()
    changed[0, 0, 0] ^= 1
    Image.fromarray(changed).save(images / "HR" / "b.png")
    seen = stop_after(monkeypatch, 99)
    build_patch_store([images], SCALE, tmp_path / "store")
    assert seen == ["b", "c"]
    build_patch_store([images], SCALE, tmp_path / "afresh")
    assert content(tmp_path / "store") == content(tmp_path / "afresh")


def test_a_union_holds_the_images_of_all_its_parts_in_order(images, tmp_path):
    other = tmp_path / "other"
    for kind, size in (("HR", 16), ("LR", 4)):
        (other / kind).mkdir(parents=True)
        Image.new("RGB", (size, size), "red").save(other / kind / "0.png")
    build_patch_store([images, other], SCALE, tmp_path / "union")
    store = PatchStore(tmp_path / "union")
    assert store.names == ["a", "b", "c", "0"]
    assert (store.read(PatchPosition(3, 0, 0), 4)[1] == (255, 0, 0)).all()


def test_one_name_in_two_parts_is_refused(images, tmp_path):
    with pytest.raises(UserError, match=r'"a" is in .* as well'):
        build_patch_store([images, images], SCALE, tmp_path / "union")


def test_building_holds_one_image_at_a_time(tmp_path):
    for kind, size in (("HR", 512), ("LR", 128)):
        (tmp_path / kind).mkdir()
        for number in range(12):
            Image.new("RGB", (size, size), (number, 0, 0)).save(tmp_path / kind / f"{number:02d}.png")
    tracemalloc.start()
    build_patch_store([tmp_path], SCALE, tmp_path / "store")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one_pair = 512 * 512 * 3 * (1 + 1 / 16)
    assert peak < 6 * one_pair  # all twelve would be twice as much


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
