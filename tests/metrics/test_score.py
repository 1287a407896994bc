"""Scores of a folder: which rows there are, by which protocol, and what lies beside them."""

import math
import shutil

import numpy as np
import pytest
from PIL import Image
from score_data import ma_file, niqe_model, read_pair, scores, values, write_images, written
from weight_data import random_trunk

from gansr.metrics import inception_scores
from gansr.metrics.fid import frechet_distance
from gansr.metrics.inception import BenchmarkFeatures
from gansr.metrics.kid import kid_by_image
from gansr.metrics.ma import Ma
from gansr.metrics.niqe import Niqe
from gansr.metrics.pair import Pair, luma
from gansr.metrics.perceptual import AlexNetMetrics
from gansr.metrics.psnr_ssim import psnr_y, ssim_y
from gansr.metrics.score import sidecar

SIZES = {"b": (20, 24), "a": (21, 23)}


@pytest.fixture
def folders(tmp_path):
    return write_images(tmp_path, SIZES)


class FakeInception:
    """Features that are simple functions of an image, in place of a network's."""

    computed = 0

    def __init__(self, weights):
        assert weights.name == "inception.pth"

    def of_whole(self, image):
        FakeInception.computed += 1
        return image.astype(np.float32).mean(axis=(0, 1))

    def of_patches(self, image):
        FakeInception.computed += 1
        return np.stack([part.mean(axis=(0, 1)) for part in np.array_split(image.astype(np.float32), 4)])


@pytest.fixture
def inception(monkeypatch, tmp_path):
    monkeypatch.setattr(inception_scores, "Inception", FakeInception)
    monkeypatch.setattr(FakeInception, "computed", 0)
    return {"inception": tmp_path / "inception.pth"}


def features(root, names):
    network = FakeInception(root / "inception.pth")
    pairs = [read_pair(root, name) for name in names]
    return [
        [[kind(image) for image in side] for side in zip(*((p.sr, p.hr) for p in pairs), strict=True)]
        for kind in (network.of_whole, network.of_patches)
    ]


def test_each_image_has_a_line_per_metric_with_all_digits(folders):
    rows, notes = written(folders, ["ssim_y", "psnr_y"])
    assert list(rows[0]) == ["image", "metric", "value"]
    functions = {"ssim_y": ssim_y, "psnr_y": psnr_y}
    assert [(row["image"], row["metric"]) for row in rows] == [(name, metric) for name in "ab" for metric in functions]
    for row in rows:
        assert float(row["value"]) == functions[row["metric"]](read_pair(folders, row["image"]))
    assert notes["unavailable"] == {}


def test_the_score_of_all_images_together_has_one_line_at_the_end(tmp_path, inception):
    names = ["a", "b", "c", "d"]
    root = write_images(tmp_path, dict.fromkeys(names, (20, 24)))
    rows, notes = written(root, ["fid", "psnr_y", "kid"], weights=inception)
    expected = [(name, metric) for name in names for metric in ("psnr_y", "kid")]
    assert [(row["image"], row["metric"]) for row in rows] == [*expected, ("*", "fid")]
    whole, patches = features(root, names)
    found = {(row["image"], row["metric"]): float(row["value"]) for row in rows}
    assert found["*", "fid"] == pytest.approx(frechet_distance(*map(np.stack, whole)), rel=1e-12)
    np.testing.assert_allclose([found[name, "kid"] for name in names], kid_by_image(*patches), rtol=1e-12)
    assert notes["unavailable"] == {}


def test_known_features_of_hr_are_not_computed_again(tmp_path, inception):
    names = ["a", "b", "c"]
    root = write_images(tmp_path, dict.fromkeys(names, (20, 24)))
    anew = scores(root, ["fid", "kid"], weights=inception).rows
    assert FakeInception.computed == 2 * 2 * len(names)
    (_, whole), (_, patches) = features(root, names)
    both = (dict(zip(names, kind, strict=True)) for kind in (whole, patches))
    BenchmarkFeatures(*both).save(tmp_path / "hr.npz")
    FakeInception.computed = 0
    known = scores(root, ["fid", "kid"], weights=inception, hr_features=tmp_path / "hr.npz").rows
    assert FakeInception.computed == 2 * len(names)
    assert known.equals(anew)


def test_metrics_without_reference_are_of_the_rounded_luma_of_sr(tmp_path):
    root = write_images(tmp_path, {"a": (104, 106), "b": (107, 104)})
    weights = {"niqe": niqe_model(tmp_path / "niqe.mat"), "nrqm": ma_file(tmp_path / "ma.mat")}
    result = scores(root, ["pi", "ma", "niqe"], weights=weights)
    for name in "ab":
        y = luma(read_pair(root, name).sr, rounded=True)[4:-4, 4:-4]
        niqe, ma = Niqe(weights["niqe"])(y), Ma(weights["nrqm"])(y)
        assert (values(result, "niqe")[name], values(result, "ma")[name]) == (niqe, ma)
        assert values(result, "pi")[name] == (niqe + 10 - ma) / 2


def test_perceptual_metrics_are_of_whole_images_in_colour(tmp_path):
    root = write_images(tmp_path, {"a": (33, 40), "b": (36, 32)})
    random_trunk(tmp_path / "alexnet.pth")
    result = scores(root, ["lpips_alex"], weights={"alexnet": tmp_path / "alexnet.pth"})
    metric = AlexNetMetrics(tmp_path / "alexnet.pth")
    expected = {name: metric(read_pair(root, name))["lpips_alex"] for name in "ab"}
    assert values(result, "lpips_alex") == pytest.approx(expected, rel=1e-5)


def test_each_metric_is_computed_by_its_own_protocol(folders):
    result = scores(folders, ["psnr_y", "ssim_y"], {"ssim_y": "y_rounded"}, crop=2)
    for name in "ab":
        pair = read_pair(folders, name)
        assert values(result, "psnr_y")[name] == psnr_y(pair, "y_unrounded", 2)
        assert values(result, "ssim_y")[name] == ssim_y(pair, "y_rounded", 2)
        assert ssim_y(pair, "y_rounded", 2) != ssim_y(pair, "y_unrounded", 2)


def test_the_protocols_lie_beside_the_scores_by_name_and_in_words(folders):
    _, notes = written(
        folders, ["psnr_y", "ssim_y", "lpips_alex"], given={"ssim_y": "y_rounded"}, crop=3, absent={"alexnet": "x"}
    )
    protocols = notes["protocols"]
    assert {metric: protocol["name"] for metric, protocol in protocols.items()} == {
        "psnr_y": "y_unrounded_crop3",
        "ssim_y": "y_rounded_crop3",
        "lpips_alex": "lpips_v0.1_alex",
    }
    for word in ("y_unrounded_crop3", "BT.601", "3 px", "not rounded", "mean over images"):
        assert word in protocols["psnr_y"]["text"]
    for word in ("LPIPS v0.1", "AlexNet", "RGB", "no crop"):
        assert word in protocols["lpips_alex"]["text"]


def test_sr_of_luma_alone_is_scored_against_the_rounded_luma_of_hr(folders):
    for name in SIZES:
        y = luma(read_pair(folders, name).sr, rounded=True).astype(np.uint8)
        Image.fromarray(y).save(folders / "SR" / f"{name}.png")
    both = dict.fromkeys(["psnr_y", "ssim_y"], "y_images")
    result = scores(folders, both, both)
    for name in SIZES:
        pair = read_pair(folders, name)
        x, y = pair.sr[4:-4, 4:-4, 0].astype(float), luma(pair.hr, rounded=True)[4:-4, 4:-4]
        assert values(result, "psnr_y")[name] == pytest.approx(10 * math.log10(255**2 / np.mean((x - y) ** 2)))
        assert values(result, "ssim_y")[name] == ssim_y(pair, "y_images")


def test_hr_is_cropped_to_a_multiple_first(folders):
    for name, (height, width) in SIZES.items():
        sr = read_pair(folders, name).sr[: height // 4 * 4, : width // 4 * 4]
        Image.fromarray(sr).save(folders / "SR" / f"{name}.png")
    result = scores(folders, ["psnr_y"], multiple=4)
    hr = np.asarray(Image.open(folders / "HR" / "a.png"))
    sr = np.asarray(Image.open(folders / "SR" / "a.png"))
    assert sr.shape == (20, 20, 3)
    assert values(result, "psnr_y")["a"] == psnr_y(Pair(sr, hr[:20, :20]))


def test_a_suffix_of_sr_is_no_part_of_the_images_names(tmp_path):
    plain, other = write_images(tmp_path / "plain", SIZES), write_images(tmp_path / "other", SIZES, suffix="_x4_own")
    result = scores(other, ["psnr_y"], suffix="_x4_own")
    assert result.names == ["a", "b"]
    assert result.rows.equals(scores(plain, ["psnr_y"]).rows)


def test_images_may_be_of_any_format_and_hidden_files_are_left_out(folders):
    before = scores(folders, ["psnr_y"]).rows
    (folders / "HR" / ".notes").write_text("hidden")
    (folders / "SR" / "folder").mkdir()
    Image.open(folders / "SR" / "a.png").save(folders / "SR" / "a.bmp")
    (folders / "SR" / "a.png").unlink()
    assert scores(folders, ["psnr_y"]).rows.equals(before)


def test_without_hr_metrics_that_need_none_are_computed(tmp_path):
    root = write_images(tmp_path, {"b": (104, 104), "a": (104, 104)})
    weights = {"niqe": niqe_model(tmp_path / "niqe.mat")}
    with_hr = scores(root, ["niqe"], weights=weights).rows
    shutil.rmtree(root / "HR")
    assert scores(root, ["niqe"], weights=weights, hr_folder=None).rows.equals(with_hr)


def test_equal_images_score_infinity(folders):
    for name in SIZES:
        shutil.copy(folders / "HR" / f"{name}.png", folders / "SR")
    rows, _ = written(folders, ["psnr_y", "ssim_y"])
    assert {row["value"] for row in rows if row["metric"] == "psnr_y"} == {"inf"}
    assert {row["value"] for row in rows if row["metric"] == "ssim_y"} == {"1.0"}


def test_the_notes_lie_beside_the_scores(tmp_path):
    assert sidecar(tmp_path / "x4" / "own.csv") == tmp_path / "x4" / "own.json"
