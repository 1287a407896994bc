"""The rows of the metrics: each names files that are there, with a version, and weights that are listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gansr.config.catalog import Catalog
from gansr.config.metrics import FOLDER, METRICS, ROWS, MetricDefinition, file_version, versions
from gansr.schema import plugins

# every file there that is not a metric's, or part of one: code that all of them share counts by code_versions.METRICS
SHARED = {"__init__", "hr_features", "kept_values", "mat_file", "pair", "score", "scorer", "weights"}


# what a file that serves several metrics imports for one of them; Inception's of trunks is the exactness alone
OF_ONE_METRIC = {
    "psnr_ssim": {"ssim_window"},
    "perceptual": {"dists", "lpips_distance"},
    "inception_scores": {"fid", "kid"},
    "inception": {"trunks"},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_names_files_that_have_a_version(row: MetricDefinition) -> None:
    assert METRICS[row.name] is row
    found = versions(row.name)
    assert list(found)[: 1 + len(row.parts)] == [row.computed_in, *row.parts]
    assert all(isinstance(version, int) for version in found.values())
    functions = (FOLDER / f"{row.computed_in}.py").read_text(encoding="utf-8")
    assert ("def combine(" if row.made_of else "def build(") in functions


def test_every_file_of_the_metrics_counts_for_some_metric_or_is_shared_by_all() -> None:
    counted = {file for name in METRICS for file in versions(name)}
    assert {file.stem for file in FOLDER.glob("*.py")} == counted | SHARED
    assert not counted & SHARED


def test_a_file_counts_for_every_metric_whose_file_imports_it() -> None:
    for name in METRICS:
        for file in versions(name):
            text = (FOLDER / f"{file}.py").read_text(encoding="utf-8")
            imported = set(re.findall(r"^from gansr\.metrics\.(\w+) import", text, flags=re.MULTILINE))
            assert imported - SHARED - OF_ONE_METRIC.get(file, set()) <= set(versions(name)), (name, file)


def test_weights_are_listed_and_names_are_no_others(catalog: Catalog) -> None:
    assert {weights for row in ROWS for weights in row.weights} <= set(catalog.weights)
    assert len({row.name for row in ROWS}) == len({row.label for row in ROWS}) == len(ROWS)
    for row in ROWS:
        for part in row.made_of:
            assert set(METRICS[part].weights) <= set(row.weights)
            assert not METRICS[part].of_all_images and row.needs_hr >= METRICS[part].needs_hr


def test_what_is_made_of_others_counts_by_their_files_too() -> None:
    assert versions("pi") == versions("niqe") | versions("ma") | {"pi": file_version("pi")}
    assert versions("fid").keys() ^ versions("kid").keys() == {"fid", "kid"}


def test_a_file_without_a_version_counts_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def build(protocols, inputs): ...\n")
    first = plugins.version_of(file)
    assert isinstance(first, str) and first.startswith("sha256:")
    other = tmp_path / "other.py"
    other.write_text("def build(protocols, inputs): return None\n")
    assert plugins.version_of(other) != first
    numbered = tmp_path / "numbered.py"
    numbered.write_text('"""Own."""\nVERSION = 4\n')
    assert plugins.version_of(numbered) == 4
