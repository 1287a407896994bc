"""A dataset: one source, images with names of their own, nothing shared between training and tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from PIL import Image

from gansr.config.dataset import (
    SAME_SCENE,
    Dataset,
    ScikitImagePhotograph,
    image_files,
    image_names,
    image_size,
    load_datasets,
    shared_images,
)
from gansr.config.loading import validate
from gansr.errors import UserError


def folder_of(path: Path, *names: str, size: tuple[int, int] = (8, 4)) -> Dataset:
    path.mkdir(exist_ok=True)
    for name in names:
        Image.new("RGB", size).save(path / name)
    return Dataset(role="train", folder=path)


def bundled(*names: str) -> Dataset:
    return validate(Dataset, {"role": "train", "scikit_image": list(names)}, "test")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"role": "train"}, ["exactly one source", "folder or scikit_image"]),
        ({"role": "train", "folder": "x", "scikit_image": ["coffee"]}, ["exactly one source"]),
        ({"role": "test", "folder": "x"}, ["role", "'train' or 'benchmark'", "'test'"]),
        ({"folder": "x"}, ["role", "required"]),
        ({"role": "train", "foldr": "x"}, ['unknown key "foldr"', 'did you mean "folder"?']),
        ({"role": "train", "scikit_image": []}, ["scikit_image"]),
        ({"role": "train", "scikit_image": "coffee"}, ["scikit_image", "list", "'coffee'"]),
        ({"role": "train", "scikit_image": ["cofee"]}, ["scikit_image.0", "'coffee'", "'cofee'"]),
        ({"role": "train", "scikit_image": ["coffee", "coffee"]}, ["twice"]),
        ({"role": "train", "folder": 3}, ["folder", "3"]),
    ],
)
def test_a_wrong_dataset_is_refused_with_file_name_and_place(
    tmp_path: Path, one_line: Callable[..., None], data: dict[str, Any], words: list[str]
) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text(yaml.safe_dump({"datasets": {"mine": data}}), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_datasets(file)
    one_line(str(caught.value), str(file), "mine", *words)


def test_a_dataset_defined_twice_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text("datasets:\n  a: {role: train, folder: x}\n  a: {role: train, folder: y}\n")
    with pytest.raises(UserError, match='key "a" is given twice'):
        load_datasets(file)


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.write_text("dataset: {}\n")
    with pytest.raises(UserError, match='unknown key "dataset"; did you mean "datasets"'):
        load_datasets(file)


def test_every_photograph_of_scikit_image_is_there_without_a_download() -> None:
    for name in get_args(ScikitImagePhotograph):
        assert image_names(bundled(name), "bundled") == [name]
        height, width = image_size(bundled(name), "bundled", name)
        assert min(height, width) >= 128


def test_images_are_sorted_by_name_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    dataset = folder_of(tmp_path / "hr", "b.png", "a.jpg", "c.bmp")
    (tmp_path / "hr" / ".DS_Store").write_text("")
    (tmp_path / "hr" / "folder").mkdir()
    assert image_names(dataset, "mine") == ["a", "b", "c"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, one_line: Callable[..., None]) -> None:
    dataset = Dataset(role="train", folder=tmp_path / "absent")
    with pytest.raises(UserError) as caught:
        image_files(dataset, "mine")
    one_line(str(caught.value), "mine", str(tmp_path / "absent"), "does not exist")


def test_an_empty_folder_is_named(tmp_path: Path, one_line: Callable[..., None]) -> None:
    with pytest.raises(UserError) as caught:
        image_files(folder_of(tmp_path / "hr"), "mine")
    one_line(str(caught.value), "mine", str(tmp_path / "hr"), "is empty")


def test_two_images_of_one_name_are_refused(tmp_path: Path, one_line: Callable[..., None]) -> None:
    with pytest.raises(UserError) as caught:
        image_files(folder_of(tmp_path / "hr", "a.png", "a.jpg"), "mine")
    one_line(str(caught.value), "mine", "a.jpg", "a.png", '"a"', "rename one")


def test_image_size_is_height_and_width(tmp_path: Path) -> None:
    assert image_size(folder_of(tmp_path / "hr", "a.png", size=(8, 4)), "mine", "a") == (4, 8)


def test_the_size_of_an_unknown_or_broken_image_is_refused(tmp_path: Path, one_line: Callable[..., None]) -> None:
    dataset = folder_of(tmp_path / "hr", "first.png")
    (tmp_path / "hr" / "notes.txt").write_text("no image")
    with pytest.raises(UserError) as unknown:
        image_size(dataset, "mine", "frist")
    one_line(str(unknown.value), "mine", 'unknown image "frist"', 'did you mean "first"?')
    with pytest.raises(UserError) as broken:
        image_size(dataset, "mine", "notes")
    one_line(str(broken.value), str(tmp_path / "hr" / "notes.txt"), "not an image")


def test_the_same_photograph_leaks() -> None:
    assert shared_images(bundled("coffee", "retina"), bundled("coffee", "rocket")) == ["coffee"]
    assert shared_images(bundled("retina"), bundled("coffee")) == []


def test_another_view_of_the_same_scene_leaks() -> None:
    assert {"motorcycle_left", "motorcycle_right"} in SAME_SCENE
    assert shared_images(bundled("motorcycle_left"), bundled("motorcycle_right")) == ["motorcycle_left"]


def test_the_same_folder_leaks_however_it_is_written(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "hr", "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "hr")
    for path in (tmp_path / "hr", tmp_path / "x" / ".." / "hr", tmp_path / "link"):
        assert shared_images(one, Dataset(role="benchmark", folder=path)) == [str(tmp_path / "hr")]
    assert shared_images(one, Dataset(role="benchmark", folder=tmp_path / "other")) == []
    assert shared_images(one, bundled("coffee")) == []


def test_a_copied_image_leaks_under_whatever_name(tmp_path: Path) -> None:
    one, other = folder_of(tmp_path / "train", "a.png", "b.png"), folder_of(tmp_path / "test", "c.png")
    (tmp_path / "train" / "a.png").write_bytes(b"same pixels")
    (tmp_path / "train" / "b.png").write_bytes(b"other pixel")
    (tmp_path / "test" / "c.png").write_bytes(b"same pixels")
    assert shared_images(one, other) == ["a.png"]
