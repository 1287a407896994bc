"""Targets may stand after --resources; everything else reaches Snakemake as it was given."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansr.snakemake_launcher import own_commands_first, targets_first


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        ("--cores 4 --resources gpu=4 all", "all --cores 4 --resources gpu=4"),
        ("--resources gpu=4 mem_mb=8000 all", "all --resources gpu=4 mem_mb=8000"),
        ("--resources gpu=4 all images", "all images --resources gpu=4"),
        ("--resources gpu=4 all --cores 4", "all --resources gpu=4 --cores 4"),
        ("--res gpu=4 all", "all --res gpu=4"),
        ("--resources gpu=4 results/demo/tables/ldl_table1.csv", "results/demo/tables/ldl_table1.csv --resources gpu=4"),
        # the order of targets says nothing
        ("first --resources gpu=4 second", "second first --resources gpu=4"),
        # Snakemake itself understands these
        ("all --cores 4 --resources gpu=4", "all --cores 4 --resources gpu=4"),
        ("--cores 4 all", "--cores 4 all"),
        ("--resources gpu=4 -- all", "--resources gpu=4 -- all"),
        ("--resources=gpu=4 all", "--resources=gpu=4 all"),
        ("-n --configfile mine.yaml --config seed=1 all", "-n --configfile mine.yaml --config seed=1 all"),
        ("--set-threads finetune=2 all", "--set-threads finetune=2 all"),
        ("--resources gpu=4 --configfile mine.yaml", "--resources gpu=4 --configfile mine.yaml"),
        ("-- --resources gpu=4 all", "-- --resources gpu=4 all"),
        ("", ""),
    ],
)
def test_targets_after_resources_come_first_and_nothing_else_moves(given_words: str, expected: str) -> None:
    assert targets_first(given_words.split()) == expected.split()


WORDS = st.sampled_from(
    ["all", "results/x.csv", "gpu=4", "mem_mb=1", "--resources", "--res", "--cores", "4", "-n", "--", "a b", "", "--forceall"]
)


@given(st.lists(WORDS | st.text(max_size=4), max_size=12))
def test_nothing_is_lost_or_invented(arguments: list[str]) -> None:
    assert Counter(targets_first(arguments)) == Counter(arguments)


@given(st.lists(WORDS, max_size=12))
def test_what_is_in_order_stays(arguments: list[str]) -> None:
    once = targets_first(arguments)
    assert targets_first(once) == once


@given(st.lists(WORDS.filter(lambda word: word not in {"--resources", "--res"}), max_size=12))
def test_without_resources_nothing_moves(arguments: list[str]) -> None:
    assert targets_first(arguments) == arguments


@given(st.lists(WORDS, max_size=12))
def test_options_and_their_values_keep_their_order(arguments: list[str]) -> None:
    moved = targets_first(arguments)
    options = [word for word in arguments if word.startswith("-") or "=" in word]
    assert [word for word in moved if word.startswith("-") or "=" in word] == options


def test_the_words_may_be_quoted() -> None:
    words = shlex.split("--resources gpu=4 'results/my run/x.csv'")
    assert targets_first(words) == ["results/my run/x.csv", "--resources", "gpu=4"]


def test_jobs_find_the_gansr_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    own_commands_first()
    first, *rest = os.environ["PATH"].split(os.pathsep)
    assert first == str(Path(sys.executable).parent) and rest == ["elsewhere"]
