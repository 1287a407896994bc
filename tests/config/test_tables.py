"""The tables of a run: their columns and rows, and the paper's columns that models are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gansr.config.catalog import Catalog
from gansr.config.tables import PublishedValues
from gansr.errors import UserError
from gansr.plan.plan import Plan
from gansr.plan.table_jobs import table_job
from tests.table_jobs import entries_of

COMPARISONS = ["ldl_table1", "beby_table2"]
COLUMN = {"column": "Beby-GAN", "model": "Beby"}


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("tables/beby_table1", {}, ["tables.beby_table1.columns", "required"]),
        ("tables/beby_table1/columns", [], ["tables.beby_table1.columns", "at least 1"]),
        ("tables/beby_table1/columns", "Beby", ["tables.beby_table1.columns", "list", "'Beby'"]),
        ("tables/beby_table1/columns", ["Beby"], ["tables.beby_table1.columns.0"]),
        ("tables/beby_table1/columns/0/column", "", ["tables.beby_table1.columns.0.column", "at least 1"]),
        ("tables/beby_table1/columns/0/column", 3, ["tables.beby_table1.columns.0.column", "3"]),
        ("tables/beby_table1/columns/0/column", "metric", ["tables.beby_table1", '"metric" is reserved', "rename"]),
        ("tables/beby_table1/columns/0/column", "benchmark", ["tables.beby_table1", '"benchmark" is reserved']),
        ("tables/beby_table1/columns/0/model", ..., ["tables.beby_table1.columns.0.model", "required"]),
        ("tables/beby_table1/columns/0/model", "Bebby", ["column Beby-GAN", '"Bebby"', 'did you mean "Beby"?']),
        # nothing is trained of it, so that no part of it can be left out
        ("tables/beby_table1/columns/0/model", "Bicubic", ["column Beby-GAN", 'unknown model "Bicubic"']),
        ("tables/beby_table1/columns", [COLUMN, COLUMN], ["tables.beby_table1", '"Beby-GAN" is given twice']),
        ("tables/beby_table1/columns", [COLUMN, COLUMN | {"model": "Dense"}], ['"Beby-GAN" is given twice', "rename"]),
        ("tables/beby_table2/reference", ["Beby-GAN"], ["tables.beby_table2.reference", 'model "Beby-GAN"']),
        ("tables/beby_table2/reference", "Bicubic", ["tables.beby_table2.reference", "'Bicubic'"]),
        ("tables/beby_table2/reference", ["Bicubc"], ["tables.beby_table2.reference", 'did you mean "Bicubic"?']),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(
    refused: Callable[..., str], place: str, value: Any, words: list[str]
) -> None:
    refused([place, value], "run.yaml", *words)


def test_one_model_may_be_two_columns_of_an_ablation(planned: Callable[..., Plan]) -> None:
    columns = [COLUMN, {"column": "again", "model": "Beby"}, {"column": "between", "model": "Between"}]
    entries = entries_of(planned("tables/beby_table1/columns", columns), "beby_table1")
    assert [(entry.name, entry.folder, entry.published) for entry in entries] == [
        ("Beby-GAN", "Beby", "Beby-GAN"),
        ("again", "Beby", "again"),
        ("between", "Between", "between"),
    ]


def test_an_ablation_reads_every_benchmark_of_the_run(planned: Callable[..., Plan]) -> None:
    more = ["datasets/more", {"role": "benchmark", "scikit_image": ["coffee"]}, "benchmarks", ["photos", "more"]]
    plan = planned(*more)
    for table in ("ldl_table1", "beby_table1", "beby_table2"):
        assert list(table_job(plan, table).benchmarks) == ["photos", "more"]
    assert list(table_job(plan, "ldl_table2").benchmarks) == ["photos"]


@pytest.mark.parametrize("table", COMPARISONS)
def test_a_table_without_any_column_is_refused(refused: Callable[..., str], run_data: Any, table: str) -> None:
    models = [model | {"tables": []} for model in run_data["models"]]
    changes = ["models", models, f"tables/{table}/reference", []]
    refused(changes, "run.yaml", f"tables.{table}", "no model and no reference", "remove it")
    refused([*changes, f"tables/{table}", ..., "models/0/tables", ["ldl_table2"]], "models.0.tables", '"ldl_table2"')


def test_a_table_without_any_of_its_metrics_is_refused(refused: Callable[..., str]) -> None:
    refused(["metrics", ["pi"]], "tables.ldl_table1", "none of its metrics", "psnr_y")


# ---- published columns


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"ldl_table1": "RRDB+LDL (DF2)"}, ["ldl_table1.csv", "RRDB+LDL (DF2)", 'did you mean "RRDB+LDL (DF2K)"?']),
        ({"ldl_table1": "RRDB+LDL"}, ["ldl_table1.csv", 'did you mean "RRDB+LDL']),
        ({"ldl_table1": "Beby-GAN"}, ["ldl_table1.csv", "no column Beby-GAN"]),
        ({"beby_table2": "ESRGN"}, ["beby_table2.csv", "no column ESRGN", 'did you mean "ESRGAN"?']),
        ({"beby_table2": "RRDB+LDL (DF2K)"}, ["beby_table2.csv", "no column RRDB+LDL (DF2K)"]),
        ({"ldl_table1": "RRDB+LDL (DF2K)", "beby_table2": "Bby-GAN"}, ["beby_table2.csv", 'mean "Beby-GAN"?']),
    ],
)
def test_a_column_that_the_paper_does_not_have_is_refused_with_the_nearest(
    refused: Callable[..., str], published: dict[str, str], words: list[str]
) -> None:
    refused(["models/2/published", published], "run.yaml", "model Base+LDL", *words)


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"beby_table1": "Beby-GAN"}, ["models.2.published", '"beby_table1"', "beby_table2"]),
        ({"ldl_table2": "4"}, ["models.2.published", '"ldl_table2"', "ldl_table1"]),
        # the form of earlier versions
        ({"method": "RRDB+LDL", "train_set": "DF2K"}, ["models.2.published", '"method"', "ldl_table1"]),
        ({"beby_table2": None}, ["models.2.published.beby_table2"]),
        ("ESRGAN", ["models.2.published", "dictionary", "'ESRGAN'"]),
    ],
)
def test_a_wrong_form_of_published_is_refused(refused: Callable[..., str], published: Any, words: list[str]) -> None:
    refused(["models/2/published", published], "run.yaml", *words)


def test_a_model_is_compared_with_a_column_of_each_paper(planned: Callable[..., Plan]) -> None:
    plan = planned("models/2/published", {"ldl_table1": "RRDB+LDL (DF2K)", "beby_table2": "ESRGAN"})
    for table, column in (("ldl_table1", "RRDB+LDL (DF2K)"), ("beby_table2", "ESRGAN")):
        published = {entry.name: entry.published for entry in entries_of(plan, table)}
        assert published.pop("Base+LDL") == column
        assert not any(published.values())


@pytest.mark.parametrize("published", [{"ldl_table1": "RRDB+LDL (DF2K)"}, {"beby_table2": "ESRGAN"}])
@pytest.mark.parametrize("model", [2, 5])
def test_a_run_of_another_scale_than_the_papers_is_compared_with_nothing(
    refused: Callable[..., str], planned: Callable[..., Plan], published: dict[str, str], model: int
) -> None:
    planned("scale", 2)
    changes = ["scale", 2, f"models/{model}/published", published]
    refused(changes, "run.yaml", "published tables are x4", "this run x2", "remove published")


def test_published_for_a_table_without_the_model_is_refused(refused: Callable[..., str]) -> None:
    changes = ["models/0/tables", [], "models/0/published", {"beby_table2": "SRResNet"}]
    refused(changes, "model Base", "beby_table2", "no column of")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("ESRGN", ["beby_table2.csv has no column ESRGN", 'did you mean "ESRGAN"?']),
        ("ESRGAN", ["a model is compared with ESRGAN", "remove it there"]),
    ],
)
def test_a_column_of_the_paper_alone_is_one_that_no_model_is_compared_with(
    refused: Callable[..., str], planned: Callable[..., Plan], column: str, words: list[str]
) -> None:
    published_only = "tables/beby_table2/published_only"
    changes = ["models/2/published", {"beby_table2": "ESRGAN"}]
    planned(*changes, published_only, {"SRGAN": "why"})
    refused([*changes, published_only, {column: "why"}], "run.yaml", "tables.beby_table2.published_only", *words)


@pytest.mark.parametrize(("table", "column"), [("ldl_table1", "RRDB+LDL (DF2K)"), ("beby_table2", "ESRGAN")])
def test_a_missing_published_table_is_named(
    own_catalog: Catalog, refused: Callable[..., str], table: str, column: str
) -> None:
    own_catalog.published(table).unlink()
    refused(["models/2/published", {table: column}], str(own_catalog.published(table)), catalog=own_catalog)


def test_a_published_table_without_methods_is_named(own_catalog: Catalog, one_line: Callable[..., None]) -> None:
    file = own_catalog.published("beby_table2")
    file.write_text("metric,benchmark,value\nPI,Set14,1\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        own_catalog.published_labels("beby_table2")
    one_line(str(caught.value), str(file), "no column method", "correct label in tables/beby_table2.yaml")


def test_a_published_column_is_a_method_with_its_training_set_where_there_is_one() -> None:
    values = PublishedValues(file="a.csv", label=("method", "train_set"))
    assert values.label_of({"method": "RRDB+LDL", "train_set": "DF2K"}) == "RRDB+LDL (DF2K)"
    assert values.label_of({"method": "ESRGAN", "train_set": ""}) == "ESRGAN"
    assert PublishedValues(file="a.csv", label=("method",)).label_of({"method": "ESRGAN", "train_set": "x"}) == "ESRGAN"
