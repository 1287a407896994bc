"""What a loss file of a user's own says of itself, where it says it wrongly or asks for more than a method has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gansr.config.method import Method
from gansr.config.term import Term
from gansr.errors import UserError
from gansr.losses import build
from gansr.schema import plugin_text, plugins
from gansr.schema.loading import validate


@pytest.fixture
def own_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Write a loss file `mine` beside the project's."""
    for folder in plugins.FOLDERS.values():
        (tmp_path / "package" / folder).mkdir(parents=True)
        for file in (plugins.PACKAGE / folder).glob("*.py"):
            (tmp_path / "package" / folder / file.name).symlink_to(file)
    monkeypatch.setattr(plugins, "PACKAGE", tmp_path / "package")
    cached = (plugins.schema, plugin_text.facts, plugin_text.function, plugin_text.tree)

    def write(text: str) -> None:
        for function in cached:
            function.cache_clear()
        file = tmp_path / "package" / "losses" / "mine.py"
        file.write_text(f"{text}class Mine(LossTerm): ...\n", encoding="utf-8")

    yield write
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("given", ["'vgg19'", "None"])
def test_judges_that_are_no_list_are_refused(own_loss: Callable[[str], None], given: str) -> None:
    own_loss(f"def judges(options): return {given}\n")
    with pytest.raises(UserError, match=r"mine\.py: judges returns .*; return a list of names"):
        _ = Term.of("mine", {"weight": 1.0}).judges


def test_a_term_that_reads_the_ema_model_needs_one(
    own_loss: Callable[[str], None], method_data: Callable[..., Any]
) -> None:
    own_loss("def needs_ema(options): return True\n")
    data = method_data("gan", "losses/mine", {"weight": 1.0})
    assert validate(Method, data, "mine.yaml").ema_decay is not None
    with pytest.raises(UserError, match=r"losses\.mine reads SR of the EMA model; set ema_decay"):
        validate(Method, data | {"ema_decay": None}, "mine.yaml")


def test_a_check_that_fails_is_a_line_with_its_file(
    own_loss: Callable[[str], None], method_data: Callable[..., Any]
) -> None:
    own_loss("def check(options, method): method['pach_size']\n")
    with pytest.raises(UserError, match=r"mine\.py: the function check fails: KeyError: 'pach_size'; correct it"):
        validate(Method, method_data("gan", "losses/mine", {"weight": 1.0}), "mine.yaml")


def test_the_class_that_is_built_is_the_one_whose_options_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may hold further classes derived from another file's loss; the first in the file is not it then."""
    monkeypatch.setattr(plugins, "class_name", lambda kind, name: "LossTerm" if kind == "loss" else "View")
    assert build.loss_class("pixel").__name__ == "LossTerm"
    assert build.view_class("region_mask").__name__ == "View"
