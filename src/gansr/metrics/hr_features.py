"""Inception's features of a benchmark's HR images, computed once for all models that are tested on it."""

from __future__ import annotations

from pathlib import Path

from gansr.data.images import list_images, read_prepared
from gansr.errors import UserError
from gansr.metrics.inception import BenchmarkFeatures, Inception
from gansr.metrics.pair import MetricError
from gansr.progress import progress


def write_hr_features(hr_folder: Path, inception: Path, whole: bool, patches: bool, title: str, output: Path) -> None:
    """Write the features of every HR image in a folder.

    Args:
        hr_folder: HR images.
        inception: the weights, verified by the caller.
        whole: whether FID's features are wanted.
        patches: whether KID's are; images smaller than a patch have none.
        title: the name shown with the progress.
        output: an npz file.

    Raises:
        UserError: the folder holds no images, or an image or the weights cannot be read.
    """
    files = list_images(hr_folder)
    if not files:
        raise UserError(f"{hr_folder}: no images; remove the folder and run again")
    network = Inception(inception)
    found = BenchmarkFeatures({}, {})
    for name in progress(list(files), title):
        image = read_prepared(files[name])
        if whole:
            found.whole[name] = network.of_whole(image)
        if patches:
            try:
                found.patches[name] = network.of_patches(image)
            except MetricError:
                continue  # smaller than a patch: the reason is reported when SR is scored
    found.save(output)
