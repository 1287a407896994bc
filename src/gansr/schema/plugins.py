"""What a plug-in file declares, read without importing it: options, version, constants ("facts"), functions.

A plug-in (a loss term, a generator, a critic ...) is one file, which also holds everything that must be known of the
plug-in. Importing such a file imports torch, which takes seconds; checking a configuration must be fast. So the file is
parsed instead:

    options    the keyword-only parameters of its entry point: names, annotations and defaults are the schema that
               the config is checked against. Positional parameters come from the code that calls it.
    facts      its constants: assignments of literal values to names in capitals, at the top of the file
    functions  a function that a dry run needs (`check`, for instance) may only use its arguments, Python's built-in
               functions and the file's facts

Entry points, by the folder that the file lies in:

    losses/                  the class derived from LossTerm
    losses/views/            the class derived from View
    networks/generators/     the function build
    networks/critics/        the function build
    reporting/figures/       the function draw

Every plug-in of this project has the fact `VERSION`: raise it when an edit changes what the file computes, and results
that depend on the file are computed again. A file without it, such as a user's own, is identified by its checksum.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from gansr.checksum import checksum
from gansr.errors import UserError, nearest
from gansr.schema.section import Section

Kind = Literal["loss", "view", "generator", "critic", "figure"]

PACKAGE = Path(__file__).parents[1]
FOLDERS: dict[Kind, str] = {
    "loss": "losses",
    "view": "losses/views",
    "generator": "networks/generators",
    "critic": "networks/critics",
    "figure": "reporting/figures",
}
BASE_CLASSES: dict[Kind, str] = {"loss": "LossTerm", "view": "View"}  # kinds whose entry point is a class's __init__
FUNCTIONS: dict[Kind, str] = {"generator": "build", "critic": "build", "figure": "draw"}
ANNOTATION_NAMES = {"Annotated": Annotated, "Field": Field, "Literal": Literal}
NOT_PLUGINS = {"__init__", "base", "build"}


def names(kind: Kind) -> list[str]:
    """The names that a config may use: the files in the folder of this kind."""
    folder = PACKAGE / FOLDERS[kind]
    return sorted(file.stem for file in folder.glob("*.py") if file.stem not in NOT_PLUGINS)


def file_of(kind: Kind, name: str) -> Path:
    """The file of a plug-in.

    Raises:
        UserError: there is none of that name.
    """
    if name not in names(kind):
        raise UserError(f'unknown {kind} "{name}"; {nearest(name, names(kind))}')
    return PACKAGE / FOLDERS[kind] / f"{name}.py"


@functools.cache
def schema(kind: Kind, name: str) -> type[BaseModel]:
    """The options of one plug-in file as a pydantic model.

    Raises:
        UserError: there is no file of that name, or it has no entry point.
    """
    file = file_of(kind, name)
    function = _entry_point(_tree(file), kind, file)
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.annotation is None:
            raise UserError(f"{file}: the option {argument.arg} has no annotation; add its type")
        annotation = _evaluate(argument.annotation)
        fields[argument.arg] = (annotation, ... if default is None else ast.literal_eval(default))
    return create_model(f"{name}_options", __base__=Section, **fields)


def facts(kind: Kind, name: str) -> dict[str, Any]:
    """The constants of one plug-in file that are literal values.

    Raises:
        UserError: there is no file of that name.
    """
    return _facts(file_of(kind, name))


@functools.cache
def _facts(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in _tree(file).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if _is_annotated(node) else []  # type: ignore[attr-defined]
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    found[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except ValueError:
                    continue  # a computed value, which cannot be read without running the file
    return found


def fact(kind: Kind, name: str, key: str, default: Any) -> Any:
    """One constant of a plug-in file, or the default where it has none of that name."""
    return facts(kind, name).get(key, default)


def function(kind: Kind, name: str, wanted: str) -> Callable[..., Any] | None:
    """A top-level function of one plug-in file, compiled from its text; None where the file has none of that name.

    Raises:
        UserError: there is no such file, or the function uses names that only an import would give it.
    """
    return _function(file_of(kind, name), wanted)


@functools.cache
def _function(file: Path, wanted: str) -> Callable[..., Any] | None:
    for node in _tree(file).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            break
    else:
        return None
    bare = _without_annotations(node)
    namespace = dict(_facts(file))
    exec(compile(ast.Module([bare], []), str(file), "exec"), namespace)
    made: Callable[..., Any] = namespace[wanted]
    known = {*namespace, *vars(builtins)}
    unknown = sorted(_global_names(made.__code__) - known)
    if unknown:
        raise UserError(
            f"{file}: the function {wanted} is read without importing the file and cannot use {unknown[0]}; "
            f"it may use its arguments, built-in functions and literal constants of the file"
        )
    return made


def version(kind: Kind, name: str) -> int | str:
    """The file's VERSION, or without one the checksum of its content.

    Raises:
        UserError: there is no file of that name.
    """
    return version_of(file_of(kind, name))


def version_of(file: Path) -> int | str:
    """The VERSION of a Python file, or without one the checksum of its content."""
    stated = _facts(file).get("VERSION")
    return stated if isinstance(stated, int) else f"sha256:{checksum(file)}"


def changed_options(kind: Kind, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options whose values are not the defaults.

    Raises:
        UserError: there is no file of that name.
    """
    defaults = default_options(kind, name)
    return {key: value for key, value in options.items() if key not in defaults or defaults[key] != value}


def default_options(kind: Kind, name: str) -> dict[str, Any]:
    """The defaults of a plug-in's options, as plain data; options without a default are left out.

    Raises:
        UserError: there is no file of that name.
    """
    fields = schema(kind, name).model_fields
    given = {key: field.default for key, field in fields.items() if not field.is_required()}
    return schema(kind, name).model_construct(**given).model_dump(mode="json", include=set(given))


@functools.lru_cache(maxsize=256)
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _is_annotated(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is not None


def _without_annotations(function: ast.FunctionDef) -> ast.FunctionDef:
    """The function without annotations and decorators, which may use names that only an import would define."""
    bare = copy.deepcopy(function)
    for argument in (*bare.args.posonlyargs, *bare.args.args, *bare.args.kwonlyargs):
        argument.annotation = None
    bare.returns, bare.decorator_list = None, []
    return bare


def _global_names(code: Any) -> set[str]:
    """The global names that a function and those inside it look up."""
    import dis

    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for inner in code.co_consts:
        if hasattr(inner, "co_code"):
            found |= _global_names(inner)
    return found


def _entry_point(tree: ast.Module, kind: Kind, file: Path) -> ast.FunctionDef:
    base, name = BASE_CLASSES.get(kind), FUNCTIONS.get(kind)
    for node in tree.body:
        if base is None and isinstance(node, ast.FunctionDef) and node.name == name:
            return node
        if base is not None and isinstance(node, ast.ClassDef) and base in map(ast.unparse, node.bases):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    return member
            return ast.parse("def __init__(self): ...").body[0]  # type: ignore[return-value]
    wanted = f"a class derived from {base}" if base else f"a function {name}"
    raise UserError(f"{file}: a {kind} file holds {wanted}, this one does not")


def _evaluate(annotation: ast.expr) -> Any:
    return eval(compile(ast.Expression(annotation), "<annotation>", "eval"), dict(ANNOTATION_NAMES))
