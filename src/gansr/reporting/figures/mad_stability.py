"""The MAD stability curves (LDL, Fig. 4): how much SR of a patch still changes during fine-tuning.

MAD(k) = mean |SR(k) - SR(k + p)| over channels and pixels, of the raw generator, p the snapshot interval.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from pydantic import Field

from gansr.atomic import atomic_file
from gansr.errors import UserError
from gansr.reporting.figure_inputs import FigureInputs
from gansr.reporting.figure_style import MODEL_COLOURS, TYPE_NAMES, as_text, footnote, save

VERSION = 1
TITLE = "MAD stability"
CAPTION = """
Mean absolute difference between SR outputs of fixed patches at consecutive snapshots of fine-tuning (LDL, Fig. 4).
"""
READS = ("snapshots",)


def models(options: dict[str, Any]) -> list[str]:
    """The models whose curves are drawn."""
    return list(options["models"])


def files(options: dict[str, Any], patch_types: list[str]) -> list[str]:
    """The curves as numbers and as a figure."""
    return ["mad_stability.csv", "mad_stability.pdf", "mad_stability.png"]


def check(options: dict[str, Any], models: list[dict[str, Any]], mad: dict[str, Any]) -> None:
    """Refuse trainings that end before a second snapshot is kept.

    Raises:
        ValueError: the interval is longer than a training.
    """
    for model in models:
        if mad["interval"] > model["iterations"]:
            raise ValueError(
                f"mad.interval: {mad['interval']} is more than the {model['iterations']} iterations of "
                f"{model['name']}; lower it"
            )


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


def draw(inputs: FigureInputs, *, models: Annotated[list[str], Field(min_length=1, max_length=6)]) -> None:
    """A panel for each type of patch, a line for each model.

    Args:
        inputs: the models with their snapshots.
        models: the fine-tuned models whose curves are drawn.
    """
    snapshots = {model.name: inputs.paths.snapshots(model.folder) for model in inputs.models}
    curves = pd.concat([mad_curves(file, name) for name, file in snapshots.items()])
    interval = inputs.specs()[0]["job"]["mad_interval"]
    kinds = sorted(curves["type"].unique())

    width, rows = max(6.0, 1.6 + 2.8 * len(kinds)), -(-len(models) // 3)
    # one scale for all panels, so that patch types can be compared
    figure, axes = plt.subplots(1, len(kinds), figsize=(width, 3.6 + 0.2 * rows), squeeze=False, sharey=True)
    for axis, kind in zip(axes[0], kinds, strict=True):
        _panel(axis, curves[curves["type"] == kind], models)
        axis.set_title(TYPE_NAMES[kind], fontsize=9)
    axes[0, 0].set_ylim(0, 1.05 * max(curves["mad"].max(), 1e-9))
    axes[0, 0].set_ylabel(f"MAD between SR at k and k + {interval}\n(SR not clipped)")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0, 0.94), ncols=3, fontsize=8
    )
    figure.suptitle(f"Stability of fine-tuning on {_patches(curves)}", x=0.01, ha="left", fontsize=10)
    words = [*inputs.scale_words(_patches(curves)), "Not a reproduction of the paper's setting."]
    figure.tight_layout(rect=(0, 0.11, 1, 0.98 - 0.06 * rows))
    footnote(figure, "\n".join(words))

    with atomic_file(inputs.output("mad_stability.csv")) as partial:
        curves.to_csv(partial, index=False, float_format="%.6g")
    save(figure, inputs.output("mad_stability"))


def _panel(axis: Axes, curves: pd.DataFrame, models: list[str]) -> None:
    """Draw the curves of one patch type; all patches of a model have the model's colour."""
    for name, colour in zip(models, MODEL_COLOURS, strict=False):
        patches = curves[curves["model"] == name].groupby("patch", sort=False)
        for number, (_, curve) in enumerate(patches):
            label = as_text(name) if number == 0 else None
            axis.plot(curve["iteration"], curve["mad"], color=colour, linewidth=1.3, label=label)
    axis.set_xlabel("iteration k")


def _patches(curves: pd.DataFrame) -> str:
    number = curves["patch"].nunique()
    return "1 patch" if number == 1 else f"{number} patches"
