"""The style that all figures share, and functions to save a figure and to add a footnote."""

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
    "pdf.fonttype": 42,  # TrueType fonts: text in the PDF can be selected and edited
}
plt.rcParams.update(STYLE)

# Okabe and Ito's colours, which colour-blind readers can tell apart
MODEL_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
TYPE_NAMES = {"A": "type A (smooth)", "B": "type B (texture)", "C": "type C (regular fine structure)"}


def as_text(name: str) -> str:
    """A model's name for a label, escaped so that matplotlib prints it unchanged.

    Otherwise matplotlib takes text between dollar signs for a formula, and hides a label with a leading underscore.
    """
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def save(figure: Figure, stem: Path) -> None:
    """Write the figure as PDF and PNG, and close it."""
    for suffix in (".pdf", ".png"):
        with atomic_file(stem.with_name(stem.name + suffix)) as partial:
            # without date and software the files of equal figures are identical
            metadata = {"CreationDate": None} if suffix == ".pdf" else {"Software": None}
            figure.savefig(partial, format=suffix[1:], metadata=metadata)
    plt.close(figure)


def footnote(figure: Figure, text: str) -> None:
    """Add small text below the plots, for the size of the run."""
    figure.text(0.01, 0.01, text, fontsize=6.5, color="0.35", ha="left", va="bottom", wrap=True)
