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
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, create_model

from gansr.checksum import checksum
from gansr.errors import UserError, nearest
from gansr.schema import plugin_text
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
NOT_PLUGINS = {"__init__", "base", "build"}
# Keys of a config that stand beside the options of a plug-in, which therefore cannot be options.
BESIDE_OPTIONS: dict[Kind, tuple[str, ...]] = {
    "loss": ("loss", "weight", "view"),
    "view": ("name",),
    "generator": ("network",),
    "critic": ("network",),
    "figure": (),
}


def names(kind: Kind) -> list[str]:
    """The names that a config may use: the files in the folder of this kind."""
    stems = (file.stem for file in (PACKAGE / FOLDERS[kind]).glob("*.py"))
    return sorted(stem for stem in stems if stem not in NOT_PLUGINS and can_be_key(stem))


def can_be_key(name: str) -> bool:
    """Whether a name can be imported, and be a key of a section of the config."""
    return name.isidentifier() and not name.startswith("_") and not hasattr(Section, name)


def file_of(kind: Kind, name: str) -> Path:
    """The file of a plug-in.

    Raises:
        UserError: there is none of that name.
    """
    if name not in names(kind):
        file = PACKAGE / FOLDERS[kind] / f"{name}.py"
        if name not in NOT_PLUGINS and file.is_file():
            raise UserError(f'{file}: "{name}" cannot name a {kind}; rename the file, with letters, digits and _')
        raise UserError(f'unknown {kind} "{name}"; {nearest(name, names(kind))}')
    return PACKAGE / FOLDERS[kind] / f"{name}.py"


@functools.cache
def schema(kind: Kind, name: str) -> type[BaseModel]:
    """The options of one plug-in file as a pydantic model.

    Raises:
        UserError: there is no file of that name, it has no entry point, or an option that cannot be read.
    """
    file = file_of(kind, name)
    function = plugin_text.options_of(_entry_point(kind, file))
    fields: dict[str, Any] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        option = f"{file}: the option {argument.arg}"
        if argument.arg in BESIDE_OPTIONS[kind]:
            raise UserError(f"{option} has the name of a key that stands beside the options of a {kind}; rename it")
        if not can_be_key(argument.arg):
            raise UserError(f"{option} cannot have this name; rename it")
        if argument.annotation is None:
            raise UserError(f"{option} has no annotation; add its type")
        annotation = plugin_text.evaluate(argument.annotation, option)
        fields[argument.arg] = (annotation, ... if default is None else plugin_text.literal(default, option))
    return create_model(f"{name}_options", __base__=Section, **fields)


def class_name(kind: Kind, name: str) -> str:
    """The class that a file of losses/ or losses/views/ holds.

    Raises:
        UserError: there is no file of that name, or it holds none or several.
    """
    return _entry_point(kind, file_of(kind, name)).name


def facts(kind: Kind, name: str) -> dict[str, Any]:
    """The constants of one plug-in file that are literal values.

    Raises:
        UserError: there is no file of that name.
    """
    return plugin_text.facts(file_of(kind, name))


def fact(kind: Kind, name: str, key: str, default: Any) -> Any:
    """One constant of a plug-in file, or the default where it has none of that name."""
    return facts(kind, name).get(key, default)


def fact_names(kind: Kind, name: str, key: str) -> tuple[str, ...]:
    """The names that one constant of a plug-in file lists; none where it has none of that name.

    Raises:
        UserError: there is no file of that name, or the constant is no tuple.
    """
    found = fact(kind, name, key, ())
    if not isinstance(found, tuple | list):
        raise UserError(f"{file_of(kind, name)}: {key} is {found!r}; write a tuple of names")
    return tuple(found)


def function(kind: Kind, name: str, wanted: str) -> Callable[..., Any] | None:
    """A top-level function of one plug-in file, compiled from its text; None where the file has none of that name.

    Raises:
        UserError: there is no such file, or the function uses names that only an import would give it. The function
            raises it as well where it fails otherwise than by a ValueError.
    """
    return plugin_text.function(file_of(kind, name), wanted)


def version(kind: Kind, name: str) -> int | str:
    """The file's VERSION, or without one the checksum of its content.

    Raises:
        UserError: there is no file of that name.
    """
    return version_of(file_of(kind, name))


def version_of(file: Path) -> int | str:
    """The VERSION of a Python file, or without one the checksum of its content."""
    stated = plugin_text.facts(file).get("VERSION")
    return stated if isinstance(stated, int) else f"sha256:{checksum(file)}"


def with_imported(used: Iterable[tuple[Kind, str]]) -> list[tuple[Kind, str]]:
    """Plug-in files, and those that they import, directly or not: an edit of these may change what they compute.

    Raises:
        UserError: there is no such file.
    """
    modules = {f"{_package(kind)}.{name}": (kind, name) for kind in FOLDERS for name in names(kind)}
    found, waiting = [], list(used)
    while waiting:
        kind, name = waiting.pop()
        if (kind, name) not in found:
            found.append((kind, name))
            imported = plugin_text.imported_modules(file_of(kind, name), _package(kind))
            waiting += [modules[module] for module in sorted(imported) if module in modules]
    return sorted(found)


def _package(kind: Kind) -> str:
    return f"gansr.{FOLDERS[kind].replace('/', '.')}"


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


def _entry_point(kind: Kind, file: Path) -> ast.FunctionDef | ast.ClassDef:
    """The function, or the one class, that a plug-in file holds."""
    if kind in FUNCTIONS:
        wanted = f"a function {FUNCTIONS[kind]}"
        for node in plugin_text.tree(file).body:
            if isinstance(node, ast.FunctionDef) and node.name == FUNCTIONS[kind]:
                return node
    else:
        wanted = f"a class derived from {BASE_CLASSES[kind]}"
        found = plugin_text.derived(plugin_text.tree(file), BASE_CLASSES[kind])
        if len(found) > 1:
            both = f"{found[0].name} and {found[1].name}"
            raise UserError(f"{file}: a {kind} file holds one class derived from {BASE_CLASSES[kind]}, not {both}")
        if found:
            return found[0]
    raise UserError(f"{file}: a {kind} file holds {wanted}, this one does not")
