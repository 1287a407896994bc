import csv
import json

import numpy as np
import pytest
from PIL import Image

from gansr.errors import UserError
from gansr.metrics import lpips_network
from gansr.metrics.psnr_ssim import psnr_y, ssim_y
from gansr.metrics.score import score_benchmark, sidecar

METRICS = ["psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "pi"]


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    for kind in ("SR", "HR"):
        (tmp_path / kind).mkdir()
        for name in ("b", "a"):
            image = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def score(folders, metrics=("psnr_y", "ssim_y")):
    output = folders / "scores" / "own.csv"
    weights = {"lpips_alex": folders / "alexnet.pth", "lpips_vgg": folders / "vgg16.pth"}
    score_benchmark(list(metrics), folders / "SR", folders / "HR", weights, "own", output)
    with output.open() as stream:
        return list(csv.DictReader(stream)), json.loads((folders / "scores" / "own.json").read_text())


def image(folders, kind, name):
    return np.asarray(Image.open(folders / kind / f"{name}.png"))


def test_each_image_has_a_line_per_metric_with_all_digits(folders):
    rows, notes = score(folders)
    assert list(rows[0]) == ["image", "metric", "value"]
    functions = {"psnr_y": psnr_y, "ssim_y": ssim_y}
    assert [(row["image"], row["metric"]) for row in rows] == [(name, metric) for name in "ab" for metric in functions]
    for row in rows:
        sr, hr = (image(folders, kind, row["image"]) for kind in ("SR", "HR"))
        assert float(row["value"]) == functions[row["metric"]](sr, hr)
    assert set(notes["protocols"]) == set(functions)
    assert notes["unavailable"] == {}


def test_the_protocol_tells_what_changes_the_score(folders):
    _, notes = score(folders, METRICS)
    assert set(notes["protocols"]) == set(METRICS)
    for word in ("BT.601", "4 px", "not rounded", "mean over images"):
        assert word in notes["protocols"]["psnr_y"]
    for word in ("LPIPS v0.1", "AlexNet", "RGB", "no crop"):
        assert word in notes["protocols"]["lpips_alex"]
    for word in ("LPIPS v0.1", "VGG16", "RGB", "no crop"):
        assert word in notes["protocols"]["lpips_vgg"]


def test_without_weights_the_value_is_empty_and_the_reason_is_told(folders):
    rows, notes = score(folders, METRICS)
    values = {(row["image"], row["metric"]): row["value"] for row in rows}
    for metric in ("lpips_alex", "lpips_vgg", "pi"):
        assert values["a", metric] == values["b", metric] == ""
    assert values["a", "psnr_y"] != ""
    assert set(notes["unavailable"]) == {"lpips_alex", "lpips_vgg", "pi"}
    assert "alexnet.pth" in notes["unavailable"]["lpips_alex"]
    assert "vgg16.pth" in notes["unavailable"]["lpips_vgg"]
    assert "config/weights.yaml" in notes["unavailable"]["lpips_alex"]


@pytest.mark.parametrize(("metric", "backbone", "file"), [
    ("lpips_alex", "alex", "alexnet.pth"), ("lpips_vgg", "vgg", "vgg16.pth")
])  # fmt: skip
def test_with_weights_lpips_is_computed_on_sr_and_hr(folders, monkeypatch, metric, backbone, file):
    class Distance:
        def __init__(self, *given):
            assert given == (backbone, folders / file)

        def __call__(self, sr, hr):
            return float(sr[0, 0, 0]) - float(hr[0, 0, 0]) / 1000

    monkeypatch.setattr(lpips_network, "Lpips", Distance)
    (folders / file).touch()
    rows, notes = score(folders, [metric])
    for row in rows:
        sr, hr = (image(folders, kind, row["image"]) for kind in ("SR", "HR"))
        assert float(row["value"]) == Distance(backbone, folders / file)(sr, hr)
    assert notes["unavailable"] == {}


def test_equal_images_score_infinity(folders):
    for name in "ab":
        Image.open(folders / "HR" / f"{name}.png").save(folders / "SR" / f"{name}.png")
    rows, _ = score(folders)
    assert {row["value"] for row in rows if row["metric"] == "psnr_y"} == {"inf"}
    assert {row["value"] for row in rows if row["metric"] == "ssim_y"} == {"1.0"}


def refuse(folders, match):
    with pytest.raises(UserError, match=match) as caught:
        score(folders)
    assert "\n" not in str(caught.value)
    assert not (folders / "scores" / "own.csv").exists()


def test_a_missing_sr_image_is_named(folders):
    (folders / "SR" / "a.png").unlink()
    refuse(folders, r"SR: no SR image for a;")


def test_a_surplus_sr_image_is_named(folders):
    (folders / "HR" / "b.png").unlink()
    refuse(folders, r"SR: images without HR: b;")


def test_no_images_at_all_are_an_error(folders):
    for file in folders.rglob("*.png"):
        file.unlink()
    refuse(folders, "HR: no images")


def test_an_sr_image_of_another_size_is_named(folders):
    Image.new("RGB", (24, 21)).save(folders / "SR" / "b.png")
    refuse(folders, r"b\.png: SR is 21 x 24, HR is 20 x 24")


def test_a_broken_sr_image_is_named(folders):
    (folders / "SR" / "b.png").write_text("no image")
    refuse(folders, r"SR.b\.png: not an image")


def test_the_notes_lie_beside_the_scores(tmp_path):
    assert sidecar(tmp_path / "x4" / "own.csv") == tmp_path / "x4" / "own.json"
