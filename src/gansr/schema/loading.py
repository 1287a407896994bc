"""YAML files to validated objects, and pydantic's validation errors to messages of one line."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from gansr.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, where YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(problem=f"{key} is no key", problem_mark=key_node.start_mark)
            if key in seen:
                problem = f'key "{key}" is given twice'
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """The parsed text, cached: every model of a run reads its method's files, and parsing YAML is slow."""
    return yaml.load(text, _UniqueKeyLoader)


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        UserError: the file is missing, is not YAML, is not a mapping or gives a key twice.
    """
    try:
        data = copy.deepcopy(_parsed(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise UserError(f"{file}: not valid YAML: {where}{problem}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UserError(f"{file}: expected a mapping of keys to values, found a {type(data).__name__}")
    return data


def validate(model: type[Model], data: Any, source: str) -> Model:
    """Check `data` against `model`; the message of an error begins with `source`, the name of a file for instance.

    Raises:
        UserError: one line with the place in the config, the value and what was expected.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {one_line(error)}") from None


def one_line(error: ValidationError) -> str:
    """The first error in a pydantic ValidationError as `place: message`, with the number of further errors."""
    first, *others = error.errors()
    # pydantic puts the tags of unions and the names of validators into the path; keys have no brackets
    place = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        message = "required; add it"
    given = first.get("input")
    if first["type"] not in ("value_error", "unknown_key", "missing") and isinstance(given, str | int | float):
        message = f"{message}, not {given!r}"
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}: {message}{more}" if place else f"{message}{more}"
