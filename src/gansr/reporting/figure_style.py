"""The look that figures share, and files that appear when they are complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from gansr.atomic import atomic_file

STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # embedded TrueType: text stays text
}
plt.rcParams.update(STYLE)

# Okabe and Ito's colours, which colour-blind readers can tell apart
MODEL_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
TYPE_NAMES = {"A": "type A (smooth)", "B": "type B (texture)", "C": "type C (regular fine structure)"}


def as_text(name: str) -> str:
    """A model's name as it is: matplotlib would set what stands between dollar signs, and hide a leading underscore."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def save(figure: Figure, stem: Path) -> None:
    """Write the figure as PDF and PNG beside each other, and close it."""
    for suffix in (".pdf", ".png"):
        with atomic_file(stem.with_name(stem.name + suffix)) as partial:
            # without a date the same figure is the same file
            metadata = {"CreationDate": None} if suffix == ".pdf" else {"Software": None}
            figure.savefig(partial, format=suffix[1:], metadata=metadata)
    plt.close(figure)


def footnote(figure: Figure, text: str) -> None:
    """The scale of the run, small, below the plots."""
    figure.text(0.01, 0.01, text, fontsize=6.5, color="0.35", ha="left", va="bottom", wrap=True)
