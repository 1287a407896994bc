"""A table as Markdown and LaTeX, the best values in bold."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> str:
    """A Markdown table; columns after the first `text_columns` are aligned right."""
    rule = ["---" if number < text_columns else "---:" for number in range(len(header))]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [header, rule, *rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def latex(texts: pd.DataFrame, bold: pd.DataFrame, caption: str, label: str) -> str:
    """A LaTeX table (booktabs) of cell texts; `bold` has the same shape."""
    texts = texts.rename(index=_escape, columns=_escape)
    bold = bold.set_axis(texts.index, axis=0).set_axis(texts.columns, axis=1)
    styles = bold.apply(lambda column: column.map({True: "textbf:--rwrap;", False: ""}))
    column_format = "l" * texts.index.nlevels + "r" * texts.shape[1]
    return (
        texts.map(_escape)
        .style.apply(lambda _: styles, axis=None)
        .to_latex(
            hrules=True,
            column_format=column_format,
            multicol_align="c",
            multirow_align="t",
            position_float="centering",
            caption=_escape(caption),
            label=label,
        )
    )


LATEX = str.maketrans(
    {sign: "\\" + sign for sign in "&%$#_{}"}
    | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "✓": r"$\checkmark$",
        "≈": r"$\approx$",
    }
)


def _escape(text: str) -> str:
    return text.translate(LATEX)


def bold_markdown(text: str, bold: bool, mark: str = "") -> str:
    """The text, bold where it is the best, and its mark."""
    return f"**{text}**{mark}" if bold and text else text
