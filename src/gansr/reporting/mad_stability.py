"""The MAD stability curves (LDL, Fig. 4): how much SR of a patch still changes during fine-tuning.

MAD(k) = mean |SR(k) - SR(k + p)| over channels and pixels, of the raw generator, p the snapshot interval.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gansr.atomic import atomic_file
from gansr.errors import UserError
from gansr.reporting.facts import perceptual_facts, read_spec, scale_line
from gansr.reporting.figures import TYPE_COLOURS, TYPE_NAMES, footnote, save


def mad_curves(snapshots: Path, model: str) -> pd.DataFrame:
    """The curves of one model: model, patch, type, iteration (k), mad (of SR in [0, 1]).

    Raises:
        UserError: the file is broken, or holds fewer than two snapshots.
    """
    try:
        with np.load(snapshots) as kept:
            iterations = kept["iterations"]
            patches = [
                (str(label), str(kind), kept[str(label)])
                for label, kind in zip(kept["labels"], kept["types"], strict=True)
            ]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{snapshots}: cannot read the snapshots ({error}); train the model again") from None
    if len(iterations) < 2:
        raise UserError(f"{snapshots}: one snapshot gives no difference; lower mad.interval below the iterations")
    rows = [
        (model, label, kind, int(iteration), float(np.abs(later - earlier).mean()))
        for label, kind, sr in patches
        for iteration, earlier, later in zip(iterations[:-1], sr[:-1], sr[1:], strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "patch", "type", "iteration", "mad"])


def write_mad_stability(data: dict[str, Any], run_folder: Path) -> None:
    """Write mad_stability.csv, .pdf and .png into results/<run>/figures."""
    models = [(name, slug) for name, slug in data["models"]]
    curves = pd.concat([mad_curves(run_folder / "models" / slug / "snapshots.npz", name) for name, slug in models])
    specs = [read_spec(run_folder, slug) for _, slug in models]
    interval = specs[0]["spec"]["mad_interval"]

    figure, axes = plt.subplots(figsize=(6.4, 4.0))
    for (name, _), style in zip(models, ("-", "--"), strict=True):
        for (patch, kind), curve in curves[curves["model"] == name].groupby(["patch", "type"], sort=False):
            axes.plot(
                curve["iteration"], curve["mad"], style, color=TYPE_COLOURS[str(kind)], linewidth=1.3, label=patch
            )
    axes.set_xlabel("iteration k")
    axes.set_ylabel(f"MAD between SR at k and k + {interval} (SR in [0, 1])")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Stability of fine-tuning on {_patches(curves)}")
    _legends(axes, [name for name, _ in models], sorted(curves["type"].unique()))
    words = [scale_line(data["run"], data["scale"], specs, _patches(curves))]
    words += list(dict.fromkeys(filter(None, map(perceptual_facts, specs))))
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    footnote(figure, "\n".join([*words, "Not a reproduction of the paper's setting."]))

    folder = run_folder / "figures"
    with atomic_file(folder / "mad_stability.csv") as partial:
        curves.to_csv(partial, index=False, float_format="%.6g")
    save(figure, folder / "mad_stability")


def _patches(curves: pd.DataFrame) -> str:
    number = curves["patch"].nunique()
    return "1 patch" if number == 1 else f"{number} patches"


def _legends(axes: Axes, models: list[str], types: list[str]) -> None:
    """One legend for the patch types (colours), one for the models (line styles), both clear of the curves."""
    kinds = [Line2D([], [], color=TYPE_COLOURS[kind], label=TYPE_NAMES[kind]) for kind in types]
    solid, dashed = models
    lines = [
        Line2D([], [], color="0.3", linestyle="-", label=solid),
        Line2D([], [], color="0.3", linestyle="--", label=dashed),
    ]
    top = axes.get_ylim()[1]
    axes.set_ylim(0, top * 1.3)
    first = axes.legend(handles=kinds, loc="upper left", fontsize=8)
    axes.add_artist(first)
    axes.legend(handles=lines, loc="upper right", fontsize=8)
