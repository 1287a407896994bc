"""The metrics: one row for each, with its protocols, what it needs, and the file that computes it.

A new metric is a row here and a file in gansr/metrics; metrics/scorer.py describes that file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from gansr.config.protocols import Protocol
from gansr.errors import UserError, nearest
from gansr.schema.plugins import version_of

FOLDER = Path(__file__).parents[1] / "metrics"


@dataclass(frozen=True)
class MetricDefinition:
    """One metric: how tables print it, by which protocols it can be computed, and by which file.

    Args:
        name: as in a config and in score files.
        label: as in the papers' tables.
        digits: number of decimals, as in the papers' tables.
        higher_is_better: whether a higher value is better.
        protocols: the ways to compute it; the first is the papers', and the default.
        weights: the files of weights.yaml that it needs.
        needs_hr: whether it compares with HR, or is computed from SR alone.
        of_all_images: whether it has one value for all images together, and none for each.
        on_gpu: whether a GPU computes it faster.
        hr_features: which of Inception's features of HR it compares with, of whole images or of patches.
        file: the file in gansr/metrics that computes it; empty where the file has the metric's name.
        parts: further files there that change its values; their VERSIONs belong to the metric's versions.
        made_of: for a metric that is computed from the values of other metrics, image by image: their names.
    """

    name: str
    label: str
    digits: int
    higher_is_better: bool
    protocols: tuple[Protocol, ...]
    weights: tuple[str, ...] = ()
    needs_hr: bool = True
    of_all_images: bool = False
    on_gpu: bool = False
    hr_features: Literal["", "whole", "patches"] = ""
    file: str = ""
    parts: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()

    @property
    def computed_in(self) -> str:
        """The name of the file that computes it."""
        return self.file or self.name


CROP = 4  # pixels: both papers' crop at x4, and LDL's at x2 as well
FULL_SIZE = "no resize"
INCEPTION = "Inception of 2015-12-05, 2048 features"
LUMA_OF_PAIRS = (
    Protocol("y_unrounded", "y_unrounded", CROP),
    Protocol("y_rounded", "y_rounded", CROP),
    Protocol("y_images", "y_images", CROP),
)
ROWS = (
    MetricDefinition("psnr_y", "PSNR", 3, True, LUMA_OF_PAIRS, file="psnr_ssim"),
    MetricDefinition("ssim_y", "SSIM", 4, True, LUMA_OF_PAIRS, file="psnr_ssim", parts=("ssim_window",)),
    MetricDefinition(
        "lpips_alex", "LPIPS", 4, False,
        (Protocol("lpips_v0.1_alex", "rgb", network="LPIPS v0.1, AlexNet (ImageNet)", resize=FULL_SIZE),),
        weights=("alexnet",), on_gpu=True, file="perceptual", parts=("lpips_distance", "trunks"),
    ),
    MetricDefinition(
        "lpips_vgg", "LPIPS-VGG", 4, False,
        (Protocol("lpips_v0.1_vgg", "rgb", network="LPIPS v0.1, VGG16 (ImageNet)", resize=FULL_SIZE),),
        weights=("vgg16",), on_gpu=True, file="perceptual", parts=("lpips_distance", "trunks"),
    ),
    MetricDefinition(
        "dists", "DISTS", 4, False,
        (Protocol("dists_full_size", "rgb", network="DISTS, VGG16 (ImageNet) with L2 pooling", resize=FULL_SIZE),),
        weights=("vgg16", "dists"), on_gpu=True, file="perceptual", parts=("dists", "trunks"),
    ),
    MetricDefinition(
        "fid", "FID", 3, False,
        (
            Protocol(
                "fid_whole_images",
                "rgb",
                network=INCEPTION,
                resize="every image to 299 x 299, bilinear, whatever its shape",
                estimator="Fréchet distance of two Gaussians, covariances of n - 1; far above 0 by bias for a few "
                "images",
            ),
        ),
        weights=("inception",), of_all_images=True, on_gpu=True, hr_features="whole",
        file="inception_scores", parts=("inception", "fid"),
    ),
    MetricDefinition(
        "kid", "KID", 4, False,
        (
            Protocol(
                "kid_patches_96",
                "rgb",
                network=INCEPTION,
                resize="patches of 96 x 96 at most 5 x 5 of an image, evenly spread, not resized",
                estimator="squared MMD, cubic kernel, over pairs of patches of different images: unbiased for any "
                "number of images; an image's value is its jackknife pseudo-value, whose mean is the score",
            ),
        ),
        weights=("inception",), on_gpu=True, hr_features="patches",
        file="inception_scores", parts=("inception", "kid"),
    ),
    MetricDefinition(
        "niqe", "NIQE", 3, False,
        (Protocol("niqe_blocks_96", "y_rounded", CROP, network="NIQE, the pristine model of 2013, blocks of 96"),),
        weights=("niqe",), needs_hr=False,
    ),
    MetricDefinition(
        "ma", "Ma", 3, True,
        (Protocol("ma", "y_rounded", CROP, network="the Ma score (NRQM)"),),
        weights=("nrqm",), needs_hr=False, parts=("steerable_pyramid", "ssim_window"),
    ),
    MetricDefinition(
        "pi", "PI", 2, False,
        (
            Protocol(
                "pi_pirm_2018",
                "y_rounded",
                CROP,
                network="perceptual index of the PIRM challenge 2018",
                estimator="(NIQE + 10 - Ma score) / 2; mean over images",
            ),
        ),
        weights=("niqe", "nrqm"), needs_hr=False, made_of=("niqe", "ma"),
    ),
)  # fmt: skip
METRICS = {row.name: row for row in ROWS}


def known_metric(name: str) -> str:
    """The name of a metric that has a row.

    Raises:
        ValueError: it has none.
    """
    if name not in METRICS:
        raise ValueError(f'unknown metric "{name}"; {nearest(name, METRICS)}')
    return name


Metric = Annotated[str, AfterValidator(known_metric)]


def chosen_protocols(metrics: list[str], given: dict[str, str], crop: int | None = None) -> dict[str, Protocol]:
    """The protocol of each metric: the one that `given` names by its base, else the first.

    Args:
        metrics: names of metrics.
        given: base names of protocols (without the crop), by metric.
        crop: replaces the protocol's crop, for metrics that crop at all.

    Raises:
        UserError: a metric or a protocol is unknown.
    """
    try:
        for metric in (*metrics, *given):
            known_metric(metric)
    except ValueError as error:
        raise UserError(str(error)) from None
    chosen = {}
    for metric in metrics:
        bases = {protocol.base: protocol for protocol in METRICS[metric].protocols}
        base = given.get(metric, METRICS[metric].protocols[0].base)
        if base not in bases:
            raise UserError(f'{metric}: unknown protocol "{base}"; {nearest(base, bases)}')
        chosen[metric] = bases[base] if crop is None or not bases[base].crop else bases[base].with_crop(crop)
    return chosen


def versions(metric: str) -> dict[str, int | str]:
    """The version of each file that a metric's values depend on, including files of the metrics it is made of.

    Raises:
        UserError: a file that the row names is not there.
    """
    row = METRICS[metric]
    found = {name: file_version(name) for name in (row.computed_in, *row.parts)}
    for part in row.made_of:
        found |= versions(part)
    return found


def file_version(name: str) -> int | str:
    """The VERSION of a file in gansr/metrics, or without one the checksum of its content.

    Raises:
        UserError: there is no such file.
    """
    file = FOLDER / f"{name}.py"
    if not file.is_file():
        raise UserError(f"{file}: not there, and a row of config/metrics.py names it; write it, or correct the row")
    return version_of(file)
