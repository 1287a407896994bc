"""The artifact-map strips (LDL, Fig. 5): from SR and HR to the refined map, for one patch of each type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from gansr.data.images import read_prepared
from gansr.data.mad_patches import cut_with_context, read_mad_patches
from gansr.losses.artifact import ArtifactMap, artifact_map
from gansr.networks.build import build_generator
from gansr.networks.weight_files import load_weights
from gansr.paths import hr_images, lr_images
from gansr.plan.jobs.figure import FigureModel
from gansr.reporting.figure_inputs import FigureInputs
from gansr.reporting.figure_style import TYPE_NAMES, as_text, footnote, save
from gansr.schema import plugins
from gansr.upscaling import upscale_patch

VERSION = 1
TITLE = "artifact maps"
CAPTION = "From SR and HR to the refined artifact map, for one patch of each type (LDL, Fig. 5)."
READS = ("weights", "mad_patches")
PANELS = ["SR", "HR", r"$|R|$", r"$M$", r"$\sigma\,M$", r"$M_{refine}$", r"$|R_1| < |R_2|$"]


def models(options: dict[str, Any]) -> list[str]:
    """The model whose maps are drawn."""
    return [options["model"]]


def files(options: dict[str, Any], patch_types: list[str]) -> list[str]:
    """A strip for each type of patch."""
    return [f"artifact_map_{kind}.{form}" for kind in patch_types for form in ("pdf", "png")]


def check(options: dict[str, Any], models: list[dict[str, Any]], mad: dict[str, Any]) -> None:
    """Refuse a model that the map is not defined for.

    Raises:
        ValueError: it is not fine-tuned, or has no EMA model.
    """
    for model in models:
        if model["stage"] != "finetune":
            raise ValueError(f"{model['name']} is not fine-tuned, the map is of no interest; name another")
        if model["ema_decay"] is None:
            raise ValueError(f"{model['name']} has no EMA model to compare with; set ema_decay")


def draw(inputs: FigureInputs, *, model: str) -> None:
    """A strip for the first patch of each type.

    SR is of the raw generator, R_1 its residual, R_2 that of the EMA model; both at the end of training.

    Args:
        inputs: the model with its weights, the patches and the images from which they are cut.
        model: the fine-tuned model, with EMA weights.
    """
    strips: dict[str, tuple[Tensor, Tensor, ArtifactMap]] = {}
    for patch in read_mad_patches(inputs.mad_patches):
        if patch["type"] not in strips:
            strips[patch["type"]] = _maps(inputs, patch)
    words = [*inputs.scale_words("one patch of each type"), "Not a reproduction of the paper's setting."]
    # one colour scale for all strips; otherwise a smooth patch would look as bad as a difficult one
    limits = {
        "residual": max(_top(maps.residual) for _, _, maps in strips.values()),
        "local_variance": max(_top(maps.local_variance) for _, _, maps in strips.values()),
    }
    for kind, (sr, hr, maps) in strips.items():
        _draw(
            f"{as_text(model)}, {TYPE_NAMES[kind]}",
            sr,
            hr,
            maps,
            limits,
            words,
            inputs.output(f"artifact_map_{kind}"),
        )


def _maps(inputs: FigureInputs, patch: dict[str, Any]) -> tuple[Tensor, Tensor, ArtifactMap]:
    (model,), scale, images = inputs.models, inputs.job.scale, inputs.images
    assert model.generator is not None
    top, left, size = patch["top"], patch["left"], patch["size"]
    whole = read_prepared(hr_images(images) / f"{patch['image']}.png")
    hr = torch.from_numpy(whole[top : top + size, left : left + size].copy()).permute(2, 0, 1)[None].float() / 255
    lr = cut_with_context(read_prepared(lr_images(images) / f"{patch['image']}.png"), patch, scale)
    outputs = []
    for kind in ("raw", "ema"):
        generator = build_generator(model.generator, scale).eval()
        load_weights(generator, inputs.paths.weights(model.folder, kind))
        outputs.append(upscale_patch(generator, lr)[None])
    sr, ema_sr = outputs
    loss = _loss_options(model)
    return sr, hr, artifact_map(sr, hr, ema_sr, loss["window"], loss["patch_weight_root"], loss["residual"])


def _loss_options(model: FigureModel) -> dict[str, Any]:
    """The options of the model's artifact loss, or the defaults if the model has none."""
    given = [options for term, options in model.losses.items() if options.get("loss", term) == "artifact"]
    return plugins.default_options("loss", "artifact") | (given[0] if given else {})


def _draw(
    title: str, sr: Tensor, hr: Tensor, maps: ArtifactMap, limits: dict[str, float], words: list[str], stem: Path
) -> None:
    assert maps.improved is not None
    panels = [_image(sr), _image(hr), _map(maps.residual), _map(maps.local_variance)]
    panels += [_map(maps.sigma * maps.local_variance), _map(maps.refined), _map(maps.improved.float())]
    tops = [None, None, limits["residual"], *[limits["local_variance"]] * 3, 1.0]
    figure, axes = plt.subplots(1, len(panels), figsize=(11.5, 2.6))
    figure.subplots_adjust(left=0.005, right=0.995, top=0.82, bottom=0.22, wspace=0.05)
    headings = [*PANELS[:4], f"{PANELS[4]},  $\\sigma$ = {float(maps.sigma):.2f}", *PANELS[5:]]
    for axis, heading, panel, top in zip(axes, headings, panels, tops, strict=True):
        colours = "gray" if top == 1.0 else "viridis"
        shown = axis.imshow(panel, cmap=colours, vmin=0, vmax=top, interpolation="nearest")
        axis.set_title(heading, fontsize=10)
        axis.set_axis_off()
        if top not in (None, 1.0):
            bar = figure.colorbar(
                shown, cax=axis.inset_axes((0, -0.09, 1, 0.05)), orientation="horizontal", extend="max"
            )
            bar.ax.tick_params(labelsize=6, pad=1)
            bar.locator = plt.MaxNLocator(3, prune="upper")
            bar.update_ticks()
    figure.suptitle(title, x=0.005, y=0.99, ha="left", fontsize=10)
    footnote(
        figure, " ".join([*words, "White in the last panel: SR is closer to HR than the EMA model's; not penalised."])
    )
    save(figure, stem)


def _top(values: Tensor) -> float:
    """The upper end of the colour scale, the 99.5 % quantile, so that a few outliers do not determine it."""
    return float(torch.quantile(values.flatten(), 0.995))


def _image(tensor: Tensor) -> np.ndarray:
    pixels: np.ndarray = tensor[0].clamp(0, 1).permute(1, 2, 0).numpy()
    return pixels


def _map(tensor: Tensor) -> np.ndarray:
    values: np.ndarray = tensor[0, 0].numpy()
    return values
