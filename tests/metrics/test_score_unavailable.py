"""A metric that cannot be computed on every image has no values at all, and the reason says why."""

import warnings

import numpy as np
import pytest
from PIL import Image
from score_data import ma_file, niqe_model, scores, values, write_images, written
from weight_data import random_trunk

from gansr.metrics import inception_scores, psnr_ssim
from gansr.metrics.inception import patch_corners
from gansr.metrics.pair import MetricError
from gansr.metrics.score import BenchmarkScores

BIG = (104, 104)
GRAY = 90


class FakeInception:
    """Features that are simple functions of an image, patches as the network takes them."""

    def __init__(self, weights):
        pass

    def of_whole(self, image):
        return image.astype(np.float32).mean(axis=(0, 1))

    def of_patches(self, image):
        return np.stack([image[y, x].astype(np.float32) for y, x in patch_corners(*image.shape[:2])])


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Weights of every metric but LPIPS with VGG16 and DISTS, made here."""
    monkeypatch.setattr(inception_scores, "Inception", FakeInception)
    random_trunk(tmp_path / "alexnet.pth")
    files = {"niqe": niqe_model(tmp_path / "niqe.mat"), "nrqm": ma_file(tmp_path / "ma.mat")}
    return files | {"alexnet": tmp_path / "alexnet.pth", "inception": tmp_path / "inception.pth"}


def without_values(result, *metrics):
    """These metrics have no value of any image, all others of each."""
    rows = result.rows
    for metric, of_metric in rows.groupby("metric"):
        present = of_metric["value"].notna()
        assert present.any() == present.all() == (metric not in metrics), metric
    assert set(result.unavailable) == set(metrics)
    assert all("\n" not in reason for reason in result.unavailable.values())
    return result.unavailable


def test_without_weights_a_metric_has_no_values_and_the_reason_is_told(tmp_path):
    root = write_images(tmp_path, {"b": (20, 24), "a": (20, 24)})
    absent = {"vgg16": "vgg16.pth is not there", "dists": "dists.pt is not there", "inception": "no Inception"}
    rows, notes = written(root, ["psnr_y", "lpips_vgg", "dists", "fid"], absent=absent)
    empty = [("a", "lpips_vgg"), ("a", "dists"), ("b", "lpips_vgg"), ("b", "dists"), ("*", "fid")]
    assert [(row["image"], row["metric"]) for row in rows if row["value"] == ""] == empty
    # of several files that are absent the first is named
    expected = {"lpips_vgg": absent["vgg16"], "dists": absent["vgg16"], "fid": absent["inception"]}
    assert notes["unavailable"] == expected
    assert set(notes["protocols"]) == {"psnr_y", "lpips_vgg", "dists", "fid"}


def test_a_metric_of_two_files_needs_both(tmp_path, weights):
    root = write_images(tmp_path, {"a": BIG})
    result = scores(root, ["pi", "niqe", "ma"], weights=weights, absent={"nrqm": "no forests"})
    assert without_values(result, "pi", "ma") == {"pi": "no forests", "ma": "no forests"}


@pytest.mark.parametrize(
    ("metric", "smallest"), [("lpips_alex", 31), ("niqe", 104), ("ma", 104), ("pi", 104), ("kid", 96)]
)
def test_one_image_that_is_too_small_leaves_no_mean_over_the_others(tmp_path, weights, metric, smallest):
    sizes = {"a": BIG, "b": (smallest - 1, 130), "c": BIG, "d": BIG}
    root = write_images(tmp_path, sizes)
    result = scores(root, ["psnr_y", metric, "fid"], weights=weights)
    (reason,) = without_values(result, metric).values()
    assert reason.startswith("b: ")
    size = f"{smallest - 1} x 130" if metric in ("lpips_alex", "kid") else f"{smallest - 9} x 122"  # 4 px cropped
    assert size in reason
    assert len(values(result, "psnr_y")) == 4
    # with one pixel more it is computed
    other = write_images(tmp_path / "other", sizes | {"b": (smallest, 130)})
    without_values(scores(other, ["psnr_y", metric, "fid"], weights=weights))


def test_the_first_image_that_fails_is_the_last_that_is_tried(tmp_path, weights, monkeypatch):
    tried = []

    def niqe(parameters):
        def compute(y):
            tried.append(y.shape)
            raise MetricError("is flat")

        return compute

    monkeypatch.setattr("gansr.metrics.niqe.Niqe", niqe)
    root = write_images(tmp_path, {"a": (105, 104), "b": (106, 104), "c": (107, 104)})
    assert without_values(scores(root, ["niqe", "psnr_y"], weights=weights), "niqe") == {"niqe": "a: is flat"}
    assert tried == [(97, 96)]


@pytest.mark.parametrize("flat", ["all", "nearly all"])
def test_a_flat_image_has_no_niqe(tmp_path, weights, flat):
    root = write_images(tmp_path, {"a": BIG, "b": BIG})
    image = np.full((*BIG, 3), GRAY, np.uint8)
    image[:2, :2] = 255 if flat == "nearly all" else GRAY  # within what is cropped
    Image.fromarray(image).save(root / "SR" / "b.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = scores(root, ["psnr_y", "niqe"], weights=weights)
    assert without_values(result, "niqe") == {"niqe": "b: is flat"}


def test_a_flat_image_has_no_pi_either(tmp_path, weights):
    root = write_images(tmp_path, {"a": BIG})
    Image.new("RGB", BIG, (GRAY, GRAY, GRAY)).save(root / "SR" / "a.png")
    reasons = without_values(scores(root, ["pi", "psnr_y", "niqe"], weights=weights), "pi", "niqe")
    assert set(reasons.values()) == {"a: is flat"}


@pytest.mark.parametrize(("count", "missing"), [(1, ["fid", "kid"]), (2, ["kid"]), (3, [])])
def test_fid_needs_two_images_and_kid_three(tmp_path, weights, count, missing):
    root = write_images(tmp_path, dict.fromkeys("abc"[:count], (96, 97)))
    reasons = without_values(scores(root, ["fid", "kid", "psnr_y"], weights=weights), *missing)
    for metric, word in {"fid": "two", "kid": "3 images"}.items():
        assert (word in reasons.get(metric, "")) == (metric in missing)


def test_fid_takes_images_that_are_too_small_for_kid(tmp_path, weights):
    root = write_images(tmp_path, dict.fromkeys("abc", (20, 24)))
    reasons = without_values(scores(root, ["fid", "kid"], weights=weights), "kid")
    assert reasons["kid"].startswith("a: 20 x 24 is smaller than a patch")


def test_what_is_no_number_is_no_score(tmp_path, monkeypatch):
    root = write_images(tmp_path, {"a": (20, 24), "b": (20, 24)})
    monkeypatch.setattr(psnr_ssim, "ssim_y", lambda *_, **__: float("nan"))
    assert without_values(scores(root, ["psnr_y", "ssim_y"]), "ssim_y") == {"ssim_y": "a: gives no number"}


def test_metrics_of_networks_have_no_values_where_sr_holds_luma_alone(tmp_path, weights):
    root = write_images(tmp_path, dict.fromkeys("abc", BIG))
    for file in (root / "SR").iterdir():
        Image.open(file).convert("L").save(file)
    metrics = ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "dists", "fid", "kid", "niqe", "ma", "pi"]
    result = scores(root, metrics, {"psnr_y": "y_images", "ssim_y": "y_images"}, weights=weights)
    reasons = without_values(result, *metrics[2:])
    assert set(reasons.values()) == {"its SR images hold luma alone"}


def test_ssim_of_colours_has_no_values_where_sr_holds_luma_alone(tmp_path):
    root = write_images(tmp_path, {"a": (20, 24)})
    for file in (root / "SR").iterdir():
        Image.open(file).convert("L").save(file)
    result = scores(root, ["psnr_y", "ssim_y"], {"psnr_y": "y_images"})
    assert without_values(result, "ssim_y") == {"ssim_y": "its SR images hold luma alone"}


def test_the_reasons_are_told_while_it_runs(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("gansr.metrics.score.logger.propagate", True)
    root = write_images(tmp_path, {"a": (20, 24)})
    with caplog.at_level("INFO", logger="gansr"):
        result = scores(root, ["psnr_y", "niqe"], absent={"niqe": "no model"})
    assert isinstance(result, BenchmarkScores)
    assert "niqe: no score: no model" in caplog.text
    assert "psnr_y: no score" not in caplog.text
