"""Weight files are listed with their sha256, and another file is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.config.weights import METRIC_WEIGHTS, WeightFile, load_weight_files, verify
from gansr.errors import UserError

ENTRY = {"file": "net.pth", "sha256": "0" * 64, "bytes": 10, "address": "somewhere", "licence": "CC0"}


def expected(**changes: Any) -> WeightFile:
    return WeightFile.model_validate(ENTRY | changes)


def test_the_networks_that_losses_and_metrics_need_are_listed(catalog: Catalog) -> None:
    assert set(catalog.weights) == {"alexnet", "vgg16", "vgg19"}
    assert METRIC_WEIGHTS == {"lpips_alex": "alexnet", "lpips_vgg": "vgg16"}
    for weights in catalog.weights.values():
        # torchvision's file names end with the first eight digits of their sha256
        assert weights.file.endswith(f"-{weights.sha256[:8]}.pth")
        assert weights.address.endswith(f"/{weights.file}")


def test_the_right_content_passes(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"weights")
    verify(file, expected(sha256=hashlib.sha256(b"weights").hexdigest(), bytes=7))


def test_other_content_is_refused_with_both_sums(tmp_path: Path, one_line: Callable[..., None]) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"broken")
    with pytest.raises(UserError) as caught:
        verify(file, expected(bytes=6))
    one_line(str(caught.value), str(file), "0" * 64, hashlib.sha256(b"broken").hexdigest(), "download")


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, one_line: Callable[..., None], name: str) -> None:
    with pytest.raises(UserError) as caught:
        verify(tmp_path / name, expected(bytes=(tmp_path / name).stat().st_size if name == "." else 1))
    one_line(str(caught.value), str(tmp_path / name), "cannot read")


def test_a_download_that_broke_off_is_refused_before_it_is_read(tmp_path: Path, one_line: Callable[..., None]) -> None:
    (tmp_path / "net.pth").write_bytes(b"half")
    with pytest.raises(UserError) as caught:
        verify(tmp_path / "net.pth", expected(bytes=8))
    one_line(str(caught.value), "4 bytes", "expected 8", "repeat")


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
