"""Finished values are kept by what they were computed from: one more metric computes that metric and nothing else."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from score_data import ma_file, niqe_model, scores, texture, values, write_images
from weight_data import random_trunk

from gansr import code_versions
from gansr.config import metrics as rows
from gansr.metrics import inception_scores, kept_values, ma, niqe, perceptual, psnr_ssim
from gansr.metrics import score as score_module
from gansr.metrics.inception import patch_corners

SIDE = 104
IMAGES = {"a": (SIDE, SIDE), "b": (SIDE, SIDE + 1), "c": (SIDE, SIDE)}


class FakeInception:
    """Features that are simple functions of an image."""

    def __init__(self, weights):
        pass

    def of_whole(self, image):
        return image.astype(np.float32).mean(axis=(0, 1))

    def of_patches(self, image):
        return np.stack([image[y, x].astype(np.float32) for y, x in patch_corners(*image.shape[:2])])


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path, IMAGES)


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """Weights of what is not of VGG16."""
    monkeypatch.setattr(inception_scores, "Inception", FakeInception)
    random_trunk(tmp_path / "alexnet.pth")
    (tmp_path / "inception.pth").write_bytes(b"inception")
    return {
        "alexnet": tmp_path / "alexnet.pth",
        "inception": tmp_path / "inception.pth",
        "niqe": niqe_model(tmp_path / "niqe.mat"),
        "nrqm": ma_file(tmp_path / "ma.mat"),
    }


@pytest.fixture
def work(monkeypatch):
    """What is loaded, read and computed, as it happens."""
    done = []
    places = {
        "psnr_y": (psnr_ssim, "psnr_y"),
        "ssim_y": (psnr_ssim, "ssim_y"),
        "load alexnet": (perceptual, "AlexNetMetrics"),
        "load niqe": (niqe, "Niqe"),
        "load ma": (ma, "Ma"),
        "load inception": (inception_scores, "Inception"),
        "whole": (FakeInception, "of_whole"),
        "patches": (FakeInception, "of_patches"),
        "read": (score_module, "read_rgb"),
    }

    def told(name, function):
        def telling(*arguments, **options):
            done.append(name)
            return function(*arguments, **options)

        return telling

    for name, (owner, attribute) in places.items():
        monkeypatch.setattr(owner, attribute, told(name, getattr(owner, attribute)))
    return done


def kept(root, metrics, **options):
    return scores(root, metrics, kept=root / "kept", **options)


def same(result, other):
    assert result.rows.equals(other.rows)
    assert result.unavailable == other.unavailable


# ---- one more metric


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (["psnr_y"], ["psnr_y", "ssim_y"], {"read", "ssim_y"}),
        (["psnr_y", "niqe"], ["lpips_alex", "psnr_y", "niqe"], {"read", "load alexnet"}),
        (["lpips_alex", "fid"], ["lpips_alex", "ma", "fid"], {"read", "load ma"}),
        (["fid", "ssim_y"], ["fid", "ssim_y", "kid"], {"read", "load inception", "patches"}),
        (["kid"], ["kid", "fid"], {"read", "load inception", "whole"}),
        (["psnr_y"], ["psnr_y"], set()),
        (["psnr_y", "ssim_y"], ["ssim_y"], set()),
        # what PI is made of is kept, whether it was asked for or not
        (["niqe", "ma"], ["pi", "niqe", "ma"], set()),
        (["pi"], ["niqe", "pi"], set()),
        (["ma"], ["ma", "pi"], {"read", "load niqe"}),
    ],
)
def test_one_more_metric_computes_that_metric_alone(root, weights, work, before, now, expected):
    kept(root, before, weights=weights)
    work.clear()
    result = kept(root, now, weights=weights)
    assert set(work) == expected
    same(result, scores(root, now, weights=weights))


def test_many_at_once_read_each_image_and_each_network_once(root, weights, work):
    kept(root, ["psnr_y", "ssim_y", "lpips_alex", "fid", "kid", "niqe", "ma", "pi"], weights=weights)
    assert work.count("read") == 2 * len(IMAGES)
    assert [work.count(f"load {name}") for name in ("alexnet", "niqe", "ma", "inception")] == [1, 1, 1, 1]


def test_each_metric_has_one_file(root, weights):
    kept(root, ["psnr_y", "fid", "pi"], weights=weights)
    assert sorted(file.name.rsplit("_", 1)[0] for file in (root / "kept").iterdir()) == [
        *("fid", "ma", "niqe", "pi", "psnr_y")
    ]


def test_by_hand_nothing_is_kept(root, weights):
    before = sorted(root.rglob("*"))
    scores(root, ["psnr_y", "pi"], weights=weights)
    assert sorted(root.rglob("*")) == before


def test_all_digits_are_kept_and_infinity(root, work):
    shutil.copy(root / "HR" / "a.png", root / "SR")
    first = kept(root, ["psnr_y", "ssim_y"])
    work.clear()
    same(kept(root, ["psnr_y", "ssim_y"]), first)
    assert not work and values(first, "psnr_y")["a"] == float("inf")


def test_the_reason_of_a_metric_without_values_is_kept(root, weights, work):
    Image.new("RGB", (SIDE, SIDE), (90, 90, 90)).save(root / "SR" / "a.png")
    first = kept(root, ["niqe", "pi", "psnr_y"], weights=weights)
    work.clear()
    same(kept(root, ["niqe", "pi", "psnr_y"], weights=weights), first)
    assert not work and first.unavailable == {"niqe": "a: is flat", "pi": "a: is flat"}


def test_a_metric_without_weights_is_computed_when_they_are_there(root, weights):
    absent = {"alexnet": "not there", "niqe": "not there", "nrqm": "not there"}
    assert set(kept(root, ["psnr_y", "lpips_alex", "pi"], absent=absent).unavailable) == {"lpips_alex", "pi"}
    same(kept(root, ["lpips_alex", "pi"], weights=weights), scores(root, ["lpips_alex", "pi"], weights=weights))


# ---- what makes a value be computed again

ALL = ["psnr_y", "ssim_y", "niqe", "fid", "kid"]
COMPARING = {"psnr_y", "ssim_y", "whole", "patches"}
EVERYTHING = {*COMPARING, "load niqe"}


def raise_version(file):
    def change(root, weights, monkeypatch):
        real = rows.file_version
        monkeypatch.setattr(rows, "file_version", lambda name: 77 if name == file else real(name))

    return change


def raise_version_of_shared_code(root, weights, monkeypatch):
    monkeypatch.setattr(code_versions, "METRICS", 77)


def change_image(kind):
    def change(root, weights, monkeypatch):
        Image.fromarray(texture(SIDE, SIDE, seed=50)).save(root / kind / "c.png")

    return change


def exchange_names(root, weights, monkeypatch):
    for kind in ("SR", "HR"):
        (root / kind / "a.png").rename(root / kind / "x.png")
        (root / kind / "c.png").rename(root / kind / "a.png")
        (root / kind / "x.png").rename(root / kind / "c.png")


def remove_image(root, weights, monkeypatch):
    for kind in ("SR", "HR"):
        (root / kind / "b.png").unlink()
        shutil.copy(root / kind / "a.png", root / kind / "b.png")


def change_niqe(root, weights, monkeypatch):
    savemat(weights["niqe"], {"mu_prisparam": np.linspace(0.2, 3, 36)[None], "cov_prisparam": np.eye(36)})


def change_inception(root, weights, monkeypatch):
    weights["inception"].write_bytes(b"another")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (raise_version("psnr_ssim"), {"psnr_y", "ssim_y"}),
        (raise_version("ssim_window"), {"ssim_y"}),
        (raise_version("niqe"), {"load niqe"}),
        (raise_version("kid"), {"patches"}),
        (raise_version("fid"), {"whole"}),
        (raise_version("inception"), {"whole", "patches"}),
        (raise_version("dists"), set()),
        (raise_version_of_shared_code, EVERYTHING),
        (change_image("SR"), EVERYTHING),
        (change_image("HR"), COMPARING),
        (exchange_names, EVERYTHING),
        (remove_image, EVERYTHING),
        (change_niqe, {"load niqe"}),
        (change_inception, {"whole", "patches"}),
    ],
)
def test_what_a_value_was_computed_from_makes_it_again(root, weights, work, monkeypatch, change, expected):
    kept(root, ALL, weights=weights)
    change(root, weights, monkeypatch)
    work.clear()
    result = kept(root, ALL, weights=weights)
    assert set(work) - {"read", "load inception"} == expected
    same(result, scores(root, ALL, weights=weights))


def test_pi_is_made_again_when_what_it_is_made_of_is(root, weights, work, monkeypatch):
    kept(root, ["pi", "psnr_y"], weights=weights)
    raise_version("steerable_pyramid")(root, weights, monkeypatch)
    work.clear()
    kept(root, ["pi", "psnr_y"], weights=weights)
    assert set(work) == {"read", "load ma"}


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        ({"ssim_y": "y_rounded"}, {}, {"ssim_y"}),
        ({}, {"crop": 2}, {"psnr_y", "ssim_y", "load niqe"}),
        ({}, {"multiple": 8}, {"psnr_y", "ssim_y"}),
    ],
)
def test_another_protocol_or_multiple_computes_what_it_is_of(tmp_path, weights, work, given, options, expected):
    root = write_images(tmp_path, {"a": (SIDE, SIDE), "b": (SIDE, SIDE)})
    kept(root, ["psnr_y", "ssim_y", "niqe"], weights=weights)
    work.clear()
    result = kept(root, ["psnr_y", "ssim_y", "niqe"], given=given, weights=weights, **options)
    assert set(work) - {"read"} == expected
    same(result, scores(root, ["psnr_y", "ssim_y", "niqe"], given=given, weights=weights, **options))


def test_values_of_before_are_found_again_when_a_change_is_taken_back(root, work):
    first = kept(root, ["psnr_y"])
    kept(root, ["psnr_y"], given={"psnr_y": "y_rounded"})
    work.clear()
    same(kept(root, ["psnr_y"]), first)
    assert not work


def test_known_checksums_of_weights_are_not_computed_again(root, weights, monkeypatch):
    hashed = []
    real = score_module.checksum
    monkeypatch.setattr(score_module, "checksum", lambda file: hashed.append(file.name) or real(file))
    sha256 = {"niqe": real(weights["niqe"])}
    kept(root, ["niqe"], weights={"niqe": weights["niqe"]}, weights_sha256=sha256)
    assert hashed == []
    kept(root, ["niqe"], weights={"niqe": weights["niqe"]})
    assert hashed == ["niqe.mat"] and len(list((root / "kept").iterdir())) == 1


# ---- files that are not intact


def other_digit(text):
    data = json.loads(text)
    data["values"]["by_image"]["a"] += 1
    return json.dumps(data)


def of_other_images(text):
    data = json.loads(text)
    data["values"]["by_image"]["z"] = data["values"]["by_image"].pop("a")
    data["sha256"] = kept_values._sha256(data["values"])
    return json.dumps(data)


def other_identity(text):
    return text.replace("y_unrounded", "y_rounded")


BROKEN = {
    "empty": lambda text: "",
    "no JSON": lambda text: "values",
    "cut off": lambda text: text[: len(text) // 2],
    "a list": lambda text: "[]",
    "nothing": lambda text: "{}",
    "null": lambda text: "null",
    "values of another form": lambda text: json.dumps(json.loads(text) | {"values": [1, 2]}),
    "no values": lambda text: json.dumps(json.loads(text) | {"values": {"by_image": None}}),
    "other digit": other_digit,
    "of other images": of_other_images,
    "other identity": other_identity,
    "not UTF-8": lambda text: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_not_intact_is_computed_again_and_mended(root, work, kind):
    first = kept(root, ["psnr_y"])
    (file,) = (root / "kept").iterdir()
    text = file.read_text()
    broken = BROKEN[kind](text)
    assert broken != text
    file.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    work.clear()
    same(kept(root, ["psnr_y"]), first)
    assert "psnr_y" in work
    assert file.read_text() == text


def test_it_is_told_which_values_are_kept_and_which_file_is_not_intact(root, caplog, monkeypatch):
    monkeypatch.setattr("gansr.metrics.score.logger.propagate", True)
    kept(root, ["psnr_y", "ssim_y"])
    file = next((root / "kept").glob("psnr_y_*"))
    file.write_text("{")
    with caplog.at_level("INFO", logger="gansr"):
        kept(root, ["psnr_y", "ssim_y"])
    assert f"{file}: cannot be read" in caplog.text and "psnr_y is computed again" in caplog.text
    assert "kept from before: ssim_y" in caplog.text


def test_nothing_half_written_stays(root):
    kept(root, ["psnr_y"])
    assert not [file for file in (root / "kept").iterdir() if "partial" in file.name]


def test_two_jobs_may_use_one_folder_at_once(root):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gansr.config.metrics import chosen_protocols\n"
        "from gansr.metrics.score import Task, score_benchmark\n"
        f"root = Path({str(root)!r})\n"
        "protocols = chosen_protocols(['psnr_y', 'ssim_y'], {})\n"
        "task = Task(root / 'SR', root / 'HR', protocols, kept=root / 'kept')\n"
        "score_benchmark(task).write(root / sys.argv[1])"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code, f"{number}.csv"]) for number in range(2)]
    assert [job.wait() for job in jobs] == [0, 0]
    assert (root / "0.csv").read_text() == (root / "1.csv").read_text()
    assert len(list((root / "kept").iterdir())) == 2


def test_networks_are_not_imported_where_their_values_are_kept(root, weights):
    kept(root, ["psnr_y", "lpips_alex"], weights={"alexnet": weights["alexnet"]})
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gansr.config.metrics import chosen_protocols\n"
        "from gansr.metrics.score import Task, score_benchmark\n"
        f"root = Path({str(root)!r})\n"
        "protocols = chosen_protocols(['psnr_y', 'ssim_y', 'lpips_alex'], {})\n"
        "weights = {'alexnet': root / 'alexnet.pth'}\n"
        "task = Task(root / 'SR', root / 'HR', protocols, weights, kept=root / 'kept')\n"
        "print(score_benchmark(task).rows['value'].notna().all(), 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split()[-2:] == ["True", "False"]
