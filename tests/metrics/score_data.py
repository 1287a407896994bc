"""Folders of SR and HR images, the models that their metrics need, and how they are scored."""

import csv
import json

import numpy as np
from ma_model import random_forests, write_model
from PIL import Image
from scipy.io import savemat

from gansr.config.metrics import chosen_protocols
from gansr.metrics.pair import Pair
from gansr.metrics.score import Task, score_benchmark


def texture(height, width, seed):
    """An image with noise everywhere, so that no block of it is flat."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 125 + 40 * np.sin(rows / 9 + seed)[..., None] * np.cos(columns[..., None] / 7 + np.arange(3))
    noise = random.gamma(2.0, 9.0, smooth.shape) * random.choice([-1, 1], smooth.shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def write_images(root, sizes, suffix=""):
    """HR, and SR near it, of images with these heights and widths."""
    for kind in ("SR", "HR"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    for seed, (name, (height, width)) in enumerate(sizes.items()):
        hr = texture(height, width, seed)
        change = np.random.default_rng(100 + seed).normal(0, 12, hr.shape)
        sr = np.clip(hr + change, 0, 255).astype(np.uint8)
        Image.fromarray(hr).save(root / "HR" / f"{name}.png")
        Image.fromarray(sr).save(root / "SR" / f"{name}{suffix}.png")
    return root


def read_pair(root, name):
    """The pair as it lies in the folders."""
    return Pair(*(np.asarray(Image.open(root / kind / f"{name}.png").convert("RGB")) for kind in ("SR", "HR")))


def niqe_model(file):
    """A pristine model made here, in the layout of the authors' file."""
    random = np.random.default_rng(5)
    factor = random.normal(0, 0.3, (36, 40))
    covariance = factor @ factor.T / 40 + 0.02 * np.eye(36)
    savemat(file, {"mu_prisparam": random.uniform(0.2, 3, (1, 36)), "cov_prisparam": covariance})
    return file


def ma_file(file):
    """Forests made here, in the layout of the authors' file."""
    return write_model(file, random_forests(trees=3))


def scores(root, metrics, given=None, crop=None, **options):
    """The scores of the folders."""
    options = {"hr_folder": root / "HR"} | options
    return score_benchmark(Task(root / "SR", protocols=chosen_protocols(list(metrics), given or {}, crop), **options))


def written(root, metrics, **options):
    """The rows and the notes of the files that the scores are written to."""
    output = root / "scores" / "own.csv"
    scores(root, metrics, **options).write(output)
    with output.open(newline="") as stream:
        return list(csv.DictReader(stream)), json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))


def values(result, metric):
    """Values by image, as they are in the rows."""
    rows = result.rows[result.rows["metric"] == metric]
    return dict(zip(rows["image"], rows["value"], strict=True))
