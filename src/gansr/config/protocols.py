"""Protocols: named, fixed sets of choices (colour space, crop, network, resizing), by one of which a score is computed.

When published scores of the same images disagree, they mostly differ in one of these choices. Therefore score files
and the notes of tables name the protocol of every score. A metric's protocols are listed in its row (metrics.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Colour = Literal["rgb", "y_unrounded", "y_rounded", "y_images"]
LUMA_ALONE: Colour = "y_images"
COLOURS: dict[Colour, str] = {
    "rgb": "8-bit RGB",
    "y_unrounded": "luma of 8-bit RGB (BT.601, 16 to 235), not rounded",
    "y_rounded": "luma of 8-bit RGB (BT.601, 16 to 235), rounded to 8 bit as MATLAB's rgb2ycbcr does",
    "y_images": "SR images that hold 8-bit luma alone, against the rounded luma of HR",
}


@dataclass(frozen=True)
class Protocol:
    """How one metric is computed.

    `crop` is in pixels from each side; `network` names a network with its weights; `resize` says how an image is
    resized before the network; `estimator` how the score is computed from all images or their features.
    """

    base: str
    colour: Colour
    crop: int = 0
    network: str = ""
    resize: str = ""
    estimator: str = "mean over images"

    @property
    def name(self) -> str:
        """The name in score files and notes: the base, and the crop where there is one."""
        return f"{self.base}_crop{self.crop}" if self.crop else self.base

    @property
    def text(self) -> str:
        """All choices in words."""
        crop = f"{self.crop} px cropped from each side" if self.crop else "no crop"
        parts = [self.network, COLOURS[self.colour], crop, self.resize, self.estimator]
        return f"{self.name}: {'; '.join(part for part in parts if part)}"

    def with_crop(self, crop: int) -> Protocol:
        """This protocol with another crop, which also changes its name."""
        return replace(self, crop=crop)


def hold_luma_alone(protocols: Iterable[Protocol]) -> bool:
    """Whether the SR images that these protocols are for hold luma and no colour."""
    return any(protocol.colour == LUMA_ALONE for protocol in protocols)
