import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from weight_data import (
    BROKEN,
    BROKEN_NPZ,
    QuickNetwork,
    assert_equal_features,
    fid_reference,
    images,
    pair,
    random_inception,
    refused,
    refused_unexecuted,
    rgb,
    some_features,
    write_images,
)

from gansr.errors import UserError
from gansr.metrics.fid import frechet_distance
from gansr.metrics.hr_features import write_hr_features
from gansr.metrics.inception import BenchmarkFeatures, Inception, patch_corners
from gansr.metrics.inception_scores import InceptionScores
from gansr.metrics.kid import kid_by_image
from gansr.metrics.pair import MetricError, Pair, to_tensor
from gansr.metrics.scorer import Values
from gansr.networks.build import device


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    return file, random_inception(file)


@pytest.fixture(scope="module")
def network(weights):
    return Inception(weights[0])


@pytest.fixture(scope="module")
def reference(weights):
    return fid_reference(weights[1]).to(device())


def reference_features(reference, x, resize_input):
    reference.resize_input = resize_input
    with torch.no_grad():
        return reference(x)[0][:, :, 0, 0].cpu().numpy()


def close(features, expected):
    """To 1e-5, of the largest of them: what is near 0 has been rounded where it was not."""
    assert features.shape == expected.shape and features.dtype == np.float32
    assert np.abs(expected).mean() > 0.01 and expected.std(axis=-1).min() > 0.01
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("height", "width"), [(120, 96), (31, 340), (299, 299)])
def test_features_of_whole_images_are_those_of_pytorch_fid(network, reference, height, width):
    sr, _ = images(height, width)
    close(network.of_whole(sr), reference_features(reference, to_tensor(sr), resize_input=True)[0])


def test_features_of_patches_are_those_of_pytorch_fid_without_its_resizing(network, reference):
    _, hr = images(130, 97)
    corners = [(0, 0), (0, 1), (34, 0), (34, 1)]
    assert patch_corners(130, 97) == corners
    patches = [to_tensor(hr[row : row + 96, column : column + 96]) for row, column in corners]
    one_by_one = [reference_features(reference, patch, resize_input=False)[0] for patch in patches]
    close(network.of_patches(hr), np.stack(one_by_one))


def test_read_only_images_are_taken_without_a_warning(network):
    _, hr = images(96, 96)
    hr.flags.writeable = False
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            network.of_patches(hr)
    finally:
        torch.set_warn_always(always)


# ---- the file of weights


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_holds_no_weights_is_refused_in_one_line(tmp_path, kind):
    BROKEN[kind](tmp_path / "own.pth")
    refused(lambda: Inception(tmp_path / "own.pth"), tmp_path / "own.pth", "Inception", "download")


@pytest.mark.parametrize("change", ["missing", "surplus", "shape", "no tensor"])
def test_the_weights_of_another_inception_are_refused_in_one_line(weights, tmp_path, change):
    key = "Mixed_7c.branch1x1.conv.weight"
    state = dict(weights[1])
    changes = {"surplus": {"own": torch.zeros(1)}, "shape": {key: torch.zeros(320, 8, 1, 1)}, "no tensor": {key: 1}}
    state |= changes.get(change, {})
    if change == "missing":
        del state[key]
    torch.save(state, tmp_path / "own.pth")
    refused(lambda: Inception(tmp_path / "own.pth"), tmp_path / "own.pth", "not the Inception of FID", "download")


def test_what_a_weight_file_holds_is_not_executed(tmp_path):
    file = tmp_path / "own.pth"
    refused_unexecuted(lambda: Inception(file), file, tmp_path / "trace")


def test_nothing_is_printed_while_it_loads(weights, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Inception(weights[0])
    assert capsys.readouterr() == ("", "")


# ---- patches


@given(st.integers(96, 1500), st.integers(96, 1500))
def test_patches_lie_evenly_from_border_to_border(height, width):
    corners = patch_corners(height, width)
    rows, columns = sorted({row for row, _ in corners}), sorted({column for _, column in corners})
    assert corners == [(row, column) for row in rows for column in columns]
    assert len(corners) <= 25
    for starts, length in ((rows, height), (columns, width)):
        assert (starts[0], starts[-1]) == (0, length - 96)
        gaps = np.diff(starts)
        assert len(gaps) == 0 or max(gaps) - min(gaps) <= 1
        # as few as cover it, and five where they do not
        assert len(starts) == min(5, -(-length // 96))
        assert len(starts) == 5 or all(gap <= 96 for gap in gaps)


@pytest.mark.parametrize(("height", "width"), [(95, 200), (200, 95)])
def test_an_image_smaller_than_a_patch_says_so(network, height, width):
    _, hr = images(height, width)
    for compute in (lambda: patch_corners(height, width), lambda: network.of_patches(hr)):
        with pytest.raises(MetricError) as caught:
            compute()
        assert str(caught.value) == f"{height} x {width} is smaller than a patch of 96 x 96"


# ---- features in a file


@pytest.mark.parametrize("features", [some_features(), BenchmarkFeatures({}, some_features().patches)])
def test_features_survive_their_file(tmp_path, features):
    features.save(tmp_path / "features" / "own.npz")
    assert_equal_features(BenchmarkFeatures.load(tmp_path / "features" / "own.npz"), features)
    assert [file.name for file in (tmp_path / "features").iterdir()] == ["own.npz"]


@pytest.mark.parametrize("kind", BROKEN_NPZ)
def test_a_broken_file_of_features_is_refused_in_one_line(tmp_path, kind):
    file = tmp_path / "own.npz"
    some_features().save(file)
    BROKEN_NPZ[kind](file)
    refused(lambda: BenchmarkFeatures.load(file), file, "remove it and run again")


# ---- features of a benchmark


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("gansr.metrics.inception_scores.Inception", QuickNetwork)
    monkeypatch.setattr("gansr.metrics.hr_features.Inception", QuickNetwork)
    return QuickNetwork()


@pytest.mark.parametrize(("whole", "patches"), [(True, True), (True, False), (False, True), (False, False)])
def test_hr_features_are_those_that_are_wanted_of_every_image(quick, tmp_path, whole, patches):
    write_images(tmp_path / "HR", {"b": (96, 100), "a": (40, 120), "c": (100, 96)})
    write_hr_features(tmp_path / "HR", None, whole, patches, "own", tmp_path / "own.npz")
    hr = {name: rgb(tmp_path / "HR" / f"{name}.png") for name in "abc"}
    expected = BenchmarkFeatures(
        {name: quick.of_whole(hr[name]) for name in "abc" if whole},
        {name: quick.of_patches(hr[name]) for name in "bc" if patches},  # "a" is smaller than a patch
    )
    assert_equal_features(BenchmarkFeatures.load(tmp_path / "own.npz"), expected)


def test_hr_features_are_those_of_the_network(tmp_path, weights, network):
    write_images(tmp_path / "HR", {"a": (96, 100)})
    write_hr_features(tmp_path / "HR", weights[0], True, True, "own", tmp_path / "own.npz")
    hr = rgb(tmp_path / "HR" / "a.png")
    expected = BenchmarkFeatures({"a": network.of_whole(hr)}, {"a": network.of_patches(hr)})
    assert_equal_features(BenchmarkFeatures.load(tmp_path / "own.npz"), expected)


def test_a_broken_hr_image_leaves_no_features(quick, tmp_path):
    write_images(tmp_path / "HR", {"a": (40, 40)})
    (tmp_path / "HR" / "b.png").write_text("no image\n")
    with pytest.raises(UserError, match=r"b\.png: not an image"):
        write_hr_features(tmp_path / "HR", None, True, True, "own", tmp_path / "own.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["HR"]


# ---- scores


SIZES = {"c": (96, 100), "a": (120, 96), "d": (200, 97), "b": (96, 96)}


def scored(pairs, metrics=("kid", "fid"), hr_features=None):
    scores = InceptionScores(list(metrics), None, hr_features)
    for name, each in pairs.items():
        scores.add(name, each)
    found = scores.values()
    fid, kid = (found.get(metric, Values({})) for metric in ("fid", "kid"))
    failed = {metric: values.unavailable for metric, values in found.items() if values.unavailable}
    return scores, list(fid.by_image.values()), kid.by_image, failed


def test_scores_are_fid_and_kid_of_the_features(quick):
    pairs = {name: pair(*size, seed=n) for n, (name, size) in enumerate(SIZES.items())}
    _, fid, kid, failed = scored(pairs)
    whole = [np.stack([quick.of_whole(getattr(p, side)) for p in pairs.values()]) for side in ("sr", "hr")]
    patches = [[quick.of_patches(getattr(p, side)) for p in pairs.values()] for side in ("sr", "hr")]
    assert fid == [frechet_distance(*whole)] != [0]
    assert list(kid) == list(SIZES) and list(kid.values()) == kid_by_image(*patches).tolist()
    assert failed == {}


def test_known_hr_features_give_the_scores_of_the_images(quick, tmp_path):
    write_images(tmp_path / "HR", SIZES)
    hr = {name: rgb(tmp_path / "HR" / f"{name}.png") for name in SIZES}
    pairs = {name: Pair(np.clip(image * 0.9, 0, 255).astype(np.uint8), image) for name, image in hr.items()}
    write_hr_features(tmp_path / "HR", None, True, True, "own", tmp_path / "own.npz")
    assert list(BenchmarkFeatures.load(tmp_path / "own.npz").whole) == sorted(SIZES)
    known, unknown = scored(pairs, hr_features=tmp_path / "own.npz"), scored(pairs)
    assert known[1:] == unknown[1:]
    assert known[0].network.seen == unknown[0].network.seen / 2  # those of HR were not computed again


@pytest.mark.parametrize(("metric", "kind"), [("fid", "whole"), ("kid", "patches")])
def test_an_image_without_known_features_is_missed_in_one_line(quick, tmp_path, metric, kind):
    file = tmp_path / "own.npz"
    features = BenchmarkFeatures({"a": np.zeros(6), "b": np.zeros(6)}, {"a": np.ones((1, 6)), "b": np.ones((1, 6))})
    del getattr(features, kind)["b"]
    features.save(file)
    scores = InceptionScores([metric], None, file)
    scores.add("a", pair(96, 96))
    refused(lambda: scores.add("b", pair(96, 96)), file, "no features of b", "remove it and run again")


@pytest.mark.parametrize("metric", ["fid", "kid"])
def test_only_the_wanted_score_is_computed(quick, metric):
    scores, fid, kid, failed = scored({name: pair(*size) for name, size in SIZES.items()}, ["psnr_y", metric])
    assert (len(fid), len(kid)) == {"fid": (1, 0), "kid": (0, 4)}[metric]
    assert bool(scores.sr.whole) == (metric == "fid") and bool(scores.sr.patches) == (metric == "kid")
    assert failed == {}


def test_an_image_smaller_than_a_patch_costs_kid_alone_its_values(quick):
    sizes = {**SIZES, "small": (95, 100), "last": (96, 96)}
    _, fid, kid, failed = scored({name: pair(*size, seed=n) for n, (name, size) in enumerate(sizes.items())})
    assert (len(fid), kid) == (1, {})
    assert failed == {"kid": "small: 95 x 100 is smaller than a patch of 96 x 96"}


@pytest.mark.parametrize(("count", "failed"), [(1, ["fid", "kid"]), (2, ["kid"]), (3, [])])
def test_too_few_images_have_no_score_and_the_reason_is_given(quick, count, failed):
    _, fid, kid, reasons = scored({str(n): pair(96, 96, seed=n) for n in range(count)})
    assert sorted(reasons) == failed
    assert (fid == []) == ("fid" in failed) and (kid == {}) == ("kid" in failed)
    for metric in failed:
        assert reasons[metric].startswith(f"{metric.upper()} needs ")
