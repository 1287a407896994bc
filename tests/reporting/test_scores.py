"""Scores of a run as tables read them: all images of a benchmark, or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gansr.checksum import checksum
from gansr.reporting.scores import read_scores, read_scores_of_seeds


def change(file: Path, text: str) -> None:
    """Give a score file another content, and its notes the checksum of it."""
    file.write_text(text)
    notes = json.loads(file.with_suffix(".json").read_text(encoding="utf-8")) | {"scores_sha256": checksum(file)}
    file.with_suffix(".json").write_text(json.dumps(notes), encoding="utf-8")


def test_the_mean_is_over_all_images(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    write_scores("model", "photos", {"a": {"psnr_y": 30.0}, "b": {"psnr_y": 33.0}})
    assert read_scores(tmp_path, "model", "photos", ["b", "a"], ["psnr_y"]).mean("psnr_y") == 31.5


@pytest.mark.parametrize("image", ["NA", "001", "1", "nan", "null", "None", "1e5", "True", "with, comma"])
def test_any_name_of_an_image_survives(write_scores: Callable[..., Path], tmp_path: Path, image: str) -> None:
    written = f'"{image}"' if "," in image else image
    write_scores("model", "photos", {written: {"psnr_y": 30.0}, "b": {"psnr_y": 31.0}})
    scores = read_scores(tmp_path, "model", "photos", [image, "b"], ["psnr_y"])
    assert scores.values.loc[image, "psnr_y"] == 30.0


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({"a": {"psnr_y": 30.0}}, ["b"]),
        ({"a": {"psnr_y": 30.0}, "b": {"psnr_y": 31.0}, "surplus": {"psnr_y": 1.0}}, ["surplus"]),
        ({}, []),
        ({"a": {"psnr_y": 30.0}, "b": {"psnr_y": None}}, ["psnr_y", "b"]),
        ({"a": {"psnr_y": 30.0}, "b": {"psnr_y": float("nan")}}, ["psnr_y", "b"]),
        ({"a": {"psnr_y": 30.0, "ssim_y": 0.9}, "b": {"psnr_y": 30.0}}, ["ssim_y", "b"]),
    ],
)
def test_scores_that_do_not_cover_the_benchmark_are_refused(
    write_scores: Callable[..., Path],
    tmp_path: Path,
    refusal: Callable[..., str],
    scores: dict[str, dict[str, float | None]],
    words: list[str],
) -> None:
    file = write_scores("model", "photos", scores)
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a", "b"], ["psnr_y"]), str(file), "again", *words)


def test_an_image_scored_twice_is_refused(
    write_scores: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str]
) -> None:
    file = write_scores("model", "photos", {"a": {"psnr_y": 30.0}})
    change(file, file.read_text() + "a,psnr_y,31.0\n")
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y"]), str(file), "again")


@pytest.mark.parametrize(
    "text",
    ["", "image,metric\na,psnr_y\n", "image,metric,value\na,psnr_y,1\na,b,c,d,e\n", "image,metric,value\na,psnr_y,x\n"],
)
def test_a_broken_score_file_is_refused_in_one_line(
    write_scores: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str], text: str
) -> None:
    file = write_scores("model", "photos", {"a": {"psnr_y": 30.0}})
    change(file, text)
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y"]), str(file), "again")


@pytest.mark.parametrize("text", ["image,metric,value\na,psnr_y,31.0\n", "image,metric,value\na,psnr_y,30.0 \n"])
def test_scores_that_the_notes_beside_them_are_not_of_are_refused(
    write_scores: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str], text: str
) -> None:
    file = write_scores("model", "photos", {"a": {"psnr_y": 30.0}})
    file.write_text(text)
    words = [str(file), "photos.json beside it is of other scores", "remove both and run again"]
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y"]), *words)


@pytest.mark.parametrize("which", [".csv", ".json"])
def test_a_missing_score_file_is_refused(
    write_scores: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str], which: str
) -> None:
    file = write_scores("model", "photos", {"a": {"psnr_y": 30.0}})
    file.with_suffix(which).unlink()
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y"]), str(file), "again")


def test_a_metric_that_could_not_be_computed_has_no_mean(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    scores = {"a": {"psnr_y": 30.0, "lpips_alex": None}, "b": {"psnr_y": 31.0, "lpips_alex": None}}
    write_scores("model", "photos", scores, {"lpips_alex": "no weights"})
    read = read_scores(tmp_path, "model", "photos", ["a", "b"], ["psnr_y"])
    assert (read.mean("lpips_alex"), read.mean("psnr_y")) == (None, 30.5)
    assert read.unavailable == {"lpips_alex": "no weights"}


def test_each_metric_has_the_words_of_its_protocol(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    write_scores("model", "photos", {"a": {"psnr_y": 30.0, "ssim_y": 0.9}}, protocols={"psnr_y": "y_images: of luma"})
    read = read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y", "ssim_y"])
    assert read.protocols == {"psnr_y": "y_images: of luma", "ssim_y": "how ssim_y is measured"}


@pytest.mark.parametrize(
    "notes",
    [
        {"unavailable": {}},
        {"protocols": {"psnr_y": {"name": "y", "text": "y: words"}}},
        {"protocols": {"psnr_y": {"name": "y"}}, "unavailable": {}},
        {"protocols": {}, "unavailable": {}},
        {"protocols": {"psnr_y": {"name": "y", "text": "y: words"}}, "unavailable": {}},
        # as earlier versions wrote them
        {"protocols": {"psnr_y": "words"}, "unavailable": {}},
        [],
    ],
)
def test_notes_of_another_form_are_refused_in_one_line(
    write_scores: Callable[..., Path], tmp_path: Path, refusal: Callable[..., str], notes: object
) -> None:
    file = write_scores("model", "photos", {"a": {"psnr_y": 30.0}})
    file.with_suffix(".json").write_text(json.dumps(notes), encoding="utf-8")
    refusal(lambda: read_scores(tmp_path, "model", "photos", ["a"], ["psnr_y"]), str(file), "again")


# ---- of all images together

IMAGES = {"a": {"psnr_y": 30.0}, "b": {"psnr_y": 32.0}}


def test_a_score_of_all_images_together_is_its_own_mean(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    write_scores("model", "photos", IMAGES | {"*": {"fid": 12.5}})
    read = read_scores(tmp_path, "model", "photos", ["a", "b"], ["fid", "psnr_y"])
    assert (read.mean("fid"), read.mean("psnr_y"), read.images) == (12.5, 31.0, 2)
    assert read.whole == {"fid": 12.5}
    assert list(read.values.columns) == ["psnr_y"]


def test_it_has_no_difference_image_by_image(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    for name, fid in (("one", 12.5), ("other", 10.0)):
        write_scores(name, "photos", IMAGES | {"*": {"fid": fid}})
    one, other = (read_scores(tmp_path, name, "photos", ["a", "b"], ["fid"]) for name in ("one", "other"))
    assert one.differences("fid", other) is None
    differences = one.differences("psnr_y", other)
    assert differences is not None and list(differences) == [0, 0]


def test_it_may_be_all_that_there_is(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    write_scores("model", "photos", {"*": {"fid": 12.5}})
    read = read_scores(tmp_path, "model", "photos", ["b", "a"], ["fid"])
    assert (read.mean("fid"), read.images, list(read.values.index)) == (12.5, 2, ["a", "b"])


def test_without_it_there_is_no_mean_but_a_reason(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    write_scores("model", "photos", IMAGES | {"*": {"fid": None}}, {"fid": "FID needs two images at least"})
    read = read_scores(tmp_path, "model", "photos", ["a", "b"], ["fid", "psnr_y"])
    assert (read.mean("fid"), read.mean("psnr_y")) == (None, 31.0)
    assert read.unavailable == {"fid": "FID needs two images at least"}


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        # neither a value nor a reason
        (IMAGES | {"*": {"fid": None}}, ["no fid"]),
        (IMAGES | {"*": {"fid": float("nan")}}, ["no fid"]),
        (IMAGES, ["no scores of fid"]),
        # of some of the images, or of one
        ({"a": {"psnr_y": 30.0}, "*": {"fid": 12.5}}, ["same images", "b"]),
        ({"a": {"psnr_y": 30.0, "fid": 1.0}, "b": {"psnr_y": 32.0}}, ["no fid for b"]),
    ],
)
def test_a_benchmark_without_its_whole_scores_is_refused(
    write_scores: Callable[..., Path],
    tmp_path: Path,
    refusal: Callable[..., str],
    scores: dict[str, dict[str, float | None]],
    words: list[str],
) -> None:
    file = write_scores("model", "photos", scores)
    read = lambda: read_scores(tmp_path, "model", "photos", ["a", "b"], ["fid", "psnr_y"])  # noqa: E731
    refusal(read, str(file), "score again", *words)


def test_of_several_seeds_it_is_the_mean_with_their_spread(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    fid = {"LDL": 10.0, "LDL_seed_1": 14.0, "LDL_seed_2": 15.0}
    for name, value in fid.items():
        write_scores(name, "photos", IMAGES | {"*": {"fid": value}})
    read = read_scores_of_seeds(tmp_path, list(fid), "photos", ["a", "b"], ["fid", "psnr_y"])
    assert (read.mean("fid"), read.mean("psnr_y")) == (13.0, 31.0)
    assert read.spread("fid") == pytest.approx(np.std(list(fid.values()), ddof=1))
    assert read.spread("psnr_y") == 0


def test_of_several_seeds_it_may_be_all_that_there_is(write_scores: Callable[..., Path], tmp_path: Path) -> None:
    for name, value in {"LDL": 10.0, "LDL_seed_1": 14.0}.items():
        write_scores(name, "photos", {"*": {"fid": value}})
    read = read_scores_of_seeds(tmp_path, ["LDL", "LDL_seed_1"], "photos", ["a", "b"], ["fid"])
    assert (read.mean("fid"), read.images) == (12.0, 2)


@pytest.mark.parametrize("without", ["LDL", "LDL_seed_1"])
def test_one_seed_without_it_leaves_no_mean_over_the_others(
    write_scores: Callable[..., Path], tmp_path: Path, without: str
) -> None:
    for name in ("LDL", "LDL_seed_1"):
        lost = name == without
        scores = IMAGES | {"*": {"fid": None if lost else 10.0}}
        write_scores(name, "photos", scores, {"fid": "no Inception"} if lost else None)
    read = read_scores_of_seeds(tmp_path, ["LDL", "LDL_seed_1"], "photos", ["a", "b"], ["fid", "psnr_y"])
    assert (read.mean("fid"), read.spread("fid"), read.mean("psnr_y")) == (None, None, 31.0)
    assert read.unavailable == {"fid": "no Inception"}
