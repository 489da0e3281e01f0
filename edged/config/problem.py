"""What is wrong with a configuration, in words: where, what, and what to write instead.

Imports the standard library, pydantic's error type and what makes messages. Values are repeated only where they cannot
be secret; an url, a user or a password never is.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from storage.words.message import Message, message


@dataclass(frozen=True, slots=True)
class ConfigMistake:
    file: str
    key: str
    """Such as `cameras.lobby.url`, `cameras[2].id` or `line 12`; "" for the file as a whole."""
    problem: Message
    instead: Message
    """What to write instead, or what to do."""

    def __str__(self) -> str:
        return str(self.said)

    @property
    def said(self) -> Message:
        """All of it, on two lines."""
        problem, instead = self.problem, self.instead
        if not self.key:
            return message(
                "config.mistake-of-file",
                "{file}: {problem}\n  → {instead}",
                file=self.file,
                problem=problem,
                instead=instead,
            )
        return message(
            "config.mistake",
            "{file}: {key}: {problem}\n  → {instead}",
            file=self.file,
            key=self.key,
            problem=problem,
            instead=instead,
        )


class ConfigError(Exception):
    """The configuration cannot be used; all that is wrong with it at once. Exit 78."""

    def __init__(self, problems: Sequence[ConfigMistake]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


Location = tuple[int | str, ...]

_TABLE = message("config.type.table", "must be a table")
_TABLES = message("config.type.tables", "must be a list of tables")
_TYPES = {
    "string_type": message("config.type.text", "must be text in quotes"),
    "int_type": message("config.type.whole", "must be a whole number, without quotes"),
    "float_type": message("config.type.number", "must be a number, without quotes"),
    "bool_type": message("config.type.boolean", "must be true or false, without quotes"),
    "list_type": message("config.type.list", "must be a list"),
    "model_type": _TABLE,
    "dict_type": _TABLE,
}
_LIMITS = {
    "greater_than": "gt",
    "greater_than_equal": "ge",
    "less_than_equal": "le",
    "string_too_long": "max_length",
    "too_long": "max_length",
    "too_short": "min_length",
}
"""Where pydantic's findings have it."""


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
    kind: str, words: str, context: Mapping[str, Any], location: Location, model: type[BaseModel]
) -> tuple[Message, Message]:
    keys = [part for part in location if isinstance(part, str)]
    parent = _model_at(model, tuple(keys[:-1]))
    last = keys[-1] if keys else ""
    example = _example(parent, last)
    if kind == "extra_forbidden":
        return message("config.unknown-key", "is not a key that edged knows"), _near(last, parent)
    if kind == "missing":
        return message("config.missing", "is missing"), example
    tables = _model_at(model, location) is not None
    if kind in _TYPES:
        return _TABLES if kind == "list_type" and tables else _TYPES[kind], example
    if kind == "literal_error":
        return message("config.literal", "must be {expected}", expected=str(context["expected"])), example
    if kind in _LIMITS:
        return _limit(kind, str(context.get(_LIMITS[kind])), tables=tables), example
    return context.get("problem") or Message(words), context.get("instead") or example


def _limit(kind: str, limit: str, *, tables: bool) -> Message:
    """How large or how long it may be; `tables`: it is a list of such, else one of names."""
    said = {
        "greater_than": message("config.limit.more", "must be more than {limit}", limit=limit),
        "greater_than_equal": message("config.limit.least", "must be at least {limit}", limit=limit),
        "less_than_equal": message("config.limit.most", "must be at most {limit}", limit=limit),
        "string_too_long": message("config.limit.characters", "must be at most {limit} characters long", limit=limit),
        "too_long": message("config.limit.names", "must be at most {limit} names", limit=limit),
        "too_short": message("config.limit.least-names", "must be at least {limit} name", limit=limit),
    }
    if tables:
        said["too_long"] = message("config.limit.tables", "must be at most {limit} tables", limit=limit)
        said["too_short"] = message("config.limit.least-tables", "must be at least {limit} table", limit=limit)
    return said[kind]


def _near(wrong: str, model: type[BaseModel] | None) -> Message:
    known = [] if model is None else [name for name in model.model_fields if not _internal(model, name)]
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if close:
        return message("config.near", "{key} (did you mean that?), or leave it out", key=close[0])
    if known:
        return message("config.one-of", "one of {known}, or leave it out", known=known)
    return message("config.leave-out", "leave it out")


def _internal(model: type[BaseModel], name: str) -> bool:
    return model.model_fields[name].exclude is True


def _example(model: type[BaseModel] | None, name: str) -> Message:
    field = model.model_fields.get(name) if model is not None else None
    if field is None or not field.examples:
        return message("config.see-documentation", "see docs/configuration.md")
    example = field.examples[0]
    return example if isinstance(example, Message) else Message(str(example))


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
