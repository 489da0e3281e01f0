"""What is wrong with a configuration, in words: where, what, and what to write instead.

Imports the standard library and pydantic's error type. Values are repeated only where they cannot be secret; an url,
a user or a password never is.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, slots=True)
class ConfigMistake:
    file: str
    key: str
    """Such as `cameras.lobby.url`, `cameras[2].id` or `line 12`; "" for the file as a whole."""
    problem: str
    instead: str
    """What to write instead, or what to do."""

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.problem}\n  → {self.instead}"


class ConfigError(Exception):
    """The configuration cannot be used; all that is wrong with it at once. Exit 78."""

    def __init__(self, problems: Sequence[ConfigMistake]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


Location = tuple[int | str, ...]

_TYPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "bool_type": "true or false, without quotes",
    "list_type": "a list{of_tables}",
    "model_type": "a table",
    "dict_type": "a table",
}
_LIMITS = {
    "greater_than": ("must be more than {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than_equal": ("must be at most {}", "le"),
    "string_too_long": ("must be at most {} characters long", "max_length"),
    "too_long": ("must be at most {} {items}", "max_length"),
    "too_short": ("must be at least {} {item}", "min_length"),
}


def key_path(location: Location, raw: Mapping[str, Any]) -> str:
    """`("cameras", 1, "url")` → `cameras.lobby.url`: by id where there is exactly one of that id, else by position."""
    text = ""
    node: Any = raw
    for part in location:
        if isinstance(part, int):
            text += _item(node, part)
            node = node[part] if isinstance(node, list) and part < len(node) else None
        else:
            word = part if part.isprintable() else ascii(part)
            text += f".{word}" if text else word
            node = node.get(part) if isinstance(node, Mapping) else None
    return text


def translate(error: ValidationError, model: type[BaseModel], file: str, raw: Mapping[str, Any]) -> list[ConfigMistake]:
    """pydantic's findings as problems; its input values stay behind."""
    problems = []
    for found in error.errors(include_input=False, include_url=False):
        location: Location = found["loc"]
        problem, instead = _words(found["type"], found["msg"], found.get("ctx", {}), location, model)
        problems.append(ConfigMistake(file, key_path(location, raw), problem, instead))
    return problems


def _item(node: Any, index: int) -> str:
    if isinstance(node, list) and index < len(node) and isinstance(node[index], Mapping):
        name = node[index].get("id")
        ids = [item.get("id") for item in node if isinstance(item, Mapping)]
        if isinstance(name, str) and name.isprintable() and name and ids.count(name) == 1:
            return f".{name}"
    return f"[{index}]"


def _words(
    kind: str, message: str, context: Mapping[str, Any], location: Location, model: type[BaseModel]
) -> tuple[str, str]:
    keys = [part for part in location if isinstance(part, str)]
    parent = _model_at(model, tuple(keys[:-1]))
    last = keys[-1] if keys else ""
    example = _example(parent, last)
    if kind == "extra_forbidden":
        return "is not a key that edged knows", _near(last, parent)
    if kind == "missing":
        return "is missing", example
    if kind in _TYPES:
        of_tables = " of tables" if _model_at(model, location) else ""
        return f"must be {_TYPES[kind].format(of_tables=of_tables)}", example
    if kind == "literal_error":
        return f"must be {context.get('expected', 'one of the known words')}", example
    if kind in _LIMITS:
        words, limit = _LIMITS[kind]
        tables = _model_at(model, location) is not None
        item, items = ("table", "tables") if tables else ("name", "names")
        return words.format(context.get(limit), item=item, items=items), example
    return message, str(context.get("instead") or example)


def _near(wrong: str, model: type[BaseModel] | None) -> str:
    known = [] if model is None else [name for name in model.model_fields if not _internal(model, name)]
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if close:
        return f"{close[0]} (did you mean that?), or leave it out"
    return f"one of {', '.join(known)}, or leave it out" if known else "leave it out"


def _internal(model: type[BaseModel], name: str) -> bool:
    return model.model_fields[name].exclude is True


def _example(model: type[BaseModel] | None, name: str) -> str:
    field = model.model_fields.get(name) if model is not None else None
    if field is None or not field.examples:
        return "see docs/configuration.md"
    return str(field.examples[0])


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model that a location lies in, following tables and lists of tables."""
    here: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int) or here is None:
            continue
        field = here.model_fields.get(part)
        here = _model_in(field.annotation) if field is not None else None
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)
