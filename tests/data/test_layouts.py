"""Every source of every dataset in config/datasets.yaml: an archive in its layout becomes the dataset's images."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml
from archive_data import encoded, packed
from PIL import Image

from gansr.config.dataset import Dataset
from gansr.data.bicubic import imresize
from gansr.data.fetched import prepare_fetched
from gansr.data.prepare import prepare_images
from gansr.data.receipts import fetch

SCALE = 4
DATASETS = yaml.safe_load((Path(__file__).parents[2] / "config" / "datasets.yaml").read_text(encoding="utf-8"))[
    "datasets"
]
NAMES = {
    "div2k": ["0001", "0800"],
    "flickr2k": ["000001", "002650"],
    "ost": ["sky_1", "water_2"],
    "imagenet": ["n01440764_10026", "n15075141_9993"],
    "set5": ["baby", "woman"],
    "set14": ["baboon", "zebra"],
    "urban100": ["img_001", "img_100"],
    "div2k100": ["0801", "0900"],
    "bsds100": ["3096", "101085"],
    "uh4k": ["0001", "0002"],
}
SOURCES = [(name, number) for name, entry in DATASETS.items() for number in range(len(entry.get("sources", [])))]


def picture(name):
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def members(name, source):
    """Files of an archive by their paths: HR in two folders where any depth will do, and the released LR."""
    files = {"readme.txt": b"hello"}
    for number, image in enumerate(NAMES[name]):
        place = source["images"].replace("**/", f"top/kind{number}/").replace("*.png", f"{image}.png")
        files[place] = encoded(picture(image))
        for scale, pattern in source.get("released_lr", {}).items():
            lr = imresize(picture(image), Fraction(1, scale))
            files[pattern.replace("*.png", f"{image}x{scale}.png")] = encoded(lr)
    return files


def entry(name, **keys):
    """A dataset of the file, of as many images as the toy has."""
    known = {key: DATASETS[name][key] for key in ("role", "names") if key in DATASETS[name]}
    return Dataset.model_validate(known | {"images": len(NAMES[name])} | keys)


def assert_prepared(folder, name, prefixes=("", "")):
    names = {prefix + image: image for prefix, image in zip(prefixes, NAMES[name], strict=True)}
    for kind, size in (("HR", (24, 32)), ("LR", (6, 8))):
        files = {file.stem: file for file in (folder / kind).iterdir()}
        assert files.keys() == names.keys()
        assert {np.asarray(Image.open(file)).shape[:2] for file in files.values()} == {size}
    for prepared, image in names.items():
        np.testing.assert_array_equal(np.asarray(Image.open(folder / "HR" / f"{prepared}.png")), picture(image))


@pytest.mark.parametrize(("name", "number"), SOURCES)
def test_an_archive_in_a_sources_layout_becomes_the_images(server, tmp_path, name, number):
    source = {key: DATASETS[name]["sources"][number].get(key) for key in ("file", "images", "released_lr")}
    source = {key: value for key, value in source.items() if value}
    content = packed(source["file"], members(name, source))
    (tmp_path / "datasets").mkdir()
    dataset = entry(
        name,
        sources=[
            source
            | {"addresses": [server.serve(f"/{source['file']}", content)], "bytes": len(content)}
            | {"sha256": hashlib.sha256(content).hexdigest()}
        ],
    )
    fetch(name, dataset.sources, "", tmp_path / "datasets", True, tmp_path / "receipt.json")
    prepare_fetched(dataset, name, SCALE, tmp_path / "receipt.json", tmp_path / "datasets", tmp_path / "out")
    # below a pattern's folders of any depth two images may have one name
    anywhere = source["images"].startswith("**")
    assert_prepared(tmp_path / "out", name, ("top_kind0_", "top_kind1_") if anywhere else ("", ""))
    if "released_lr" in source:
        told = json.loads((tmp_path / "out" / "released_lr.json").read_text())["largest_difference"]
        assert told == dict.fromkeys(NAMES[name], 0)


@pytest.mark.parametrize("name", ["imagenet", "uh4k"])
def test_images_put_there_by_hand_are_used_like_any_other(tmp_path, name):
    (tmp_path / name).mkdir()
    for image in NAMES[name]:
        (tmp_path / name / f"{image}.png").write_bytes(encoded(picture(image)))
    prepare_images(entry(name, folder=tmp_path / name), name, SCALE, tmp_path / "out")
    assert_prepared(tmp_path / "out", name)
