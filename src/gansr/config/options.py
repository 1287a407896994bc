"""The options of loss terms, generators and discriminators, read from their files without importing them.

A loss term, a generator and a discriminator are one file each. The keyword-only parameters of the
file's entry point are its options: their names, annotations and defaults are the schema that the
config is checked against. The signature is parsed, not imported, because importing any of these
files imports torch, which takes seconds.

    losses/<name>.py                     the class derived from LossTerm; options of its __init__
    networks/generators/<name>.py        the function build
    networks/discriminators/<name>.py    the function build

Positional parameters (a generator's scale, say) come from the training code and are no options.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from gansr.config.section import Section
from gansr.errors import UserError, nearest

Kind = Literal["loss", "generator", "discriminator"]

PACKAGE = Path(__file__).parents[1]
FOLDERS: dict[Kind, str] = {
    "loss": "losses",
    "generator": "networks/generators",
    "discriminator": "networks/discriminators",
}
ANNOTATION_NAMES = {"Annotated": Annotated, "Field": Field, "Literal": Literal}
NOT_PLUGINS = {"__init__", "base", "build"}


def names(kind: Kind) -> list[str]:
    """The names that a config may use: the files in the folder of this kind."""
    folder = PACKAGE / FOLDERS[kind]
    return sorted(file.stem for file in folder.glob("*.py") if file.stem not in NOT_PLUGINS)


@functools.cache
def schema(kind: Kind, name: str) -> type[BaseModel]:
    """The options of one plug-in file as a pydantic model.

    Raises:
        UserError: there is no file of that name.
    """
    if name not in names(kind):
        raise UserError(f'unknown {kind} "{name}"; {nearest(name, names(kind))}')
    file = PACKAGE / FOLDERS[kind] / f"{name}.py"
    function = _entry_point(ast.parse(file.read_text(encoding="utf-8")), kind, file)
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.annotation is None:
            raise UserError(f"{file}: the option {argument.arg} has no annotation; add its type")
        annotation = _evaluate(argument.annotation)
        fields[argument.arg] = (annotation, ... if default is None else ast.literal_eval(default))
    return create_model(f"{name}_options", __base__=Section, **fields)


def _entry_point(tree: ast.Module, kind: Kind, file: Path) -> ast.FunctionDef:
    for node in tree.body:
        if kind != "loss" and isinstance(node, ast.FunctionDef) and node.name == "build":
            return node
        if kind == "loss" and isinstance(node, ast.ClassDef) and "LossTerm" in map(ast.unparse, node.bases):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    return member
            return ast.parse("def __init__(self): ...").body[0]  # type: ignore[return-value]
    wanted = "a class derived from LossTerm" if kind == "loss" else "a function build"
    raise UserError(f"{file}: a {kind} file holds {wanted}, this one does not")


def _evaluate(annotation: ast.expr) -> Any:
    return eval(compile(ast.Expression(annotation), "<annotation>", "eval"), dict(ANNOTATION_NAMES))
