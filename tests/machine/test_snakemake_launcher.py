"""Targets may stand after options that take many words; everything else reaches Snakemake as it was given."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gansr.machine.snakemake_launcher import BELONGS, main, missing_config_file, own_commands_first, targets_first


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        ("--cores 4 --resources gpu=4 all", "all --cores 4 --resources gpu=4"),
        ("--resources gpu=4 mem_mb=8000 all", "all --resources gpu=4 mem_mb=8000"),
        ("--resources gpu=4 all images", "all images --resources gpu=4"),
        ("--resources gpu=4 all --cores 4", "all --resources gpu=4 --cores 4"),
        ("--res gpu=4 all", "all --res gpu=4"),
        (
            "--resources gpu=4 results/demo/tables/ldl_table1.csv",
            "results/demo/tables/ldl_table1.csv --resources gpu=4",
        ),
        # the order of targets says nothing
        ("first --resources gpu=4 second", "second first --resources gpu=4"),
        # Snakemake itself understands these
        ("all --cores 4 --resources gpu=4", "all --cores 4 --resources gpu=4"),
        ("--cores 4 all", "--cores 4 all"),
        ("--resources gpu=4 -- all", "--resources gpu=4 -- all"),
        ("--resources=gpu=4 all", "--resources=gpu=4 all"),
        ("-n --config seed=1 all", "all -n --config seed=1"),
        ("-C seed=1 all", "all -C seed=1"),
        ("--software-deployment-method conda all", "all --software-deployment-method conda"),
        ("--deployment-method apptainer conda all", "all --deployment-method apptainer conda"),
        ("--sdm env-modules all", "all --sdm env-modules"),
        ("--configfile mine.yaml all --cores 4", "all --configfile mine.yaml --cores 4"),
        ("--configfiles a.yaml b.json all", "all --configfiles a.yaml b.json"),
        (
            "--configfile mine.yaml results/mine/provenance.json",
            "results/mine/provenance.json --configfile mine.yaml",
        ),
        (
            "--configfile mine.yaml --config seed=1 --resources gpu=1 all",
            "all --configfile mine.yaml --config seed=1 --resources gpu=1",
        ),
        ("--set-threads finetune=2 all", "--set-threads finetune=2 all"),
        ("--resources gpu=4 --configfile mine.yaml", "--resources gpu=4 --configfile mine.yaml"),
        ("-- --resources gpu=4 all", "-- --resources gpu=4 all"),
        ("", ""),
    ],
)
def test_targets_after_a_greedy_option_come_first_and_nothing_else_moves(given_words: str, expected: str) -> None:
    assert targets_first(given_words.split()) == expected.split()


WORDS = st.sampled_from(
    [
        "all",
        "results/x.csv",
        "gpu=4",
        "mem_mb=1",
        "--resources",
        "--res",
        "--cores",
        "4",
        "-n",
        "--",
        "a b",
        "",
        "--forceall",
    ]
)


@given(st.lists(WORDS | st.text(max_size=4), max_size=12))
def test_nothing_is_lost_or_invented(arguments: list[str]) -> None:
    assert Counter(targets_first(arguments)) == Counter(arguments)


@given(st.lists(WORDS, max_size=12))
def test_what_is_in_order_stays(arguments: list[str]) -> None:
    once = targets_first(arguments)
    assert targets_first(once) == once


@given(st.lists(WORDS.filter(lambda word: word not in BELONGS), max_size=12))
def test_without_a_greedy_option_nothing_moves(arguments: list[str]) -> None:
    assert targets_first(arguments) == arguments


@given(st.lists(WORDS, max_size=12))
def test_options_and_their_values_keep_their_order(arguments: list[str]) -> None:
    moved = targets_first(arguments)
    options = [word for word in arguments if word.startswith("-") or "=" in word]
    assert [word for word in moved if word.startswith("-") or "=" in word] == options


@pytest.mark.parametrize(
    ("given_words", "missing"),
    [
        ("--configfile there.yaml --cores 4", None),
        ("--configfile absent.yaml", "absent.yaml"),
        ("--configfiles there.yaml absent.json", "absent.json"),
        ("--cores 4 all", None),
        # no config files
        ("--config file=absent.yaml", None),
        ("--snakefile absent.yaml", None),
        ("absent.yaml", None),
    ],
)
def test_a_config_file_that_is_not_there_is_found_before_snakemake_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_words: str, missing: str | None
) -> None:
    (tmp_path / "there.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert missing_config_file(given_words.split()) == missing


def test_a_missing_config_file_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.yaml")
    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "1", "--configfile", absent, "all"])
    with pytest.raises(SystemExit) as caught:
        main()
    message = str(caught.value)
    assert message.startswith("gansr: error: ") and absent in message and "\n" not in message


def test_the_words_may_be_quoted() -> None:
    words = shlex.split("--resources gpu=4 'results/my run/x.csv'")
    assert targets_first(words) == ["results/my run/x.csv", "--resources", "gpu=4"]


def test_jobs_find_the_gansr_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "elsewhere")
    own_commands_first()
    first, *rest = os.environ["PATH"].split(os.pathsep)
    assert first == str(Path(sys.executable).parent) and rest == ["elsewhere"]
