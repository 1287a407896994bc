"""PI: the perceptual index of the PIRM challenge 2018 (Blau et al., ECCV workshops 2018), of NIQE and the Ma score."""

from __future__ import annotations

VERSION = 1


def combine(niqe: float, ma: float) -> float:
    """((10 - Ma) + NIQE) / 2 of an image; lower is better."""
    return (niqe + 10 - ma) / 2
