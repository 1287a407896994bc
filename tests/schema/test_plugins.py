"""Options are read from signatures without importing them, and agree with the imported functions."""

from __future__ import annotations

import importlib
import inspect
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError, create_model

from gansr.errors import UserError
from gansr.losses.build import loss_class, view_class
from gansr.schema import plugins
from gansr.schema.loading import one_line
from gansr.schema.section import Section

PLUGINS = [(kind, name) for kind in plugins.FOLDERS for name in plugins.names(kind)]


def real_function(kind: plugins.Kind, name: str) -> Any:
    """What the options belong to, imported."""
    if kind == "loss":
        return loss_class(name).__init__
    if kind == "view":
        return view_class(name).__init__
    module = importlib.import_module(f"gansr.{plugins.FOLDERS[kind].replace('/', '.')}.{name}")
    return getattr(module, plugins.FUNCTIONS[kind])


def test_the_papers_parts_are_there() -> None:
    assert {"pixel", "perceptual", "adversarial", "artifact"} <= set(plugins.names("loss"))
    assert {"best_buddy", "back_projection"} <= set(plugins.names("loss"))
    assert {"srresnet", "rrdb", "swinir"} <= set(plugins.names("generator"))
    assert {"vgg", "unet_sn"} <= set(plugins.names("critic"))
    assert "region_mask" in plugins.names("view")
    assert {"mad_stability", "artifact_map"} <= set(plugins.names("figure"))
    assert not {"base", "build"} & {*plugins.names("loss"), *plugins.names("view")}


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_the_parsed_signature_is_the_real_one(kind: plugins.Kind, name: str) -> None:
    function = real_function(kind, name)
    keywords = {
        parameter.name: parameter.default
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    fields = plugins.schema(kind, name).model_fields
    assert list(fields) == list(keywords)
    for option, default in keywords.items():
        assert fields[option].is_required() == (default is inspect.Parameter.empty)
        if default is not inspect.Parameter.empty:
            assert fields[option].default == default
            assert type(fields[option].default) is type(default)


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_the_parsed_types_are_the_real_ones(kind: plugins.Kind, name: str) -> None:
    function = real_function(kind, name)
    hints = typing.get_type_hints(function, include_extras=True)
    parsed = plugins.schema(kind, name)
    fields: dict[str, Any] = {
        option: (hints[option], ... if field.is_required() else field.default)
        for option, field in parsed.model_fields.items()
    }
    real = create_model(parsed.__name__, __base__=Section, **fields)
    assert parsed.model_json_schema() == real.model_json_schema()


def test_an_unknown_plugin_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r'^unknown generator "rrbd"; did you mean "rrdb"\?$'):
        plugins.schema("generator", "rrbd")


def plugin(monkeypatch: pytest.MonkeyPatch, folder: Path, kind: plugins.Kind, text: str) -> None:
    (folder / "mine.py").write_text(text, encoding="utf-8")
    monkeypatch.setitem(plugins.FOLDERS, kind, str(folder))
    monkeypatch.setattr(plugins, "schema", plugins.schema.__wrapped__)


def test_a_new_file_is_a_new_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (
        "import no_such_package\n"
        "def build(scale: int, *, depth: Annotated[int, Field(ge=1)], mode: Literal['a', 'b'] = 'a'): ...\n"
    )
    plugin(monkeypatch, tmp_path, "generator", text)
    assert plugins.names("generator") == ["mine"]
    schema = plugins.schema("generator", "mine")
    assert schema.model_validate({"depth": 2}).model_dump() == {"depth": 2, "mode": "a"}
    with pytest.raises(ValidationError) as caught:
        schema.model_validate({"depht": 2})
    assert one_line(caught.value) == 'unknown key "depht"; did you mean "depth"?'


def test_a_loss_without_options_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin(monkeypatch, tmp_path, "loss", "class Mine(LossTerm):\n    def forward(self, outputs): ...\n")
    assert list(plugins.schema("loss", "mine").model_fields) == []


@pytest.mark.parametrize(
    ("kind", "text", "word"),
    [
        ("generator", "def build(scale, *, depth=3): ...\n", "the option depth has no annotation"),
        ("generator", "def build(scale, *, depth: Tensor = 3): ...\n", "the option depth: its type: name 'Tensor'"),
        ("generator", "def build(scale, *, depth: float = 1 / 3): ...\n", "its default 1 / 3 is no literal value"),
        ("generator", "def build(scale, *, network: str = 'a'): ...\n", "network has the name of a key"),
        (
            "loss",
            "class A(LossTerm):\n def __init__(self, context, *, weight: float = 1.0): ...\n",
            "weight has the name",
        ),
        ("view", "class A(View):\n def __init__(self, *, name: str = 'a'): ...\n", "name has the name of a key"),
        ("generator", "def build(scale, *, copy: int = 3): ...\n", "the option copy cannot have this name"),
        ("generator", "def build(scale, *, _depth: int = 3): ...\n", "the option _depth cannot have this name"),
        ("loss", "class A(LossTerm): ...\nclass B(LossTerm): ...\n", "not A and B"),
        ("loss", "class A(LossTerm): ...\nclass B(A): ...\n", "not A and B"),
        ("generator", "def make(scale): ...\n", "a function build"),
        ("critic", "", "a function build"),
        ("loss", "class Mine:\n    pass\n", "a class derived from LossTerm"),
    ],
)
def test_a_file_that_is_no_plugin_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: plugins.Kind, text: str, word: str
) -> None:
    plugin(monkeypatch, tmp_path, kind, text)
    with pytest.raises(UserError) as caught:
        plugins.schema(kind, "mine")
    assert str(tmp_path / "mine.py") in str(caught.value) and word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.b", "a b", "my-net", "_mine", "copy", "model_dump"])
def test_a_file_whose_name_cannot_be_one_of_a_plugin_is_told_to_be_renamed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    plugin(monkeypatch, tmp_path, "generator", "def build(scale): ...\n")
    (tmp_path / "mine.py").rename(tmp_path / f"{name}.py")
    assert plugins.names("generator") == []
    with pytest.raises(UserError, match=rf'{name}\.py: "{name}" cannot name a generator; rename the file'):
        plugins.schema("generator", name)


def test_a_constant_that_lists_names_is_a_tuple(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plugin(monkeypatch, tmp_path, "generator", 'OUTPUTS = ("edges")\nPAIR = ("a", "b")\n')
    assert plugins.fact_names("generator", "mine", "PAIR") == ("a", "b")
    assert plugins.fact_names("generator", "mine", "NONE") == ()
    with pytest.raises(UserError, match=r"mine\.py: OUTPUTS is 'edges'; write a tuple of names"):
        plugins.fact_names("generator", "mine", "OUTPUTS")


@pytest.mark.parametrize(
    "line",
    [
        "from gansr.losses.artifact import artifact_map",
        "import gansr.losses.artifact",
        "from gansr.losses import artifact",
        "from .artifact import artifact_map",
        "from . import artifact",
    ],
)
def test_a_file_that_is_imported_by_another_counts_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    (tmp_path / "mine.py").write_text(f"def late():\n    {line}\n")
    (tmp_path / "artifact.py").write_text("from gansr.losses.pixel import x\n")
    (tmp_path / "pixel.py").write_text("")
    files = {name: tmp_path / f"{name}.py" for name in ("mine", "artifact", "pixel")}
    monkeypatch.setattr(plugins, "names", lambda kind: list(files) if kind == "loss" else [])
    monkeypatch.setattr(plugins, "file_of", lambda kind, name: files[name])
    every = [("loss", "artifact"), ("loss", "mine"), ("loss", "pixel")]
    assert plugins.with_imported([("loss", "mine")]) == every
    assert plugins.with_imported([("loss", "pixel")]) == [("loss", "pixel")]


def test_the_map_of_artifacts_is_drawn_again_when_its_loss_changes() -> None:
    assert ("loss", "artifact") in plugins.with_imported([("figure", "artifact_map")])


# ---- functions that are read without importing their file


def read_function(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, wanted: str = "cost") -> Any:
    plugin(monkeypatch, folder, "generator", text)
    return plugins.function("generator", "mine", wanted)


def test_a_function_uses_its_arguments_builtins_and_the_files_constants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (
        "import no_such_package\n"
        "WIDTHS = (1, 2)\n"
        "@no_such_package.decorated\n"
        "def cost(options: no_such_package.Options, scale: int = 2) -> no_such_package.Cost:\n"
        "    return sum(width * options['features'] for width in WIDTHS) * scale\n"
    )
    cost = read_function(monkeypatch, tmp_path, text)
    assert cost({"features": 5}) == 30 and cost({"features": 5}, 1) == 15
    assert plugins.function("generator", "mine", "price") is None


@pytest.mark.parametrize("used", ["torch.zeros(1)", "[math.sqrt(x) for x in (1, 2)]", "other(options)"])
def test_a_function_that_needs_an_import_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, used: str
) -> None:
    text = f"import math, torch\ndef other(options): ...\ndef cost(options):\n    return {used}\n"
    with pytest.raises(UserError, match=r"mine\.py: the function cost .* cannot use (torch|math|other);"):
        read_function(monkeypatch, tmp_path, text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("options['none']", r"the function cost fails: KeyError: 'none'; correct it"),
        ("options + 1", r"the function cost fails: TypeError: .*; correct it"),
        ("1 / 0", r"the function cost fails: ZeroDivisionError: "),
    ],
)
def test_a_function_that_fails_is_a_line_with_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, words: str
) -> None:
    cost = read_function(monkeypatch, tmp_path, f"def cost(options):\n    return {body}\n")
    with pytest.raises(UserError, match=rf"mine\.py: {words}"):
        cost({})


def test_a_function_may_refuse_and_its_defaults_need_no_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cost = read_function(monkeypatch, tmp_path, "def cost(options):\n    raise ValueError('too small')\n")
    with pytest.raises(ValueError, match="too small"):
        cost({})


def test_a_default_that_needs_an_import_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.py: the function cost .* name 'os' is not defined"):
        read_function(monkeypatch, tmp_path, "import os\ndef cost(options, sep=os.sep): ...\n")


def test_reading_a_function_leaves_the_options_of_the_file_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "def build(scale: int, *, depth: Annotated[int, Field(ge=1)] = 1): ...\n"
    assert read_function(monkeypatch, tmp_path, text, "build") is not None
    assert list(plugins.schema("generator", "mine").model_fields) == ["depth"]
