"""An SR image with its HR image; luma and tensors, which several metrics need, are computed once and kept."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gansr.config.protocols import Colour
from gansr.errors import UserError

if TYPE_CHECKING:
    import torch

LUMA = np.array([65.481, 128.553, 24.966])  # of BT.601, for RGB in [0, 1]
LUMA_INTEGER = np.array([65481, 128553, 24966])  # the same, times 1000: integers, in which .5 is exact when rounding


class ImageError(UserError):
    """A protocol cannot be applied to an image; the caller, which knows the image's file, adds its name."""


class MetricError(Exception):
    """A metric cannot be computed on an image or a benchmark; other metrics are still computed."""


def luma(image: np.ndarray, rounded: bool = False) -> np.ndarray:
    """Y of H x W x 3 uint8 RGB, in [16, 235], float64; rounded to whole numbers as MATLAB does for 8-bit images."""
    if rounded:
        y: np.ndarray = ((image @ LUMA_INTEGER + 127_500) // 255_000 + 16).astype(np.float64)
    else:
        y = image.astype(np.float64) / 255 @ LUMA + 16
    return y


class Pair:
    """An SR and an HR image, H x W x 3 uint8 RGB; HR may be absent for metrics that need none.

    Raises:
        UserError: the images differ in size.
    """

    def __init__(self, sr: np.ndarray, hr: np.ndarray | None) -> None:
        if hr is not None and sr.shape != hr.shape:
            raise UserError(
                f"SR is {sr.shape[0]} x {sr.shape[1]}, HR is {hr.shape[0]} x {hr.shape[1]}; they must agree"
            )
        self.sr, self._hr = sr, hr
        self._lumas: dict[tuple[str, Colour], np.ndarray] = {}

    @property
    def hr(self) -> np.ndarray:
        """The HR image."""
        assert self._hr is not None
        return self._hr

    def sr_luma(self, colour: Colour) -> np.ndarray:
        """Luma of SR, H x W in 0 to 255.

        Raises:
            ImageError: the protocol is for SR that holds luma alone, and this one has colour.
        """
        if ("sr", colour) not in self._lumas:
            self._lumas["sr", colour] = self._make_sr_luma(colour)
        return self._lumas["sr", colour]

    def hr_luma(self, colour: Colour) -> np.ndarray:
        """Luma of HR, H x W in 0 to 255."""
        if ("hr", colour) not in self._lumas:
            self._lumas["hr", colour] = luma(self.hr, rounded=colour != "y_unrounded")
        return self._lumas["hr", colour]

    def _make_sr_luma(self, colour: Colour) -> np.ndarray:
        if colour == "y_images":
            if (self.sr != self.sr[..., :1]).any():
                raise ImageError("has colour; the protocol y_images is for SR images that hold luma alone")
            return self.sr[..., 0].astype(np.float64)
        return luma(self.sr, rounded=colour == "y_rounded")

    @cached_property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """SR and HR as 1 x 3 x H x W float32 in [0, 1], on the device that networks run on."""
        return to_tensor(self.sr), to_tensor(self.hr)


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """H x W x 3 uint8 to 1 x 3 x H x W float32 in [0, 1], on the device that networks run on."""
    import torch

    from gansr.networks.build import device

    pixels = torch.from_numpy(np.array(image, order="C")).to(device())  # a copy: read images cannot be written to
    return pixels.permute(2, 0, 1)[None].float() / 255


def cropped(y: np.ndarray, crop: int, smallest: int = 1) -> np.ndarray:
    """An H x W image without `crop` pixels at each side.

    Raises:
        ImageError: less than `smallest` pixels would be left in a direction.
    """
    height, width = y.shape
    if min(height, width) < 2 * crop + smallest:
        raise ImageError(f"{height} x {width} is too small to crop {crop} px from each side; use a smaller crop")
    return y[crop : height - crop, crop : width - crop]
