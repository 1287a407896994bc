"""Images that a run would train and test on."""

from __future__ import annotations

from pathlib import Path

from gansr.config.dataset import Dataset
from gansr.plan.leaks import SAME_SCENE, shared_images
from tests.dataset_folders import bundled, folder_of


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


def archived(pattern: str, file: str = "benchmark.tar") -> Dataset:
    return Dataset.model_validate({"role": "train", "sources": [{"file": file, "images": pattern}]})


def test_the_same_files_of_one_archive_leak_before_it_is_fetched() -> None:
    one = archived("Set5/HR/*.png")
    assert shared_images(one, archived("Set5/HR/*.png")) == ["Set5/HR/*.png in benchmark.tar"]
    assert shared_images(one, archived("Set14/HR/*.png")) == []
    assert shared_images(one, archived("Set5/HR/*.png", "other.tar")) == []
