"""Several seeds: every model once with each, one column for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.plan.plan import Plan
from tests.table_jobs import entries_of, scores_read

SEEDS = ["seeds", [7, 1, 2]]


def test_every_model_is_planned_once_with_each_seed(planned: Callable[..., Plan]) -> None:
    plan = planned(*SEEDS)
    assert [plan.trained[name].seed for name in ("Base", "Base (seed 1)", "Base (seed 2)")] == [7, 1, 2]
    assert [name for name in plan.trained if name.startswith("Beby")] == ["Beby", "Beby (seed 1)", "Beby (seed 2)"]
    assert len(plan.trained) == 15 and len(plan.interpolated) == 3


def test_a_model_starts_from_that_of_its_own_seed(planned: Callable[..., Plan]) -> None:
    plan = planned(*SEEDS)
    assert plan.trained["Base+GAN"].start == "Base"
    assert plan.trained["Base+GAN (seed 2)"].start == "Base (seed 2)"
    assert plan.interpolated["Between (seed 1)"].between == ("Base (seed 1)", "Base+GAN (seed 1)")


def test_a_model_with_a_seed_of_its_own_is_trained_once_and_shared(planned: Callable[..., Plan]) -> None:
    plan = planned(*SEEDS, "models/0/seed", 5)
    assert [name for name in plan.trained if name.startswith("Base") and "+" not in name] == ["Base"]
    assert plan.trained["Base"].seed == 5
    assert plan.trained["Base+GAN (seed 2)"].start == "Base"
    assert plan.interpolated["Between (seed 1)"].between == ("Base", "Base+GAN (seed 1)")


def test_seeds_differ_in_the_seed_alone(planned: Callable[..., Plan]) -> None:
    plan = planned(*SEEDS)
    one, other = plan.trained["Base"].job, plan.trained["Base (seed 1)"].job
    assert one != other and one.model_copy(update={"seed": other.seed}) == other


def test_the_first_seed_is_what_a_run_with_this_seed_alone_trains(planned: Callable[..., Plan]) -> None:
    assert planned("seed", 7).models["Base+LDL"] == planned(*SEEDS).models["Base+LDL"]


@pytest.mark.parametrize("table", ["ldl_table1", "beby_table1", "beby_table2", "ldl_table2"])
def test_a_table_has_one_column_for_all_seeds_and_reads_all_of_them(planned: Callable[..., Plan], table: str) -> None:
    once, thrice = planned("seed", 7), planned(*SEEDS)
    entries = [entries_of(plan, table) for plan in (once, thrice)]
    assert [entry.model for entry in entries[0]] == [entry.model for entry in entries[1]]
    for entry in entries[1]:
        assert len(entry.scored) == (1 if entry.model == "Bicubic" else 3)
    assert set(scores_read(once, table)) < set(scores_read(thrice, table))


def test_what_the_tables_read_is_tested(planned: Callable[..., Plan]) -> None:
    plan = planned(*SEEDS)
    tested = {(plan.scored_slug(name, weights), benchmark) for name, weights, benchmark in plan.tests()}
    for table in ("ldl_table1", "beby_table1", "beby_table2", "ldl_table2"):
        assert set(scores_read(plan, table)) <= tested


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["seeds", [1, 2, 1]], ["seeds", "1 is given twice"]),
        (["seeds", [1, -2]], ["seeds.1", "-2"]),
        (["seeds", 3], ["seeds", "3"]),
        (["seeds", [1, 2], "seed", 0], ["seed and seeds", "remove one"]),
        (["seeds", [0, 1], "models/3/name", "Base (seed 1)", "models/4/start", "Base (seed 1)"], ["Base (seed 1)"]),
    ],
)
def test_wrong_seeds_are_refused(refused: Callable[..., str], changes: list[Any], words: list[str]) -> None:
    refused([*changes, "tables/beby_table2", {}], "run.yaml", *words)
