"""YAML files are read strictly, and every complaint is one line that names the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import PositiveFloat, PositiveInt

from gansr.errors import UserError, nearest
from gansr.schema.loading import read_yaml, validate
from gansr.schema.section import Section


class Leaf(Section):
    rate: PositiveFloat
    count: PositiveInt = 1
    mode: Literal["auto"] | list[int] = "auto"


class Tree(Section):
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "given.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("run: a\nscale: 4\nrun: b\n", 'line 3: key "run" is given twice'),
        ("deep:\n  list:\n    - {a: 1, a: 2}\n", 'line 3: key "a" is given twice'),
        ("a: [1, 2\n", "not valid YAML"),
        ("a:\n\tb: 1\n", "not valid YAML"),
        ("a: *nowhere\n", "not valid YAML"),
        ("a: !python/object:os.system {}\n", "not valid YAML"),
        ("a: \x07bell\n", "not valid YAML"),
        # a placeholder that nobody filled in is a mapping as a key for YAML
        ("a: {{ value }}\n", "not valid YAML"),
        ("a: {[1, 2]: 3}\n", "not valid YAML"),
        ("a: 2024-13-45\n", "not valid YAML"),
        (b"a: \xff\xfe\n", "UTF-8"),
        ("- a\n- b\n", "expected a mapping of keys to values, found a list"),
        ("just words\n", "expected a mapping of keys to values, found a str"),
    ],
)
def test_a_file_that_is_no_proper_yaml_mapping_is_refused_in_one_line(
    tmp_path: Path, one_line: Callable[..., None], text: str | bytes, word: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_yaml(file)
    one_line(str(caught.value), str(file), word)


def test_a_yaml_error_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 3"):
        read_yaml(written(tmp_path, "a: 1\nb: 2\nc: ]\n"))


@pytest.mark.parametrize("place", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, one_line: Callable[..., None], place: str) -> None:
    with pytest.raises(UserError) as caught:
        read_yaml(tmp_path / place)
    one_line(str(caught.value), str(tmp_path / place))


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    assert read_yaml(written(tmp_path, "# nothing yet\n")) == {}


def test_anchors_and_merge_keys_are_no_double_keys(tmp_path: Path) -> None:
    text = "base: &base {a: 1, b: 2}\nmine: {<<: *base, b: 3}\nagain: *base\n"
    assert read_yaml(written(tmp_path, text))["mine"] == {"a": 1, "b": 3}


def test_a_number_that_yaml_takes_for_a_string_is_a_number(tmp_path: Path) -> None:
    data = read_yaml(written(tmp_path, "leaf: {rate: 1e-4}\n"))
    assert data["leaf"]["rate"] == "1e-4"
    assert validate(Tree, data, "given.yaml").leaf.rate == 1e-4


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"leaf": {"rate": "fast"}}, ["leaf.rate: ", "'fast'"]),
        ({"leaf": {"rate": -2.5}}, ["leaf.rate: ", "greater than 0", "-2.5"]),
        ({"leaf": {"rate": float("nan")}}, ["leaf.rate: ", "finite"]),
        ({"leaf": {"rate": float("inf")}}, ["leaf.rate: ", "finite"]),
        ({"leaf": {"rate": 1, "count": 1.5}}, ["leaf.count: ", "1.5"]),
        ({"leaf": {}}, ["leaf.rate: ", "required"]),
        ({"leaf": 3}, ["leaf: ", "3"]),
        ({"leaf": None}, ["leaf: "]),
        ({"leaf": {"rate": 1, "rte": 1}}, ['leaf: unknown key "rte"; did you mean "rate"?']),
        ({"leaf": {"rate": 1}, "leaves": [{"rate": 1}, {"rate": 0}]}, ["leaves.1.rate: "]),
        ({"leaf": {"rate": -1, "count": 0}}, ["leaf.rate: ", "(and 1 more)"]),
        ({"leaf": {"rate": 1, 7: 1}}, ['leaf: unknown key "7"']),
        ({"leaf": {"rate": 1, "two\nlines": 1}}, ["leaf: unknown key"]),
        ({}, ["leaf: ", "required"]),
    ],
)
def test_a_complaint_names_file_place_and_value_in_one_line(
    one_line: Callable[..., None], data: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        validate(Tree, data, "given.yaml")
    one_line(str(caught.value), "given.yaml: ", *words)


def test_the_place_does_not_name_the_alternatives_of_a_type() -> None:
    with pytest.raises(UserError) as caught:
        validate(Tree, {"leaf": {"rate": 1, "mode": "atuo"}}, "given.yaml")
    assert str(caught.value).startswith("given.yaml: leaf.mode: ")


@given(word=st.text(max_size=20), known=st.lists(st.text(st.characters(min_codepoint=33), min_size=1), max_size=8))
def test_nearest_names_a_known_word_or_lists_them_all(word: str, known: list[str]) -> None:
    advice = nearest(word, known)
    if not known:
        assert advice == "nothing is valid here"
    elif advice.startswith("did you mean"):
        assert advice.removeprefix('did you mean "').removesuffix('"?') in known
    else:
        assert advice == f"valid: {', '.join(sorted(known))}"


@given(known=st.lists(st.text(min_size=1), min_size=1, max_size=8), data=st.data())
def test_nearest_finds_a_word_that_is_known(known: list[str], data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(known))
    assert nearest(word, known) == f'did you mean "{word}"?'


def test_nearest_does_not_guess_wildly() -> None:
    assert nearest("zzz", ["iterations", "batch_size"]) == "valid: batch_size, iterations"
    assert nearest("iteration", ["iterations", "batch_size"]) == 'did you mean "iterations"?'
