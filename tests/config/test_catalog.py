"""The folder config is found where a command runs, or beside the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gansr.config import catalog as catalog_module
from gansr.config.catalog import Catalog
from gansr.errors import UserError

ROOT = Path(__file__).parents[2]


def weights_list(folder: Path) -> None:
    folder.mkdir(parents=True)
    entry = "{file: net.pth, licence: CC0}"
    (folder / "weights.yaml").write_text(f"weights: {{net: {entry}}}\n", encoding="utf-8")


@pytest.fixture
def installed_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have the package lie in a folder, as <folder>/src/gansr or in site-packages."""
    return lambda package: monkeypatch.setattr(catalog_module, "__file__", str(package / "config" / "catalog.py"))


def test_the_folder_config_here_is_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_in: Callable[[Path], None]
) -> None:
    here, checkout = tmp_path / "here", tmp_path / "checkout"
    for folder in (here, checkout):
        weights_list(folder / "config")
    installed_in(checkout / "src" / "gansr")
    monkeypatch.chdir(here)
    found = Catalog.nearest()
    assert found.folder.resolve() == here / "config"
    assert list(found.weights) == ["net"]


@pytest.mark.parametrize("here", ["nothing", "a folder config of something else"])
def test_elsewhere_it_is_that_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed_in: Callable[[Path], None], here: str
) -> None:
    weights_list(tmp_path / "checkout" / "config")
    installed_in(tmp_path / "checkout" / "src" / "gansr")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if here != "nothing":
        (elsewhere / "config").mkdir()
    monkeypatch.chdir(elsewhere)
    assert Catalog.nearest().folder == tmp_path / "checkout" / "config"


def test_this_checkout_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Catalog.nearest().folder == ROOT / "config"
    assert "alexnet" in Catalog.nearest().weights


def test_where_there_is_neither_both_places_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed_in: Callable[[Path], None],
    one_line: Callable[..., None],
) -> None:
    installed_in(tmp_path / "lib" / "python3.11" / "site-packages" / "gansr")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        Catalog.nearest()
    one_line(str(caught.value), "config/weights.yaml", "not here", "nor beside the package", "checkout")
