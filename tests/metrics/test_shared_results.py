"""What several metrics need of an image is computed once for all of them."""

import subprocess
import sys

import pytest
import torch
from score_data import ma_file, niqe_model, read_pair, scores, values, write_images
from weight_data import random_trunk

from gansr.config.metrics import METRICS, chosen_protocols
from gansr.metrics import pair as pair_module
from gansr.metrics import score as score_module
from gansr.metrics.ma import Ma
from gansr.metrics.niqe import Niqe
from gansr.metrics.pair import luma
from gansr.metrics.perceptual import Vgg16Metrics
from gansr.metrics.scorer import Inputs, Scorers
from gansr.metrics.trunks import Trunk

BOTH = ["lpips_vgg", "dists"]
OF_IMAGES = [metric for metric in METRICS if metric not in ("fid", "kid")]  # which need several images


def counted(monkeypatch, owner, name):
    """The arguments of each call of a function, which still does what it did."""
    calls, original = [], getattr(owner, name)

    def counting(*arguments, **keywords):
        calls.append(arguments)
        return original(*arguments, **keywords)

    monkeypatch.setattr(owner, name, counting)
    return calls


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    """Random weights of VGG16, and of DISTS' layers."""
    folder = tmp_path_factory.mktemp("weights")
    random_trunk(folder / "vgg16.pth", "vgg")
    channels = 3 + 64 + 128 + 256 + 512 + 512
    generator = torch.Generator().manual_seed(0)
    weights = {key: torch.rand((1, channels, 1, 1), generator=generator) for key in ("alpha", "beta")}
    torch.save(weights, folder / "dists.pt")
    return {"vgg16": folder / "vgg16.pth", "dists": folder / "dists.pt"}


@pytest.fixture
def no_reference(tmp_path):
    return {"niqe": niqe_model(tmp_path / "niqe.mat"), "nrqm": ma_file(tmp_path / "ma.mat")}


@pytest.mark.parametrize(
    ("metrics", "niqe", "ma"),
    [
        (["niqe"], 1, 0),
        (["ma"], 0, 1),
        (["pi"], 1, 1),
        (["niqe", "pi"], 1, 1),
        (["pi", "niqe", "ma"], 1, 1),
        (["ma", "niqe", "pi"], 1, 1),
    ],
)
def test_niqe_and_the_ma_score_serve_pi(tmp_path, no_reference, monkeypatch, metrics, niqe, ma):
    root = write_images(tmp_path, {"a": (104, 104), "b": (104, 105)})
    calls = [counted(monkeypatch, kind, "__call__") for kind in (Niqe, Ma)]
    result = scores(root, metrics, weights=no_reference)
    assert [len(found) for found in calls] == [2 * niqe, 2 * ma]
    assert result.rows["value"].notna().all()


def test_a_result_of_one_image_is_not_taken_for_the_next(tmp_path, no_reference):
    root = write_images(tmp_path, {"a": (104, 104), "b": (104, 105)})
    result = scores(root, ["niqe", "pi"], weights=no_reference)
    for metric in ("niqe", "pi"):
        alone = scores(root, [metric], weights=no_reference)
        assert values(result, metric) == values(alone, metric)
        assert len(set(values(result, metric).values())) == 2


def test_the_first_stage_of_vgg16_serves_lpips_and_dists(tmp_path, vgg16, monkeypatch):
    root = write_images(tmp_path, {"a": (32, 34), "b": (33, 36)})
    alone = {metric: values(scores(root, [metric], weights=vgg16), metric) for metric in BOTH}
    calls = counted(monkeypatch, Trunk, "stage")
    result = scores(root, BOTH, weights=vgg16)
    stages = [number for _, number, _ in calls]
    # of two images, SR and HR each; from the second stage on one is max-pooled, the other L2-pooled
    assert [stages.count(number) for number in range(5)] == [4, 8, 8, 8, 8]
    for metric in BOTH:
        assert values(result, metric) == pytest.approx(alone[metric], rel=1e-5)


@pytest.mark.parametrize("metrics", [BOTH, BOTH[::-1], BOTH[:1], BOTH[1:]])
def test_vgg16_is_read_once(vgg16, monkeypatch, metrics):
    calls = counted(monkeypatch, Trunk, "__init__")
    scorers = Scorers(chosen_protocols(metrics, {}), Inputs(vgg16))
    assert list(scorers.values([], {})) == metrics
    assert len(calls) == 1


def test_a_pair_is_given_to_vgg16_once(tmp_path, vgg16, monkeypatch):
    root = write_images(tmp_path, {"a": (32, 34)})
    calls = counted(monkeypatch, Vgg16Metrics, "__call__")
    scorers = Scorers(chosen_protocols(BOTH, {}), Inputs(vgg16))
    first, second = read_pair(root, "a"), read_pair(root, "a")
    for pair in (first, second):
        scorers.add("a", pair)
    assert [pair for _, pair in calls] == [first, second]


@pytest.mark.parametrize(("made_by_a_run", "reader"), [(False, "read_rgb"), (True, "read_prepared")])
def test_each_image_is_read_and_turned_to_luma_once(tmp_path, no_reference, monkeypatch, made_by_a_run, reader):
    root = write_images(tmp_path, {"a": (104, 104), "b": (104, 105)})
    read = {name: counted(monkeypatch, score_module, name) for name in ("read_rgb", "read_prepared")}
    made = []
    monkeypatch.setattr(pair_module, "luma", lambda image, rounded=False: made.append(rounded) or luma(image, rounded))
    scores(root, ["psnr_y", "ssim_y", "niqe", "ma", "pi"], weights=no_reference, made=made_by_a_run)
    assert [call[0].parent.name for call in read.pop(reader)] == ["SR", "HR"] * 2
    assert list(read.values()) == [[]]
    # not rounded of SR and HR for PSNR and SSIM, rounded of SR for the others
    assert sorted(made) == [False] * 4 + [True] * 2


@pytest.mark.parametrize("metrics", [OF_IMAGES, OF_IMAGES[::-1]])
def test_metrics_come_in_the_order_they_are_asked_for(vgg16, no_reference, tmp_path, metrics):
    random_trunk(tmp_path / "alexnet.pth")
    root = write_images(tmp_path, {"a": (104, 104)})
    weights = {**vgg16, **no_reference, "alexnet": tmp_path / "alexnet.pth"}
    result = scores(root, metrics, weights=weights)
    assert list(result.rows["metric"]) == metrics
    assert result.rows["value"].notna().all()


def test_metrics_without_a_network_do_not_import_torch(tmp_path):
    # it takes seconds
    root = write_images(tmp_path, {"a": (20, 24)})
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gansr.config.metrics import chosen_protocols\n"
        "from gansr.metrics.score import Task, score_benchmark\n"
        f"root = Path({str(root)!r})\n"
        "protocols = chosen_protocols(['psnr_y', 'ssim_y'], {})\n"
        "print(len(score_benchmark(Task(root / 'SR', root / 'HR', protocols)).rows), 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["2", "False"]
