"""Tables of the user's own: what follows from a table's file alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from table_data import FORMS, cells, column, read, table1, table2

from gansr.config.tables import Table
from gansr.plan.jobs.table import TableJob
from gansr.reporting.write_table import write_table

MINE: dict[str, Any] = {"title": "Mine", "layout": "model_columns", "metrics": ["psnr_y"]}
SWITCH = {"column": "M", "markdown": "with M", "latex": "$M$", "when": {"losses.artifact.weight": "positive"}}


@pytest.fixture
def make(
    tmp_path: Path, write_scores: Callable[..., Path], write_spec: Callable[..., None]
) -> Callable[..., dict[str, str]]:
    """The forms of a table of two models on set5, by what its file says beside the title."""

    def made(csv: str | None = None, entries: Any = None, **table: Any) -> dict[str, str]:
        for number, model in enumerate(("GAN", "LDL")):
            write_scores(model, "set5", {"a": {"psnr_y": 30.0 + number}})
            write_spec(model, model)
        data = table1(column("GAN", ""), column("LDL", "g", published="Theirs"), benchmarks={"set5": ["a"]}, metrics=[])
        data |= {"metrics": ["psnr_y"], "models": {"GAN": "gan", "LDL": "ldl"}, "entries": entries or data["entries"]}
        job = TableJob.model_validate(
            data | {"name": "mine", "table": Table.model_validate(MINE | table), "benchmarks": ["set5"]}
        )
        file = None
        if csv is not None:
            file = tmp_path / "published.csv"
            file.write_text(csv)
        write_table(job, {"set5": ["a"]}, tmp_path, file)
        return {form: (tmp_path / "tables" / f"mine{form}").read_text(encoding="utf-8") for form in FORMS}

    return made


def test_a_table_without_published_values_speaks_of_no_paper(make: Callable[..., dict[str, str]]) -> None:
    forms = make(remarks=[{"text": "Said always."}, {"text": "Said of a paper.", "benchmarks": ["set14"]}])
    assert "paper" not in "".join(forms.values())
    assert forms["_notes.md"].endswith("\nSaid always.\n")
    assert "# Mine\n" in forms[".md"] and "## Published" not in forms[".md"]
    assert forms["_vs_published.csv"].splitlines()[1:] == [
        "PSNR,set5,GAN,30,30,30,1,,",
        "PSNR,set5,LDL,31,31,31,1,,",
    ]


def test_remarks_are_said_where_they_hold(make: Callable[..., dict[str, str]]) -> None:
    remarks = [
        {"text": "Of set5.", "benchmarks": ["set14", "set5"]},
        {"text": "Of a compared column.", "compared": True},
        {"text": "Of both.", "compared": True, "benchmarks": ["set14"]},
    ]
    notes = make(remarks=remarks)["_notes.md"]
    assert "Of set5." in notes and "Of a compared column." in notes and "Of both." not in notes


def test_published_values_stand_beside_under_their_own_names_and_digits(make: Callable[..., dict[str, str]]) -> None:
    published = {"file": "p.csv", "label": ["who"], "metrics": {"peak": "PSNR"}, "digits": {"PSNR": 1}}
    published |= {"benchmark": "Set5"}
    forms = make("who,peak\nTheirs,29.25\nOthers,1\n", published=published)
    assert "PSNR,Set5,LDL,,,,,29.25," in forms["_vs_published.csv"]  # the paper's set5 has five images
    assert cells(forms[".md"].split("## Published")[1], "PSNR", "Set5") == ["29.2"]
    assert "Of the paper's columns: LDL beside its Theirs" in forms["_notes.md"]
    assert "Not a reproduction of the paper's setting." in forms[".tex"]


def test_a_table_of_rows_has_the_switches_of_its_file(make: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    rows = table2([("a", "GAN", "GAN", "   ", False), ("b", "LDL", "LDL", "x  ", False)], {}, [])["entries"]
    forms = make(entries=rows, layout="named_rows", switches=[SWITCH])
    assert read(tmp_path / "tables" / "mine.csv") == [["row", "M", "PSNR"], ["a", "", "30"], ["b", "x", "31"]]
    assert cells(forms[".md"], "#", "with M") == ["PSNR ↑", "model"]
    assert cells(forms[".md"], "b", "✓") == ["**31.000**≈", "LDL"]
    assert "# & $M$ &" in forms[".tex"].replace("\\#", "#")


def test_a_table_of_rows_needs_no_switches(make: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    rows = table2([("a", "GAN", "GAN", "   ", False), ("b", "LDL", "LDL", "   ", True)], {}, [])["entries"]
    forms = make(entries=rows, layout="named_rows")
    assert read(tmp_path / "tables" / "mine.csv") == [["row", "PSNR"], ["a", "30"], ["b", "31"]]
    assert cells(forms[".md"], "a") == ["30.000", "GAN"]
    assert "Row b: EMA weights of LDL" in forms["_notes.md"]
    assert forms[".tex"].count("{") == forms[".tex"].count("}")


def test_a_missing_file_of_published_values_is_refused(
    make: Callable[..., dict[str, str]], refusal: Callable[..., str], tmp_path: Path
) -> None:
    published = {"file": "p.csv", "label": ["who"]}
    refusal(lambda: make(published=published), "--published is missing", "p.csv")
    assert not (tmp_path / "tables").exists()


def test_a_benchmark_whose_images_are_not_given_is_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    data = table1(column("LDL", "g"), benchmarks={"set5": ["a"]}, metrics=["psnr_y"])
    job = TableJob.model_validate(data | {"name": "mine", "table": MINE, "benchmarks": ["set5", "photos"]})
    refusal(lambda: write_table(job, {"set5": ["a"]}, tmp_path, None), "mine", "photos")
