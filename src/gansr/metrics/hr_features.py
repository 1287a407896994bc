"""Inception's features of a benchmark's HR images, computed once for all models that are tested on it."""

from __future__ import annotations

from pathlib import Path

from gansr.data.images import list_images, read_prepared
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
        title: what the progress is called.
        output: an npz file.

    Raises:
        UserError: an image or the weights cannot be read.
    """
    network = Inception(inception)
    found = BenchmarkFeatures({}, {})
    files = list_images(hr_folder)
    for name in progress(list(files), title):
        image = read_prepared(files[name])
        if whole:
            found.whole[name] = network.of_whole(image)
        if patches:
            try:
                found.patches[name] = network.of_patches(image)
            except MetricError:
                continue  # the scores of SR say so
    found.save(output)
