"""A dataset has one source, and its keys fit together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.dataset import load_datasets
from gansr.errors import UserError


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"role": "train"}, ["exactly one source", "folder or scikit_image"]),
        ({"role": "train", "folder": "x", "union": ["a", "b"]}, ["exactly one source"]),
        ({"role": "train", "folder": "x", "ask": "the authors"}, ["exactly one source"]),
        ({"role": "train", "union": ["a"]}, ["union", "at least 2"]),
        ({"role": "train", "union": ["a", "a"]}, ["union names one dataset twice"]),
        ({"role": "benchmark", "part_of": "a"}, ["part_of and without_gray"]),
        ({"role": "benchmark", "folder": "x", "without_gray": True}, ["part_of and without_gray"]),
        ({"role": "train", "scikit_image": ["coffee"], "lr_folder": "x"}, ["lr_folder goes with folder"]),
        ({"role": "train", "folder": "x", "has_hr": False}, ["has_hr: false is for a benchmark"]),
        ({"role": "train", "folder": "x", "names": "["}, ["names", "no regular expression"]),
        ({"role": "train", "folder": "x", "images": 0}, ["images", "greater than 0"]),
        ({"role": "train", "sources": [{"file": "a.zip"}]}, ["sources.0.images", "required"]),
        ({"role": "train", "sources": [{"file": "a.zip", "images": "*"}] * 2}, ["a.zip is given twice"]),
        ({"role": "train", "sources": [{"file": "../a.zip", "images": "*"}]}, ["sources.0.file", "'../a.zip'"]),
        (
            {"role": "train", "sources": [{"file": "a.zip", "images": "*", "addresses": ["ftp://a"]}]},
            ["sources.0.addresses.0", "'ftp://a'"],
        ),
        (
            {"role": "train", "sources": [{"file": "a.zip", "images": "*", "sha256": "12"}]},
            ["sources.0.sha256", "'12'"],
        ),
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
