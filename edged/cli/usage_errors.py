"""What a request document refuses, in words of the command line: which option, and what to write instead. Pure."""

from __future__ import annotations

from typing import Any, Final

import click
from pydantic import ValidationError

EMPTY: Final = "it is empty: write something"
REFUSALS: Final = {
    "string_too_long": "it has {count} characters: write at most {max_length}",
    "too_long": "it is given {count} times: at most {max_length}",
    "string_unicode": "it is not UTF-8: write it as text",
    "greater_than_equal": "it is too small: at least {ge}",
    "less_than_equal": "it is too large: at most {le}",
}
"""By pydantic's name of what is wrong."""
SUFFIX: Final = "Asked"
"""Names of request documents end so; what any other document refuses is no mistake of whoever types."""


def usage_error(error: ValueError, context: click.Context) -> click.UsageError | None:
    """None where it is not a request document that refused."""
    if not isinstance(error, ValidationError) or not error.title.endswith(SUFFIX):
        return None
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    parameter = _parameter(field, context.command)
    name = typed_name(parameter) if parameter else field
    return click.UsageError(f"{name}: {_refusal_words(first, parameter)}", context)


def empty_argument(context: click.Context) -> click.UsageError | None:
    """An argument that is there and says nothing would be another path, or the folder that one stands in."""
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument) and str(context.params.get(parameter.name or "")) == "":
            return click.UsageError(f"{typed_name(parameter)}: {EMPTY}", context)
    return None


def typed_name(parameter: click.Parameter) -> str:
    """As it is typed, or, of an argument, as the usage line has it."""
    return parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _parameter(field: str, command: click.Command) -> click.Parameter | None:
    """`span_s` and `max_file_bytes` are given as `span` and `max_file`."""
    own = {one.name: one for one in command.params if one.name}
    return own.get(field) or next((one for name, one in own.items() if field.startswith(f"{name}_")), None)


def _refusal_words(first: Any, parameter: click.Parameter | None) -> str:
    if first["type"] == "string_too_short":
        return EMPTY if parameter is None or parameter.required else f"{EMPTY}, or leave it out"
    words = REFUSALS.get(first["type"])
    count = len(first["input"]) if isinstance(first["input"], (str, list)) else 0
    return words.format(count=count, **first.get("ctx", {})) if words else str(first["msg"])
