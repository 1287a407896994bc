"""The files of a dataset: names of their own, as many as there should be, HR and LR in pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from gansr.config.dataset import Dataset, ScikitImagePhotograph
from gansr.config.dataset_files import image_files, image_size, lr_files
from gansr.errors import UserError
from tests.dataset_folders import bundled, folder_of


def image_names(dataset: Dataset, name: str) -> list[str]:
    return [file.stem for file in image_files(dataset, name)]


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


def test_an_upper_case_extension_is_an_image_like_any_other(tmp_path: Path) -> None:
    assert image_names(folder_of(tmp_path / "hr", "A.PNG", "b.JPG"), "mine") == ["A", "b"]


def refusal(dataset: Dataset) -> str:
    with pytest.raises(UserError) as caught:
        image_files(dataset, "manga109")
    return str(caught.value)


def with_rules(dataset: Dataset, **rules: Any) -> Dataset:
    return dataset.model_copy(update=rules)


@pytest.mark.parametrize(("expected", "advice"), [(3, "add the missing"), (1, "move away")])
def test_another_number_of_images_is_refused(
    tmp_path: Path, one_line: Callable[..., None], expected: int, advice: str
) -> None:
    message = refusal(with_rules(folder_of(tmp_path / "hr", "a.png", "b.png"), images=expected))
    one_line(message, "manga109", str(tmp_path / "hr"), "holds 2 files", f"has {expected} images", advice)


def test_files_that_are_none_of_its_images_are_named(tmp_path: Path, one_line: Callable[..., None]) -> None:
    dataset = folder_of(tmp_path / "hr", "0001.png", "0002.png", "0002_copy.png", "cover.png")
    (tmp_path / "hr" / "readme.txt").write_text("hello")
    message = refusal(with_rules(dataset, images=2, names="[0-9]{4}"))
    one_line(message, ": 0002_copy.png, cover.png, readme.txt;", "none of its images", "move them away")


def test_of_many_surplus_files_a_few_are_named(tmp_path: Path) -> None:
    dataset = folder_of(tmp_path / "hr", *(f"x{number}.png" for number in range(9)))
    assert "x0.png, x1.png, x2.png, x3.png, x4.png and 4 more" in refusal(with_rules(dataset, names="0+"))


def test_images_in_a_folder_within_are_told_to_move(tmp_path: Path, one_line: Callable[..., None]) -> None:
    (tmp_path / "hr").mkdir()
    folder_of(tmp_path / "hr" / "DIV2K_train_HR", "0001.png")
    message = refusal(Dataset(role="train", folder=tmp_path / "hr"))
    one_line(message, str(tmp_path / "hr"), "only folders", "DIV2K_train_HR", "move the images")


def paired(tmp_path: Path, hr: list[str], lr: list[str]) -> Dataset:
    folder_of(tmp_path / "lr", *lr)
    return with_rules(folder_of(tmp_path / "hr", *hr), lr_folder=tmp_path / "lr")


@pytest.mark.parametrize("lr", [["a.png", "b.png"], ["ax4.png", "bx4.jpg"], ["a.png", "bx4.png"]])
def test_hr_and_lr_pair_by_name_with_or_without_the_scale(tmp_path: Path, lr: list[str]) -> None:
    pairs = lr_files(paired(tmp_path, ["a.png", "b.bmp"], lr), "mine", 4)
    assert {name: file.name for name, file in pairs.items()} == dict(zip("ab", lr, strict=True))


@pytest.mark.parametrize(
    ("lr", "words"),
    [
        (["a.png"], ["no LR image of b", "leave out lr_folder"]),
        (["a.png", "b.png", "c.png"], ["c.png", "has no HR image"]),
        (["ax2.png", "bx2.png"], ["ax2.png", "has no HR image"]),
        (["a.png", "ax4.png", "b.png"], ["a.png", "ax4.png", "remove one"]),
    ],
)
def test_hr_and_lr_that_do_not_pair_are_refused(
    tmp_path: Path, one_line: Callable[..., None], lr: list[str], words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        lr_files(paired(tmp_path, ["a.png", "b.png"], lr), "mine", 4)
    one_line(str(caught.value), "mine", *words)
