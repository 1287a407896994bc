"""How models were made and the size of the run, in words, for the notes of tables and the footnotes of figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from gansr.errors import UserError
from gansr.paths import RunPaths


def read_spec(run_folder: Path, model: str) -> dict[str, Any]:
    """The spec.yaml of a model, by its folder.

    Raises:
        UserError: it cannot be read.
    """
    file = RunPaths(run_folder).spec(model)
    try:
        spec: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{file}: cannot read the spec ({error}); train the model again") from None
    if not isinstance(spec, dict):
        raise UserError(f"{file}: holds no spec; train the model again")
    return spec


def training_words(trained: dict[str, Any], seeds: Sequence[int] | None = None) -> str:
    """One model in one line: generator, size, iterations, batch, patch, training images; or how else it was made."""
    job = trained["job"]
    size = ", ".join(f"{key} {value}" for key, value in sorted(job["generator"].items()) if key != "network")
    generator = f"{job['generator']['network']} ({size}; {trained['parameters'] / 1e6:.2f} M parameters)"
    if "interpolate" in job:
        (first, second), alpha = job["interpolate"]["between"], job["interpolate"]["alpha"]
        return f"{generator}, {1 - alpha:g} x the weights that {first} is tested with + {alpha:g} x those of {second}"
    if "released" in job:
        return f"{generator}, {job['released']['file']}, sha256 {trained['inputs']['released_sha256'][:8]}..."
    method = job["method"]
    return (
        f"{generator}, {method['iterations']:,} iterations, batch {method['batch_size']}, "
        f"HR patches of {method['patch_size']} px, "
        f"{len(trained['inputs']['training_images'])} training images, "
        + (f"seeds {', '.join(map(str, seeds))}" if seeds else f"seed {job['seed']}")
    )


def perceptual_words(trained: list[dict[str, Any]]) -> list[str]:
    """A sentence for each kind of perceptual network without pretrained weights with which models were trained."""
    return list(dict.fromkeys(filter(None, map(_perceptual, trained))))


def _perceptual(trained: dict[str, Any]) -> str | None:
    for name, term in trained["job"].get("method", {"losses": {}})["losses"].items():
        if term.get("loss", name) == "perceptual" and term["weight"] > 0 and term["weights"] != "pretrained":
            return (
                f"The perceptual loss used VGG19's layers with {term['weights']} weights "
                f"(seeded, {term['width']} of 64 base channels), not a pretrained VGG19."
            )
    return None


def scale_line(run: str, scale: int, trained: list[dict[str, Any]], tested: str) -> str:
    """The size of the run in one line: parameters, iterations, training images; for comparing it with a paper."""
    trained = [model for model in trained if "method" in model["job"]]
    if not trained:
        return f"Run {run}, x{scale}: nothing trained, {tested}."
    iterations = sorted({model["job"]["method"]["iterations"] for model in trained})
    images = sorted({len(model["inputs"]["training_images"]) for model in trained})
    parameters = sorted({model["parameters"] for model in trained})
    return (
        f"Run {run}, x{scale}: {_range([f'{n / 1e6:.2f}' for n in parameters])} M parameters, "
        f"{_range([f'{n:,}' for n in iterations])} iterations, {_range([str(n) for n in images])} training images, "
        f"{tested}."
    )


def _range(values: list[str]) -> str:
    return values[0] if len(set(values)) == 1 else f"{values[0]} to {values[-1]}"
