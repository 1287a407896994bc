"""Markdown and LaTeX stay tables whatever the models are called."""

from __future__ import annotations

import re

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gansr.reporting.markup import bold_markdown, latex, markdown

SPECIAL = r"A_b & 50% #1 $x {y} ~z ^w \v"


def frame(columns: list[str], *rows: list[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), index=[f"r{number}" for number in range(len(rows))], columns=columns)


def made(columns: list[str], caption: str = "words") -> str:
    texts = frame(columns, ["1.000"] * len(columns), ["2.000"] * len(columns))
    bold = texts.map(lambda text: text == "2.000")
    return latex(texts, bold, caption, "tab:x")


def balanced(text: str) -> bool:
    depth = 0
    for sign in re.sub(r"\\[\\{}]", "", text):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0


def test_a_latex_table_is_a_booktabs_float_with_the_best_in_bold() -> None:
    text = made(["A", "B"])
    for part in (r"\begin{table}", r"\centering", r"\toprule", r"\bottomrule", r"\end{table}", r"\label{tab:x}"):
        assert part in text
    assert r"r0 & 1.000 & 1.000 \\" in text
    assert r"r1 & \textbf{2.000} & \textbf{2.000} \\" in text
    assert balanced(text)


def test_special_characters_of_latex_are_escaped() -> None:
    text = made([SPECIAL], caption=SPECIAL)
    assert balanced(text)
    assert text.count(r"A\_b \& 50\% \#1 \$x \{y\} ") == 2
    assert r"\textbackslash{}v" in text
    for sign in "#%~^$":
        # a bare ~ is a space and a bare ^ an error outside formulas
        assert not re.search(rf"(?<!\\){re.escape(sign)}", text), sign


def test_a_name_adds_no_column() -> None:
    rows = [line for line in made([SPECIAL, "B"]).splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {2}


def test_arrows_and_marks_are_formulas() -> None:
    text = made(["PSNR ↑", "LPIPS ↓"])
    assert r"PSNR $\uparrow$" in text and r"LPIPS $\downarrow$" in text
    assert text.isascii()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(r"ab&%$#_{}\~^ ", min_size=1, max_size=8), min_size=1, max_size=3, unique=True))
def test_braces_are_balanced_whatever_the_names(names: list[str]) -> None:
    assert balanced(made(names, caption=" ".join(names)))


def test_a_markdown_table_has_one_rule_and_aligned_columns() -> None:
    assert markdown(["metric", "A", "B"], [["PSNR", "1", "2"]], text_columns=1) == (
        "| metric | A | B |\n| --- | ---: | ---: |\n| PSNR | 1 | 2 |"
    )


def test_a_name_does_not_break_a_markdown_table() -> None:
    lines = markdown(["metric", "A|B"], [["PSNR", "1"]], text_columns=1).splitlines()
    assert len(lines) == 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}


def test_an_empty_cell_is_not_bold() -> None:
    assert (bold_markdown("1", True), bold_markdown("1", False), bold_markdown("", True)) == ("**1**", "1", "")
