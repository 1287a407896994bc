"""Protocols: named, frozen sets of choices, one of which every score is made by.

Most numbers in this field that do not match differ in one of these choices. A score file names its protocol, and so
do the notes of every table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gansr.errors import UserError, nearest

Metric = Literal[
    "psnr_y", "ssim_y", "lpips_alex", "lpips_vgg", "dists", "fid", "kid", "niqe", "ma", "pi"
]  # fmt: skip
Colour = Literal["rgb", "y_unrounded", "y_rounded", "y_images"]
COLOURS: dict[Colour, str] = {
    "rgb": "8-bit RGB",
    "y_unrounded": "luma of 8-bit RGB (BT.601, 16 to 235), not rounded",
    "y_rounded": "luma of 8-bit RGB (BT.601, 16 to 235), rounded to 8 bit as MATLAB's rgb2ycbcr does",
    "y_images": "SR images that hold 8-bit luma alone, against the rounded luma of HR",
}


@dataclass(frozen=True)
class Protocol:
    """How one metric is computed.

    `crop` is in pixels from each side; `network` names a network with its weights; `resize` what happens to an image
    before it is looked at; `estimator` how images, or their features, become the score.
    """

    base: str
    colour: Colour
    crop: int = 0
    network: str = ""
    resize: str = ""
    estimator: str = "mean over images"

    @property
    def name(self) -> str:
        """The name that score files and notes give: the base, and the crop where there is one."""
        return f"{self.base}_crop{self.crop}" if self.crop else self.base

    @property
    def text(self) -> str:
        """All choices in words."""
        crop = f"{self.crop} px cropped from each side" if self.crop else "no crop"
        parts = [self.network, COLOURS[self.colour], crop, self.resize, self.estimator]
        return f"{self.name}: {'; '.join(part for part in parts if part)}"

    def with_crop(self, crop: int) -> Protocol:
        """The same with another crop, and so another name."""
        return replace(self, crop=crop)


CROP = 4  # of both papers, at x2 as well
FULL_SIZE = "no resize"
PER_IMAGE_LUMA = (
    Protocol("y_unrounded", "y_unrounded", CROP),
    Protocol("y_rounded", "y_rounded", CROP),
    Protocol("y_images", "y_images", CROP),
)
# the first of each is the papers', and the default
PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "psnr_y": PER_IMAGE_LUMA,
    "ssim_y": PER_IMAGE_LUMA,
    "lpips_alex": (Protocol("lpips_v0.1_alex", "rgb", network="LPIPS v0.1, AlexNet (ImageNet)", resize=FULL_SIZE),),
    "lpips_vgg": (Protocol("lpips_v0.1_vgg", "rgb", network="LPIPS v0.1, VGG16 (ImageNet)", resize=FULL_SIZE),),
    "dists": (Protocol("dists_full_size", "rgb", network="DISTS, VGG16 (ImageNet) with L2 pooling", resize=FULL_SIZE),),
    "fid": (
        Protocol(
            "fid_whole_images",
            "rgb",
            network="Inception of 2015-12-05, 2048 features",
            resize="every image to 299 x 299, bilinear, whatever its shape",
            estimator="Fréchet distance of two Gaussians, covariances of n - 1; far above 0 by bias for a few images",
        ),
    ),
    "kid": (
        Protocol(
            "kid_patches_96",
            "rgb",
            network="Inception of 2015-12-05, 2048 features",
            resize="patches of 96 x 96 at most 5 x 5 of an image, evenly spread, not resized",
            estimator="squared MMD, cubic kernel, over pairs of patches of different images: unbiased for any number "
            "of images; an image's value is its jackknife pseudo-value, whose mean is the score",
        ),
    ),
    "niqe": (Protocol("niqe_blocks_96", "y_rounded", CROP, network="NIQE, the pristine model of 2013, blocks of 96"),),
    "ma": (Protocol("ma", "y_rounded", CROP, network="the Ma score (NRQM)"),),
    "pi": (
        Protocol(
            "pi_pirm_2018",
            "y_rounded",
            CROP,
            network="perceptual index of the PIRM challenge 2018",
            estimator="(NIQE + 10 - Ma score) / 2; mean over images",
        ),
    ),
}
NO_REFERENCE = ("niqe", "ma", "pi")  # computed from SR alone
WHOLE_BENCHMARK = ("fid",)  # one value for all images together, none for each


def chosen_protocols(metrics: list[str], given: dict[str, str], crop: int | None = None) -> dict[str, Protocol]:
    """The protocol of each metric: the one that `given` names by its base, else the first.

    Args:
        metrics: names of metrics.
        given: names of protocols, without their crop, by metric.
        crop: another crop than the protocol's, for the metrics that crop at all.

    Raises:
        UserError: a metric or a protocol is unknown.
    """
    for metric in (*metrics, *given):
        if metric not in PROTOCOLS:
            raise UserError(f'unknown metric "{metric}"; {nearest(metric, PROTOCOLS)}')
    chosen = {}
    for metric in metrics:
        bases = {protocol.base: protocol for protocol in PROTOCOLS[metric]}
        base = given.get(metric, PROTOCOLS[metric][0].base)
        if base not in bases:
            raise UserError(f'{metric}: unknown protocol "{base}"; {nearest(base, bases)}')
        chosen[metric] = bases[base] if crop is None or not bases[base].crop else bases[base].with_crop(crop)
    return chosen
