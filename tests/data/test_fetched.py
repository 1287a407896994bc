import hashlib
import json
from fractions import Fraction

import numpy as np
import pytest
from archive_data import encoded, packed
from http_server import Answer
from PIL import Image

from gansr.config.dataset import Dataset
from gansr.config.remote_file import RemoteFile
from gansr.data.bicubic import imresize
from gansr.data.fetched import prepare_fetched
from gansr.data.receipts import fetch
from gansr.errors import UserError

pytestmark = pytest.mark.usefixtures("short_times")

SET5 = ("baby", "bird", "butterfly")
LAYOUT = {"images": "benchmark/Set5/HR/*.png", "released_lr": {4: "benchmark/Set5/LR_bicubic/X4/*.png"}}


def picture(name):
    return np.random.default_rng(len(name)).integers(0, 256, (25, 30, 3), dtype=np.uint8)


def benchmark_files(*names, changed_lr=()):
    files = {"benchmark/Set14/HR/baboon.png": encoded(picture("baboon")), "benchmark/readme.txt": b"hello"}
    for name in names:
        lr = imresize(picture(name)[:24, :28], Fraction(1, 4)).copy()
        lr[0, 0, 0] ^= 8 if name in changed_lr else 0
        files[f"benchmark/Set5/HR/{name}.png"] = encoded(picture(name))
        files[f"benchmark/Set5/LR_bicubic/X4/{name}x4.png"] = encoded(lr)
    return files


def images_md5(files):
    digests = [hashlib.md5(content).hexdigest() for path, content in sorted(files.items()) if "/Set5/HR/" in path]
    return hashlib.md5("".join(digests).encode()).hexdigest()


@pytest.fixture
def archives(tmp_path):
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def source(file, *addresses, **keys):
    return {"file": file, "addresses": addresses, **LAYOUT, **keys}


def set5(*sources, **keys):
    return Dataset.model_validate({"role": "benchmark", "images": len(SET5), "sources": sources, **keys})


def fetched(dataset, tmp_path, allowed=True):
    """Both steps, as the workflow takes them; the receipt."""
    receipt = tmp_path / "receipt.json"
    fetch("dataset set5", dataset.sources, "ask the authors", tmp_path / "datasets", allowed, receipt)
    prepare_fetched(dataset, "set5", 4, receipt, tmp_path / "datasets", tmp_path / "out")
    return json.loads(receipt.read_text())


def refused(dataset, tmp_path, *words, **keys):
    with pytest.raises(UserError) as caught:
        fetched(dataset, tmp_path, **keys)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["benchmark.tar", "benchmark.zip"])
def test_from_an_address_to_hr_and_lr(server, archives, tmp_path, name):
    files = benchmark_files(*SET5)
    content = packed(name, files)
    address = server.serve(f"/{name}", content)
    sha256 = hashlib.sha256(content).hexdigest()
    dataset = set5(source(name, address, sha256=sha256, images_md5=images_md5(files)))
    receipt = fetched(dataset, tmp_path)
    assert (receipt["file"], receipt["bytes"], receipt["sha256"]) == (name, len(content), sha256)
    assert receipt["address"] == address and receipt["verified_by"] == "sha256"
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"HR", "LR", "released_lr.json", "source.json"}
    assert (tmp_path / "out" / "source.json").read_text() == (tmp_path / "receipt.json").read_text()
    for image in SET5:
        np.testing.assert_array_equal(
            np.asarray(Image.open(tmp_path / "out" / "HR" / f"{image}.png")), picture(image)[:24, :28]
        )


def test_released_lr_is_compared_with_lr_made_here(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5, changed_lr=["bird"])))
    fetched(set5(source("benchmark.tar", address)), tmp_path)
    told = json.loads((tmp_path / "out" / "released_lr.json").read_text())
    assert told == {"largest_difference": {"baby": 0, "bird": 8, "butterfly": 0}}


def test_the_next_source_is_taken_where_the_first_cannot_be_had(server, archives, tmp_path):
    gone = server.serve("/gone", b"", Answer(404))
    address = server.serve("/Set5.tar.gz", packed("tar", benchmark_files(*SET5)))
    dataset = set5(source("benchmark.tar", gone), source("Set5.tar", address))
    assert fetched(dataset, tmp_path)["file"] == "Set5.tar"
    assert {file.name for file in archives.iterdir()} == {"Set5.tar", "Set5.tar.sha256"}


def test_an_archive_that_is_there_is_preferred_and_needs_no_network(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    (archives / "Set5.tar").write_bytes(packed("tar", benchmark_files(*SET5)))
    dataset = set5(source("benchmark.tar", address), source("Set5.tar", address))
    assert fetched(dataset, tmp_path, allowed=False)["file"] == "Set5.tar"
    assert server.requests == []


def test_a_second_archive_that_is_there_is_preferred_to_a_download_of_the_first(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    (archives / "Set5.tar").write_bytes(packed("tar", benchmark_files(*SET5)))
    assert fetched(set5(source("benchmark.tar", address), source("Set5.tar")), tmp_path)["file"] == "Set5.tar"
    assert server.requests == []


def test_an_archive_without_hr_gives_lr_alone(archives, tmp_path):
    files = {"benchmark/Set5/HR/photo.png": encoded(picture("photo"))}
    (archives / "a.tar").write_bytes(packed("tar", files))
    fetched(set5({"file": "a.tar", "images": LAYOUT["images"]}, images=1, has_hr=False), tmp_path)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"LR", "source.json"}
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "LR" / "photo.png")), picture("photo"))


def test_a_wrong_archive_that_is_there_is_told_and_left_alone(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    (archives / "benchmark.tar").write_bytes(b"something else")
    dataset = set5(source("benchmark.tar", address, sha256="0" * 64))
    refused(dataset, tmp_path, "dataset set5", str(archives / "benchmark.tar"), "0" * 64, "move it away")
    assert (archives / "benchmark.tar").read_bytes() == b"something else" and server.requests == []


def test_when_no_source_can_be_had_every_reason_and_the_way_by_hand_are_told(server, archives, tmp_path):
    first = server.serve("/first", b"", Answer(404))
    second = server.serve("/second", b"wrong")
    dataset = set5(source("a.tar", first), source("b.tar", second, sha256="0" * 64), ask="the authors")
    refused(dataset, tmp_path, "dataset set5", first, "404", second, "instead of", "ask the authors")
    assert not (tmp_path / "receipt.json").exists()


def test_without_a_source_the_way_by_hand_is_told(archives, tmp_path):
    dataset = Dataset(role="benchmark", ask="the authors")
    refused(dataset, tmp_path, "dataset set5: cannot be downloaded; ask the authors")


@pytest.mark.parametrize(
    ("names", "keys", "words"),
    [
        (SET5[:2], {}, ["holds 2 files", "has 3 images", "benchmark.tar", "into the folder", "datasets/set5"]),
        (SET5, {"names": "b[ai].*"}, ["butterfly.png", "none of its images"]),
        (SET5, {"images": None, "images_md5": "0" * 32}, ["the md5", "0" * 32, "move the archive away"]),
        ((), {}, ["benchmark.tar", 'matches "benchmark/Set5/HR/*.png"', "benchmark/Set14/HR/baboon.png"]),
    ],
)
def test_an_archive_with_other_images_is_refused(server, archives, tmp_path, names, keys, words):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*names)))
    inside = {key: keys.pop(key) for key in ("images_md5",) if key in keys}
    refused(set5(source("benchmark.tar", address, **inside), **keys), tmp_path, *words)


def test_an_error_names_the_archive_and_not_where_it_was_unpacked(server, archives, tmp_path):
    files = benchmark_files(*SET5) | {"benchmark/Set5/HR/bird.png": b"no image"}
    address = server.serve("/benchmark.tar", packed("tar", files))
    refused(set5(source("benchmark.tar", address)), tmp_path, f"{archives / 'benchmark.tar'}/bird.png: not an image")


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_an_archive_that_changed_after_it_was_fetched_is_told(server, archives, tmp_path, change):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    dataset = set5(source("benchmark.tar", address))
    receipt = tmp_path / "receipt.json"
    fetch("dataset set5", dataset.sources, "", archives, True, receipt)
    (archives / "benchmark.tar").unlink() if change == "gone" else (archives / "benchmark.tar").write_bytes(b"x")
    with pytest.raises(UserError, match=r"benchmark\.tar: gone, or not the file .* remove .*receipt\.json"):
        prepare_fetched(dataset, "set5", 4, receipt, archives, tmp_path / "out")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"file": "a.tar"}'])
def test_a_broken_receipt_is_told(archives, tmp_path, text):
    (tmp_path / "receipt.json").write_text(text)
    with pytest.raises(UserError, match=r"receipt\.json: not what fetch wrote .* remove it"):
        prepare_fetched(set5(source("a.tar")), "set5", 4, tmp_path / "receipt.json", archives, tmp_path / "out")


def test_weights_are_fetched_the_same_way(server, tmp_path):
    address = server.serve("/net.pth", b"weights")
    expected = RemoteFile(file="net.pth", addresses=(address,), sha256=hashlib.sha256(b"weights").hexdigest())
    fetch("weights net", [expected], "", tmp_path / "weights", True, tmp_path / "receipts" / "net.json")
    assert (tmp_path / "weights" / "net.pth").read_bytes() == b"weights"
    assert json.loads((tmp_path / "receipts" / "net.json").read_text())["bytes"] == 7


def test_a_receipt_of_a_source_that_was_removed_is_told(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    receipt = tmp_path / "receipt.json"
    fetch("dataset set5", set5(source("benchmark.tar", address)).sources, "", archives, True, receipt)
    with pytest.raises(UserError, match=r"benchmark\.tar is no source of set5 any more; remove .*receipt\.json"):
        prepare_fetched(set5(source("other.tar", address)), "set5", 4, receipt, archives, tmp_path / "out")


def test_a_receipt_of_another_checksum_than_the_entrys_is_told(server, archives, tmp_path):
    address = server.serve("/benchmark.tar", packed("tar", benchmark_files(*SET5)))
    receipt = tmp_path / "receipt.json"
    fetch("dataset set5", set5(source("benchmark.tar", address)).sources, "", archives, True, receipt)
    changed = set5(source("benchmark.tar", address, sha256="1" * 64))
    with pytest.raises(UserError, match=r"receipt\.json: is of an archive .* says 1{64}; remove it"):
        prepare_fetched(changed, "set5", 4, receipt, archives, tmp_path / "out")


@pytest.mark.parametrize("damage", ["broken", "absent"])
def test_released_lr_that_cannot_be_compared_with_holds_nothing_up(server, archives, tmp_path, damage):
    files = benchmark_files(*SET5)
    released = [path for path in files if "/LR_bicubic/" in path and "Set5" in path]
    for path in released:
        if damage == "absent":
            del files[path]
        else:
            files[path] = files[path][:60]
    address = server.serve("/benchmark.tar", packed("tar", files))
    fetched(set5(source("benchmark.tar", address)), tmp_path)
    assert len(list((tmp_path / "out" / "LR").iterdir())) == 3
    assert json.loads((tmp_path / "out" / "released_lr.json").read_text())["largest_difference"] == {}
    assert not (tmp_path / "out" / "released").exists()
