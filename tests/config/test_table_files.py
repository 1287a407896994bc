"""What a file in config/tables must be: everything that is wrong with one is a line that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gansr.config.catalog import Catalog
from gansr.errors import UserError
from gansr.plan.jobs.table import TableJob
from gansr.plan.plan import Plan
from gansr.plan.table_jobs import table_inputs, table_job

MINE: dict[str, Any] = {"title": "Mine", "layout": "model_columns", "metrics": ["psnr_y", "lpips_alex"]}
TICK = {"column": "M", "markdown": "M", "latex": "M", "when": {"weights": "ema"}}
ROWS = {"benchmark": "photos", "rows": [{"row": 1, "model": "Base+LDL", "weights": "ema"}]}


@pytest.fixture
def table_file(own_catalog: Catalog) -> Callable[..., Path]:
    """Write a table of the user's own."""

    def write(data: Any, name: str = "mine") -> Path:
        file = own_catalog.folder / "tables" / f"{name}.yaml"
        file.write_text(yaml.safe_dump(data), encoding="utf-8")
        return file

    return write


def test_the_projects_tables_are_there(catalog: Catalog) -> None:
    assert {name: table.layout for name, table in catalog.tables.items()} == {
        "ldl_table1": "model_columns",
        "ldl_table2": "named_rows",
        "beby_table1": "named_columns",
        "beby_table2": "model_columns",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"titel": "Mine"}, ['unknown key "titel"', 'did you mean "title"?']),
        ({"title": ""}, ["title", "at least 1"]),
        ({"layout": "rows"}, ["layout", "'named_rows'", "'rows'"]),
        ({"metrics": []}, ["metrics", "at least 1"]),
        ({"metrics": ["psnr"]}, ["metrics.0", "psnr_y", '"psnr"']),
        ({"metrics": ["psnr_y", "psnr_y"]}, ["metrics", '"psnr_y" is given twice', "remove one"]),
        ({"group_by": "size"}, ["group_by", "'generator'"]),
        ({"layout": "named_rows", "group_by": "generator"}, ["group_by", "one group", "remove it"]),
        ({"switches": [TICK]}, ["switches", "only named_rows", "remove them"]),
        ({"layout": "named_columns", "switches": [TICK]}, ["switches", "only named_rows"]),
        ({"published": {"file": "a.csv"}}, ["published.label", "required"]),
        ({"published": {"file": "a.csv", "label": []}}, ["published.label", "at least 1"]),
        ({"published": {"file": "a.csv", "label": ["a"], "digit": {}}}, ['unknown key "digit"', '"digits"']),
        ({"layout": "named_rows", "switches": [TICK, TICK]}, ["switches", 'another column "M"', "rename one"]),
        ({"layout": "named_rows", "switches": [TICK | {"column": "row"}]}, ['another column "row"']),
        ({"layout": "named_rows", "switches": [TICK | {"column": "PSNR"}]}, ['another column "PSNR"']),
        ({"remarks": [{"when": "always"}]}, ["remarks.0", 'unknown key "when"']),
    ],
)
def test_a_wrong_table_is_one_line_with_its_file(
    table_file: Callable[..., Path],
    own_catalog: Catalog,
    refused: Callable[..., str],
    changes: dict[str, Any],
    words: list[str],
) -> None:
    file = table_file(MINE | changes)
    assert refused([], *words, catalog=own_catalog).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({}, ["when", "at least 1"]),
        ({"weight": "ema"}, ['"weight" is neither weights nor losses.<term>.<option>']),
        ({"weights": "emma"}, ["when", "weights: 'emma' is neither raw nor ema"]),
        ({"losses.artifact": True}, ['"losses.artifact" is neither']),
        ({"losses.artifact.window.size": 7}, ["is neither"]),
        ({"losses.artifact.windo": 7}, ['the loss artifact has no option "windo"', 'did you mean "window"?']),
        ({"losses.artifact.weight": [1]}, ["switches.0.when.losses.artifact.weight"]),
    ],
)
def test_a_switch_asks_for_what_exists(
    table_file: Callable[..., Path],
    own_catalog: Catalog,
    refused: Callable[..., str],
    when: dict[str, Any],
    words: list[str],
) -> None:
    table_file(MINE | {"layout": "named_rows", "switches": [TICK | {"when": when}]})
    refused([], "mine.yaml", *words, catalog=own_catalog)


@pytest.mark.parametrize(
    ("when", "on"),
    [
        ({"weights": "ema"}, True),
        ({"weights": "raw"}, False),
        ({"losses.artifact.window": 7}, True),
        ({"losses.artifact.window": 9}, False),
        ({"losses.artifact.weight": "positive"}, True),
        ({"losses.artifact.ema_refine": True, "weights": "raw"}, False),
        # a term that the model's method does not have
        ({"losses.best_buddy.weight": "positive"}, False),
        ({"losses.of_another_name.weight": "positive"}, False),
    ],
)
def test_a_switch_is_on_where_all_holds(
    table_file: Callable[..., Path],
    own_catalog: Catalog,
    planned: Callable[..., Plan],
    when: dict[str, Any],
    on: bool,
) -> None:
    table_file(MINE | {"layout": "named_rows", "switches": [TICK | {"when": when}]})
    (row,) = table_job(planned("tables/mine", ROWS, catalog=own_catalog), "mine").entries
    assert row.switches == (("M",) if on else ())


@pytest.mark.parametrize("name", ["mine_notes", "mine_vs_published", "my table", "m.x", "copy", "model_dump"])
def test_a_table_whose_files_would_be_another_ones_is_refused(
    table_file: Callable[..., Path], own_catalog: Catalog, refused: Callable[..., str], name: str
) -> None:
    file = table_file(MINE, name)
    refused([], str(file), "rename it", catalog=own_catalog)


@pytest.mark.parametrize(
    ("layout", "settings", "words"),
    [
        ("model_columns", {"rows": []}, ["tables.mine", 'unknown key "rows"']),
        ("model_columns", 3, ["tables.mine", "3"]),
        ("named_columns", {"reference": []}, ["tables.mine", 'unknown key "reference"']),
        ("named_columns", {}, ["tables.mine.columns", "required"]),
        ("named_rows", {"benchmark": "photos"}, ["tables.mine.rows", "required"]),
        ("named_rows", ROWS | {"benchmark": "phots"}, ["tables.mine", '"phots"', 'did you mean "photos"?']),
    ],
)
def test_what_a_run_says_of_a_table_follows_from_its_layout(
    table_file: Callable[..., Path],
    own_catalog: Catalog,
    refused: Callable[..., str],
    layout: str,
    settings: Any,
    words: list[str],
) -> None:
    table_file(MINE | {"layout": layout})
    refused(["tables/mine", settings], "run.yaml", *words, catalog=own_catalog)


def test_a_table_that_is_given_nothing_is_not_made(planned: Callable[..., Plan]) -> None:
    assert list(planned("tables", {"ldl_table1": None, "beby_table2": {}}).tables) == ["beby_table2"]


def test_a_models_columns_are_in_every_such_table_unless_it_names_some(
    table_file: Callable[..., Path], own_catalog: Catalog, planned: Callable[..., Plan]
) -> None:
    table_file(MINE)
    plan = planned("tables/mine", {}, "models/4/tables", ["ldl_table1"], catalog=own_catalog)
    shown = [entry.name for entry in table_job(plan, "mine").entries]
    assert shown == ["Bicubic", "Base", "Base+GAN", "Base+LDL", "Dense", "Between"]
    plan = planned("tables/mine", {}, "models/4/tables", ["mine"], catalog=own_catalog)
    assert "Beby" in [entry.name for entry in table_job(plan, "mine").entries]
    assert "Beby" not in [entry.name for entry in table_job(plan, "ldl_table1").entries]


def test_a_table_without_published_values_compares_with_nothing(
    table_file: Callable[..., Path], own_catalog: Catalog, planned: Callable[..., Plan], refused: Callable[..., str]
) -> None:
    table_file(MINE)
    assert table_inputs(planned("tables/mine", {}, catalog=own_catalog), "mine")["published"] == []
    words = ["tables/mine.yaml has no published values", "remove A"]
    refused(["tables/mine", {}, "models/2/published", {"mine": "A"}], "Base+LDL", *words, catalog=own_catalog)
    published_only = {"published_only": {"A": "why"}}
    refused(["tables/mine", published_only], "tables.mine.published_only", *words, catalog=own_catalog)


def test_another_content_of_a_tables_file_makes_it_again(
    table_file: Callable[..., Path], own_catalog: Catalog, planned: Callable[..., Plan]
) -> None:
    def text(data: dict[str, Any]) -> str:
        table_file(data)
        return table_job(planned("tables/mine", {}, catalog=Catalog(own_catalog.folder)), "mine").to_json()

    before = text(MINE)
    assert text(dict(reversed(MINE.items()))) == text(MINE | {"remarks": []}) == before
    for changes in ({"title": "Other"}, {"metrics": ["lpips_alex", "psnr_y"]}, {"group_by": "generator"}):
        assert text(MINE | changes) != before


def test_the_job_of_a_table_has_all_that_its_file_says(planned: Callable[..., Plan]) -> None:
    plan = planned()
    tables = {name: plan.tables[name].table for name in plan.tables}
    assert any(table.remarks for table in tables.values()) and any(table.switches for table in tables.values())
    for name, table in tables.items():
        assert TableJob.from_json(table_job(plan, name).to_json()).table == table


def test_the_published_file_of_a_table_is_named_where_it_cannot_be_read(
    table_file: Callable[..., Path], own_catalog: Catalog
) -> None:
    table_file(MINE | {"published": {"file": "absent.csv", "label": ["method"]}})
    with pytest.raises(UserError, match=r"absent\.csv: cannot read the published table"):
        own_catalog.published_labels("mine")


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"file": "absent.csv", "label": ["method"]}, ["absent.csv: cannot read the published table"]),
        ({"file": "ldl_table1.csv", "label": ["methd"]}, ["ldl_table1.csv: no column methd", "label"]),
    ],
)
def test_published_values_that_cannot_be_read_are_told_before_any_job(
    table_file: Callable[..., Path],
    own_catalog: Catalog,
    refused: Callable[..., str],
    published: dict[str, Any],
    words: list[str],
) -> None:
    table_file(MINE | {"published": published})
    refused(["tables/mine", {}], *words, catalog=own_catalog)
