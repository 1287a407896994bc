"""Protocols: every metric has named sets of choices, the papers' first; a run may name others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.metrics import METRICS, chosen_protocols
from gansr.config.protocols import COLOURS, Protocol
from gansr.config.run import json_schema
from gansr.errors import UserError
from gansr.plan.plan import Plan

PROTOCOLS = {name: row.protocols for name, row in METRICS.items()}
ALL = [protocol for choices in PROTOCOLS.values() for protocol in choices]


def named(metrics: list[str], given: dict[str, str] | None = None, crop: int | None = None) -> list[str]:
    return [protocol.name for protocol in chosen_protocols(metrics, given or {}, crop).values()]


def test_the_schema_of_a_config_lists_no_metrics() -> None:
    # a new metric is a row and a file; gansr itself refuses unknown names, with the nearest
    assert json.loads(json_schema())["properties"]["metrics"]["items"] == {"type": "string"}


def test_the_default_is_the_papers() -> None:
    assert {metric: protocol.name for metric, protocol in chosen_protocols(list(PROTOCOLS), {}).items()} == {
        "psnr_y": "y_unrounded_crop4",
        "ssim_y": "y_unrounded_crop4",
        "lpips_alex": "lpips_v0.1_alex",
        "lpips_vgg": "lpips_v0.1_vgg",
        "dists": "dists_full_size",
        "fid": "fid_whole_images",
        "kid": "kid_patches_96",
        "niqe": "niqe_blocks_96_crop4",
        "ma": "ma_crop4",
        "pi": "pi_pirm_2018_crop4",
    }


def test_protocols_come_in_the_order_of_the_metrics() -> None:
    assert list(chosen_protocols(["ssim_y", "fid", "psnr_y"], {"psnr_y": "y_rounded"})) == ["ssim_y", "fid", "psnr_y"]


def test_another_protocol_is_named_by_its_base_and_metric_by_metric() -> None:
    assert named(["psnr_y", "ssim_y"], {"ssim_y": "y_rounded"}) == ["y_unrounded_crop4", "y_rounded_crop4"]
    assert named(["psnr_y"], {"psnr_y": "y_images"}) == ["y_images_crop4"]


@pytest.mark.parametrize(
    ("crop", "psnr"),
    [(None, "y_unrounded_crop4"), (4, "y_unrounded_crop4"), (8, "y_unrounded_crop8"), (0, "y_unrounded")],
)
def test_another_crop_is_another_name_where_a_metric_crops(crop: int | None, psnr: str) -> None:
    assert named(["psnr_y", "lpips_alex", "fid"], crop=crop) == [psnr, "lpips_v0.1_alex", "fid_whole_images"]
    (niqe,) = chosen_protocols(["niqe"], {}, crop).values()
    assert niqe.crop == (4 if crop is None else crop)


def test_another_crop_leaves_the_other_choices_and_the_original_as_they_are() -> None:
    before = PROTOCOLS["psnr_y"][0]
    after = before.with_crop(6)
    assert (before.crop, after.crop) == (4, 6)
    assert dataclasses.replace(after, crop=4) == before


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_a_protocol_cannot_be_changed(protocol: Protocol) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol.crop = 2  # type: ignore[misc]


def test_names_tell_the_protocols_of_a_metric_apart() -> None:
    for choices in PROTOCOLS.values():
        assert (
            len({protocol.name for protocol in choices}) == len({protocol.base for protocol in choices}) == len(choices)
        )


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_the_text_says_every_choice(protocol: Protocol) -> None:
    text = protocol.text
    assert text.startswith(f"{protocol.name}: ") and "\n" not in text
    for choice in (COLOURS[protocol.colour], protocol.network, protocol.resize, protocol.estimator):
        assert choice in text
    assert (f"{protocol.crop} px cropped from each side" in text) == (protocol.crop > 0)
    assert ("no crop" in text) == (protocol.crop == 0)
    assert "; ;" not in text and not text.endswith("; ")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("psnr_y", ["BT.601", "16 to 235", "not rounded", "4 px", "mean over images"]),
        ("lpips_alex", ["LPIPS v0.1", "AlexNet", "8-bit RGB", "no crop", "no resize", "mean over images"]),
        ("lpips_vgg", ["LPIPS v0.1", "VGG16", "8-bit RGB", "no crop", "no resize"]),
        ("dists", ["DISTS", "VGG16", "L2 pooling", "8-bit RGB", "no crop", "no resize"]),
        ("fid", ["Inception of 2015-12-05", "299 x 299", "8-bit RGB", "no crop", "Fréchet"]),
        ("kid", ["Inception of 2015-12-05", "96 x 96", "5 x 5", "not resized", "squared MMD", "different images"]),
        ("niqe", ["NIQE", "96", "rounded to 8 bit", "4 px", "mean over images"]),
        ("ma", ["Ma score", "rounded to 8 bit", "4 px", "mean over images"]),
        ("pi", ["PIRM", "(NIQE + 10 - Ma score) / 2", "rounded to 8 bit", "4 px", "mean over images"]),
    ],
)  # fmt: skip
def test_the_papers_protocol_of_a_metric_is_told_in_words(metric: str, words: list[str]) -> None:
    for word in words:
        assert word in PROTOCOLS[metric][0].text


def test_the_score_of_a_whole_benchmark_is_no_mean_over_images() -> None:
    for metric, choices in PROTOCOLS.items():
        of_images = all("mean" in protocol.estimator for protocol in choices)
        assert of_images == (not METRICS[metric].of_all_images)


def test_metrics_without_reference_share_one_crop_and_colour() -> None:
    # PI is made of the results of the two others
    alone = [row for row in METRICS.values() if not row.needs_hr]
    found = {(protocol.colour, protocol.crop) for row in alone for protocol in row.protocols}
    assert [row.name for row in alone] == ["niqe", "ma", "pi"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("metrics", "given", "words"),
    [
        (["psnr"], {}, ['unknown metric "psnr"', 'did you mean "psnr_y"?']),
        (["psnr_y", "vmaf_hd"], {}, ['unknown metric "vmaf_hd"', "valid: dists, fid, kid"]),
        (["psnr_y"], {"ssim": "y_rounded"}, ['unknown metric "ssim"', 'did you mean "ssim_y"?']),
        (["psnr_y"], {"psnr_y": "y_rouned"}, ['psnr_y: unknown protocol "y_rouned"', 'did you mean "y_rounded"?']),
        (["lpips_vgg"], {"lpips_vgg": "x"}, ['lpips_vgg: unknown protocol "x"', "valid: lpips_v0.1_vgg"]),
        (["dists"], {"dists": "y_rounded"}, ['dists: unknown protocol "y_rounded"', "dists_full_size"]),
        # with its crop it is the name of a result, not of a choice
        (["psnr_y"], {"psnr_y": "y_rounded_crop4"}, ['"y_rounded_crop4"', 'did you mean "y_rounded"?']),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    one_line: Callable[..., None], metrics: list[str], given: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        chosen_protocols(metrics, given)
    one_line(str(caught.value), *words)


# ---- of a run


@pytest.mark.parametrize(
    ("protocols", "words"),
    [
        ({"psnr": "y_rounded"}, ["protocols.psnr"]),
        ({"ssim_y": "y_rounded"}, ["protocols.ssim_y", "ssim_y is not in metrics", "add it or remove this"]),
        ({"psnr_y": "y_rouned"}, ["protocols", 'psnr_y: unknown protocol "y_rouned"', 'did you mean "y_rounded"?']),
        ({"lpips_alex": "lpips_v0.1_vgg"}, ["protocols", "lpips_alex", 'did you mean "lpips_v0.1_alex"?']),
        ({"psnr_y": "y_images"}, ["protocols.psnr_y", "luma alone", "name Bicubic-Y in a table's reference"]),
        ({"psnr_y": 4}, ["protocols.psnr_y", "4"]),
        (["y_rounded"], ["protocols", "dictionary"]),
    ],
)
def test_a_wrong_protocol_of_a_run_is_refused(refused: Callable[..., str], protocols: Any, words: list[str]) -> None:
    refused(["protocols", protocols], "run.yaml", *words)


def test_a_run_has_the_papers_protocols_unless_it_names_others(planned: Callable[..., Plan]) -> None:
    def names(plan: Plan) -> dict[str, str]:
        return {metric: protocol.name for metric, protocol in plan.protocols("Base+LDL").items()}

    assert names(planned()) == {"psnr_y": "y_unrounded_crop4", "lpips_alex": "lpips_v0.1_alex"}
    changed = planned("protocols", {"psnr_y": "y_rounded"})
    assert names(changed) == {"psnr_y": "y_rounded_crop4", "lpips_alex": "lpips_v0.1_alex"}
    assert changed.protocols("Bicubic") == changed.protocols("Base+LDL")
