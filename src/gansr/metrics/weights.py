"""The files that metrics need, found, verified, and downloaded where that is wanted."""

from __future__ import annotations

from pathlib import Path

from gansr.config.catalog import Catalog
from gansr.config.weights import METRIC_WEIGHTS
from gansr.data.download import obtain, verify
from gansr.errors import UserError


def metric_weights(
    metrics: list[str], folder: Path | None, download: bool, required: list[str], skip_absent: bool
) -> tuple[dict[str, Path], dict[str, str]]:
    """The weights of metrics by their names in weights.yaml, and why others are absent.

    Args:
        metrics: names of metrics.
        folder: where the files are; by default `weights` beside the catalog's folder.
        download: whether absent files are downloaded.
        required: names of weights that may not be absent, whatever `skip_absent` says.
        skip_absent: whether an absent file costs its metrics their values, and is no error.

    Raises:
        UserError: a file is absent that may not be, cannot be downloaded, or is not the published one.
    """
    names = list(dict.fromkeys(name for metric in metrics for name in METRIC_WEIGHTS.get(metric, ())))
    if not names:
        return {}, {}
    catalog = Catalog.nearest()
    folder = folder or catalog.folder.parent / "weights"
    found, absent = {}, {}
    for name in names:
        expected = catalog.weights[name]
        file = folder / expected.file
        if file.exists():
            verify(expected, folder)
        elif name in required:
            raise UserError(
                f"{file}: not there any more; put it there, or remove its receipt (receipts/weights/{name}.json in "
                f"data_dir) to have it downloaded again"
            )
        elif download:
            obtain(expected, folder)
        elif skip_absent:
            absent[name] = f"the weights {file} are not there (config/weights.yaml says where from)"
            continue
        else:
            users = [metric for metric in metrics if name in METRIC_WEIGHTS.get(metric, ())]
            source = expected.addresses[0] if expected.addresses else expected.ask
            raise UserError(
                f"{', '.join(users)}: the weights {file} are not there; add --download, or put them there: {source}"
            )
        found[name] = file
    return found, absent
