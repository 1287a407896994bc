"""What makes a job run again: versions of plug-in files, and defaults that may not change under one version."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gansr import code_versions
from gansr.config.dataset import Dataset, Source
from gansr.config.method import Optimizer, ParameterGroup, Recipe
from gansr.config.schedule import CosineRestarts, MultiStep
from gansr.config.tables import PublishedValues, Remark, Table
from gansr.config.training_settings import ResultSettings
from gansr.errors import UserError
from gansr.plan.jobs.table import TableEntry
from gansr.schema import plugin_text, plugins

RECORD = Path(__file__).parent / "defaults_by_version.json"
PLUGINS = [(kind, name) for kind in plugins.FOLDERS for name in plugins.names(kind)]
# What is no plug-in and has defaults: under the version of the stage whose results depend on it.
SECTIONS: dict[str, tuple[int, tuple[Any, ...]]] = {
    "training": (
        code_versions.TRAINING,
        (Recipe, Optimizer, ParameterGroup, MultiStep, CosineRestarts, ResultSettings),
    ),
    "images": (code_versions.IMAGES, (Dataset, Source)),
    "tables": (code_versions.TABLES, (Table, PublishedValues, Remark, TableEntry)),
}


def defaults_of(*sections: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section in sections:
        fields = {name: field for name, field in section.model_fields.items() if not field.is_required()}
        made = section.model_construct(
            **{name: field.get_default(call_default_factory=True) for name, field in fields.items()}
        )
        found[section.__name__] = made.model_dump(mode="json", include=set(fields))
    return found


def now() -> dict[str, dict[str, Any]]:
    """The defaults as they are, by what has them and its version."""
    found = {f"{k}/{n}": {str(plugins.version(k, n)): plugins.default_options(k, n)} for k, n in PLUGINS}
    return found | {name: {str(version): defaults_of(*of)} for name, (version, of) in SECTIONS.items()}


def test_a_default_changes_with_its_version_alone() -> None:
    """A job's identity leaves out what has its default: a changed default must change the version.

    After a change of a default, raise the version in the file named, and record the new defaults beside the old:
    python -m tests.schema.test_plugin_versions
    """
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    for name, versions in now().items():
        for version, defaults in versions.items():
            assert version in recorded.get(name, {}), f"{name}: version {version} is not in {RECORD.name}; record it"
            assert defaults == recorded[name][version], f"{name}: defaults changed under version {version}; raise it"


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_every_plugin_of_the_project_states_its_version(kind: plugins.Kind, name: str) -> None:
    assert isinstance(plugins.version(kind, name), int)


@pytest.fixture
def own_loss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A loss file of the user's own, the only one there is."""
    monkeypatch.setitem(plugins.FOLDERS, "loss", str(tmp_path))
    # kept by name or file, which a test writes anew
    monkeypatch.setattr(plugins, "schema", plugins.schema.__wrapped__)
    for cached in ("facts", "function", "tree"):
        monkeypatch.setattr(plugin_text, cached, getattr(plugin_text, cached).__wrapped__)
    return tmp_path / "mine.py"


def write(file: Path, text: str, options: str = "*, power: int = 2") -> None:
    head = "from gansr.losses.base import LossTerm\n"
    file.write_text(f"{head}{text}\nclass Mine(LossTerm):\n    def __init__(self, context, {options}): ...\n")


def test_a_file_without_a_version_counts_by_its_content(own_loss: Path) -> None:
    write(own_loss, "")
    assert plugins.version("loss", "mine") == f"sha256:{hashlib.sha256(own_loss.read_bytes()).hexdigest()}"
    before = plugins.version("loss", "mine")
    write(own_loss, "# the same otherwise")
    assert plugins.version("loss", "mine") != before


def test_a_file_with_a_version_counts_by_it(own_loss: Path) -> None:
    write(own_loss, "VERSION = 3")
    assert plugins.version("loss", "mine") == 3
    write(own_loss, "VERSION = 3\n# edited")
    assert plugins.version("loss", "mine") == 3


def test_options_that_are_not_the_defaults(own_loss: Path) -> None:
    write(own_loss, "", "*, power: int = 2, names: tuple[str, ...] = ('a',), needed: float")
    assert plugins.default_options("loss", "mine") == {"power": 2, "names": ["a"]}
    options = {"power": 2, "names": ["b"], "needed": 1.0}
    assert plugins.changed_options("loss", "mine", options) == {"names": ["b"], "needed": 1.0}


def test_facts_are_literal_constants(own_loss: Path) -> None:
    write(own_loss, "A = 1\nB: tuple[int, ...] = (1, 2)\nC = max(A, 2)\nlower = 3\nimport torch\n")
    assert plugins.facts("loss", "mine") == {"A": 1, "B": (1, 2)}
    assert plugins.fact("loss", "mine", "B", None) == (1, 2) and plugins.fact("loss", "mine", "D", 4) == 4


def test_a_function_is_read_without_importing_its_file(own_loss: Path) -> None:
    write(
        own_loss,
        "import no_such_package\nLEAST = 3\ndef check(size: no_such_package.T) -> int:\n    return max(size, LEAST)\n",
    )
    check = plugins.function("loss", "mine", "check")
    assert check is not None and check(1) == 3 and check(5) == 5
    assert plugins.function("loss", "mine", "other") is None


@pytest.mark.parametrize(
    "body",
    ["return torch.zeros(size)", "return [torch.zeros(n) for n in range(size)]", "return (lambda: torch.zeros(1))()"],
)
def test_a_function_that_needs_an_import_is_refused(own_loss: Path, body: str) -> None:
    write(own_loss, f"import torch\ndef check(size):\n    {body}\n")
    with pytest.raises(UserError, match=r"mine\.py: the function check .* cannot use torch"):
        plugins.function("loss", "mine", "check")


def record() -> None:
    """Add the defaults of versions that are not recorded yet."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name, versions in now().items():
        for version, defaults in versions.items():
            recorded.setdefault(name, {}).setdefault(version, defaults)
    RECORD.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
