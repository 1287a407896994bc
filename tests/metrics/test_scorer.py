"""What a metric's file holds: a new metric is one row and one file; a file that does not fit is told in a line."""

import dataclasses
import sys
import types

import numpy as np
import pytest
from score_data import scores, values, write_images

from gansr.config import metrics as rows
from gansr.config.metrics import METRICS, MetricDefinition, chosen_protocols
from gansr.config.protocols import Protocol
from gansr.errors import UserError
from gansr.metrics.pair import MetricError, Pair
from gansr.metrics.scorer import ALL_IMAGES, PerImage, Values, a_number, once, protocols_of_parts

SIZES = {"a": (20, 24), "b": (21, 23)}
CONTRAST = MetricDefinition("contrast", "Contrast", 2, True, (Protocol("sr_only", "rgb"),), needs_hr=False)


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path, SIZES)


@pytest.fixture
def add(monkeypatch):
    """Add a metric: its row, and a module with these functions."""

    def adding(row, **functions):
        monkeypatch.setitem(METRICS, row.name, row)
        module = types.ModuleType(f"gansr.metrics.{row.computed_in}")
        module.__file__ = f"{row.computed_in}.py"
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return adding


def contrast(pair):
    return float(np.std(pair.sr))


def build(protocols, inputs):
    return PerImage(dict.fromkeys(protocols, contrast))


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


# ---- new metrics


def test_a_metric_of_single_images_is_a_row_and_a_function(root, add):
    add(CONTRAST, build=build)
    result = scores(root, ["psnr_y", "contrast"])
    assert list(result.rows["metric"]) == ["psnr_y", "contrast"] * 2
    assert all(value > 0 for value in values(result, "contrast").values())
    assert set(values(scores(root, ["contrast"], hr_folder=None), "contrast")) == {"a", "b"}


def test_a_metric_of_all_images_is_a_row_and_a_scorer(root, add):
    class Spread:
        def __init__(self):
            self.means = []

        def add(self, name, pair):
            self.means.append(pair.sr.mean())

        def values(self):
            return {"spread": Values({ALL_IMAGES: float(np.std(self.means))})}

    row = dataclasses.replace(CONTRAST, name="spread", of_all_images=True)
    add(row, build=lambda protocols, inputs: Spread())
    result = scores(root, ["spread", "psnr_y"])
    assert list(result.rows["image"]) == ["a", "b", "*"]
    assert values(result, "spread")["*"] > 0


def test_a_metric_may_be_made_of_others(root, add):
    add(
        dataclasses.replace(CONTRAST, name="both", made_of=("psnr_y", "ssim_y")),
        combine=lambda psnr, ssim: psnr + 10 * ssim,
    )
    result = scores(root, ["both", "ssim_y"])
    expected = scores(root, ["psnr_y", "ssim_y"])
    for name in SIZES:
        assert values(result, "both")[name] == values(expected, "psnr_y")[name] + 10 * values(expected, "ssim_y")[name]


@pytest.mark.parametrize("crop", [0, 4, 6])
def test_what_a_metric_is_made_of_crops_as_it_does(crop):
    found = protocols_of_parts(chosen_protocols(["pi", "psnr_y"], {}, crop))
    assert {part: protocol.crop for part, protocol in found.items()} == {"niqe": crop, "ma": crop}


def test_two_crops_of_what_a_metric_is_made_of_are_refused():
    protocols = chosen_protocols(["pi"], {}, 4) | chosen_protocols(["niqe"], {}, 2)
    refused(
        lambda: protocols_of_parts(protocols), "pi is made of niqe by niqe_blocks_96_crop4", "not niqe_blocks_96_crop2"
    )


# ---- scorers


def test_the_first_image_that_a_metric_fails_on_is_the_last_that_it_is_tried_on():
    tried = []

    def second(pair):
        tried.append(pair)
        raise MetricError("is flat")

    scorer = PerImage({"first": lambda pair: 1.5, "second": second})
    for name in "abc":
        scorer.add(name, name)
    assert scorer.values() == {"first": Values(dict.fromkeys("abc", 1.5)), "second": Values({}, "a: is flat")}
    assert tried == ["a"]


def test_what_is_not_a_number_is_no_value():
    scorer = PerImage({"metric": lambda pair: float("nan")})
    scorer.add("a", None)
    assert scorer.values() == {"metric": Values({}, "a: gives no number")}
    assert a_number(float("inf")) == float("inf")


def test_a_result_is_kept_for_the_same_pair_alone():
    calls = []
    function = once(lambda pair: calls.append(pair) or len(calls))
    first, second = (Pair(np.zeros((4, 4, 3), np.uint8), None) for _ in range(2))
    assert [function(first), function(first), function(second), function(first)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("metric", "found", "fits"),
    [
        ("psnr_y", Values({"a": 1.0, "b": 2.0}), True),
        ("psnr_y", Values({"b": 1.0, "a": 2.0}), True),
        ("psnr_y", Values({"a": 1.0}), False),
        ("psnr_y", Values({"a": 1.0, "b": 2.0, "c": 3.0}), False),
        ("psnr_y", Values({}, "too small"), True),
        ("psnr_y", Values({"a": 1.0}, "too small"), False),
        ("psnr_y", Values({}), False),
        ("fid", Values({"*": 1.0}), True),
        ("fid", Values({"a": 1.0, "b": 2.0}), False),
        ("fid", Values({}, "too few"), True),
    ],
)
def test_values_are_of_all_images_or_there_is_a_reason(metric, found, fits):
    assert found.are_of(metric, ["b", "a"]) == fits


# ---- files that do not fit


def test_a_file_without_build_is_told(root, add):
    add(CONTRAST)
    refused(lambda: scores(root, ["contrast"]), "contrast.py: no function build", "metrics/scorer.py")


def test_a_metric_that_is_made_of_others_needs_a_function_of_them(root, add):
    add(dataclasses.replace(CONTRAST, made_of=("psnr_y",)), build=build)
    refused(lambda: scores(root, ["contrast"]), "contrast.py: no function combine")


@pytest.mark.parametrize("found", [{}, {"contrast": Values({"a": 1.0})}, {"contrast": Values({"*": 1.0})}])
def test_a_file_that_does_not_give_its_values_is_told(root, add, found):
    class Scorer:
        def add(self, name, pair):
            pass

        def values(self):
            return found

    add(CONTRAST, build=lambda protocols, inputs: Scorer())
    refused(
        lambda: scores(root, ["contrast"]), "metrics/contrast.py: does not give one value of each image", "contrast"
    )


def test_a_file_that_a_row_names_and_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setitem(METRICS, "contrast", CONTRAST)
    refused(lambda: rows.versions("contrast"), "metrics/contrast.py: not there", "config/metrics.py", "write it")
