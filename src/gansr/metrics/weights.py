"""Find and verify the weight files that metrics need, and download missing ones if that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gansr.config.catalog import Catalog
from gansr.config.metrics import METRICS
from gansr.data.download import obtain, verify
from gansr.errors import UserError, nearest


@dataclass(frozen=True)
class MetricWeights:
    """The existing weight files and their sha256, by their names in weights.yaml; and why others are absent."""

    files: dict[str, Path] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def metric_weights(
    metrics: list[str], folder: Path | None, download: bool, required: Sequence[str], skip_absent: bool
) -> MetricWeights:
    """The verified weights of metrics, and the reasons why others are absent.

    Args:
        metrics: names of metrics.
        folder: where the files are; by default `weights` beside the catalog's folder.
        download: whether absent files are downloaded.
        required: names of weights whose absence is always an error, even with `skip_absent`.
        skip_absent: whether an absent file is no error; its metrics then have no values.

    Raises:
        UserError: a file is absent that may not be, cannot be downloaded, or is not the published one.
    """
    names = list(dict.fromkeys(name for metric in metrics for name in METRICS[metric].weights))
    found = MetricWeights()
    if not names:
        return found
    catalog = Catalog.nearest()
    folder = folder or catalog.folder.parent / "weights"
    for name in names:
        users = [metric for metric in metrics if name in METRICS[metric].weights]
        if name not in catalog.weights:
            raise UserError(
                f"{', '.join(users)}: config/weights.yaml lists no {name}; {nearest(name, catalog.weights)}"
            )
        expected = catalog.weights[name]
        file = folder / expected.file
        if file.exists():
            receipt = verify(expected, folder)
        elif name in required:
            raise UserError(
                f"{file}: not there any more; put it there, or remove its receipt (receipts/weights/{name}.json in "
                f"data_dir) to have it downloaded again"
            )
        elif download:
            receipt = obtain(expected, folder)
        elif skip_absent:
            found.absent[name] = f"the weights {file} are not there (config/weights.yaml says where from)"
            continue
        else:
            source = expected.addresses[0] if expected.addresses else expected.ask
            raise UserError(
                f"{', '.join(users)}: the weights {file} are not there; add --download, or put them there: {source}"
            )
        found.files[name], found.sha256[name] = file, receipt.sha256
    return found
