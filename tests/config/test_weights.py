"""Weight files are listed with where they come from and what they must be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.metrics import METRICS
from gansr.config.weights import load_weight_files
from gansr.errors import UserError

ENTRY = {
    "file": "net.pth",
    "sha256": "0" * 64,
    "bytes": 10,
    "addresses": ["https://somewhere/net.pth"],
    "licence": "CC0",
}


def test_the_networks_that_losses_and_metrics_need_are_listed(catalog: Catalog) -> None:
    needed = {name: row.weights for name, row in METRICS.items()}
    assert needed == {
        "psnr_y": (),
        "ssim_y": (),
        "lpips_alex": ("alexnet",),
        "lpips_vgg": ("vgg16",),
        "dists": ("vgg16", "dists"),
        "fid": ("inception",),
        "kid": ("inception",),
        "niqe": ("niqe",),
        "ma": ("nrqm",),
        "pi": ("niqe", "nrqm"),
    }
    assert {"vgg19", *(name for names in needed.values() for name in names)} <= set(catalog.weights)
    for name in ("alexnet", "vgg16", "vgg19"):
        weights = catalog.weights[name]
        # torchvision's file names end with the first eight digits of their sha256
        assert weights.sha256 and weights.file.endswith(f"-{weights.sha256[:8]}.pth")
        assert weights.addresses[0].endswith(f"/{weights.file}")


def test_a_gpu_is_taken_for_metrics_of_networks_alone() -> None:
    parameters = {"niqe", "nrqm"}  # of formulas and forests
    for row in METRICS.values():
        assert row.on_gpu == (not set(row.weights) <= parameters)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha265": "1"}, ['unknown key "sha265"', 'did you mean "sha256"?']),
        ({"sha256": "abc"}, ["net.sha256", "'abc'"]),
        ({"bytes": 0}, ["net.bytes", "0"]),
        ({"licence": 3}, ["net.licence", "3"]),
    ],
)
def test_a_wrong_entry_is_refused(
    tmp_path: Path, one_line: Callable[..., None], change: dict[str, Any], words: list[str]
) -> None:
    file = tmp_path / "weights.yaml"
    file.write_text(yaml.safe_dump({"weights": {"net": ENTRY | change}}), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_weight_files(file)
    one_line(str(caught.value), str(file), *words)
