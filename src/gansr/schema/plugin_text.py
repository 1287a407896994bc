"""The text of a Python file that is read without importing it: its constants, functions, classes and their options.

Every `file` here is a plug-in file (plugins.py); whatever is wrong with its text is a UserError that names it.
"""

from __future__ import annotations

import ast
import builtins
import copy
import dis
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from gansr.errors import UserError

ANNOTATION_NAMES = {"Annotated": Annotated, "Field": Field, "Literal": Literal}


@functools.lru_cache(maxsize=256)
def tree(file: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(file.read_text(encoding="utf-8"))


@functools.cache
def facts(file: Path) -> dict[str, Any]:
    """The constants at the top of the file that are literal values."""
    found: dict[str, Any] = {}
    for node in tree(file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if _is_annotated(node) else []  # type: ignore[attr-defined]
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    found[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except ValueError:
                    continue  # a computed value, which cannot be read without running the file
    return found


@functools.cache
def function(file: Path, wanted: str) -> Callable[..., Any] | None:
    """A top-level function, compiled from its text; None where the file has none of that name.

    Raises:
        UserError: it uses names that only an import would give it. The function raises it as well where it fails
            otherwise than by a ValueError.
    """
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            break
    else:
        return None
    bare = _without_annotations(node)
    namespace = dict(facts(file))
    try:
        exec(compile(ast.Module([bare], []), str(file), "exec"), namespace)
    except NameError as error:  # the default of an argument
        raise UserError(f"{file}: the function {wanted} is read without importing the file, and {error}") from None
    made: Callable[..., Any] = namespace[wanted]
    known = {*namespace, *vars(builtins)}
    unknown = sorted(_global_names(made.__code__) - known)
    if unknown:
        raise UserError(
            f"{file}: the function {wanted} is read without importing the file and cannot use {unknown[0]}; "
            f"it may use its arguments, built-in functions and literal constants of the file"
        )

    def told(*given: Any) -> Any:
        try:
            return made(*given)
        except ValueError:
            raise
        except Exception as error:  # whatever a file of a user's own may raise
            raise UserError(
                f"{file}: the function {wanted} fails: {type(error).__name__}: {error}; correct it"
            ) from None

    return told


def imported_modules(file: Path, package: str) -> set[str]:
    """The dotted names that a file of this package imports, anywhere in it, each of which may be a module."""
    found: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = ".".join(parents[: len(parents) + 1 - node.level]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def _is_annotated(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is not None


def _without_annotations(node: ast.FunctionDef) -> ast.FunctionDef:
    """The function without annotations and decorators, which may use names that only an import would define."""
    bare = copy.deepcopy(node)
    for argument in (*bare.args.posonlyargs, *bare.args.args, *bare.args.kwonlyargs):
        argument.annotation = None
    bare.returns, bare.decorator_list = None, []
    return bare


def _global_names(code: Any) -> set[str]:
    """The global names that a function and those inside it look up."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for inner in code.co_consts:
        if hasattr(inner, "co_code"):
            found |= _global_names(inner)
    return found


def derived(module: ast.Module, base: str) -> list[ast.ClassDef]:
    """The classes of a file that are derived from a class of this name, directly or not."""
    known, found = {base}, []
    for node in module.body:
        if isinstance(node, ast.ClassDef) and known & set(map(ast.unparse, node.bases)):
            known.add(node.name)
            found.append(node)
    return found


def options_of(entry: ast.FunctionDef | ast.ClassDef) -> ast.FunctionDef:
    """The function whose keyword-only parameters are the options."""
    if isinstance(entry, ast.FunctionDef):
        return entry
    for member in entry.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return member
    return ast.parse("def __init__(self): ...").body[0]  # type: ignore[return-value]


def evaluate(annotation: ast.expr, option: str) -> Any:
    """The type of an option; `option` opens a complaint.

    Raises:
        UserError: it needs more than built-in types and ANNOTATION_NAMES.
    """
    try:
        return eval(compile(ast.Expression(annotation), "<annotation>", "eval"), dict(ANNOTATION_NAMES))
    except (NameError, TypeError, AttributeError) as error:
        known = ", ".join(ANNOTATION_NAMES)
        raise UserError(f"{option}: its type: {error}; use Python's built-in types, {known}") from None


def literal(default: ast.expr, option: str) -> Any:
    """The default of an option; `option` opens a complaint.

    Raises:
        UserError: it is no literal value.
    """
    try:
        return ast.literal_eval(default)
    except ValueError:
        raise UserError(f"{option}: its default {ast.unparse(default)} is no literal value; write the value") from None
