"""Options that verbs share, and what their request documents refuse, in words of the command line.

Every run imports this module: click only, and pydantic late.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from edged.cli.client import Address, CallError, DaemonClient
from edged.words import units
from storage.words.message import Message, message

TIMES: Final = "RFC 3339, 'YYYY-MM-DD [HH:MM[:SS]]' in site time, -2h, or now"
AS_GIVEN: Final = click.Path(path_type=Path, readable=False)
"""Whether it can be read is found out, and told in our words, when it is read."""
COMPLETION_S: Final = 1.0
"""Nobody waits longer for a key that was pressed."""
EMPTY: Final = message("screen.refused.empty", "it is empty: write something")
SUFFIX: Final = "Asked"
"""Names of request documents end so; what any other document refuses is no mistake of whoever types."""

Command = TypeVar("Command", bound=Callable[..., Any])


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document (docs/schemas).")


number_argument = click.argument("number", metavar="NUMBER")
"""Of a request; `known` looks at it."""


def known(typed: str) -> str:
    """A number as it is typed: nothing that would make another path of it."""
    number = typed.strip()
    if not number.replace("-", "").replace(".", "").isalnum() or not number.isascii():
        raise click.UsageError(
            message("office.typed.number", "{given} is no request: edgectl request list", given=units.shown(typed))
        )
    return number


class CameraId(click.types.StringParamType):
    """Any word; the shell completes those that the daemon knows, and nothing where it does not answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail(
                message("screen.refused.no-camera", "it is empty: write the id of a camera (edgectl cameras)"),
                param,
                ctx,
            )
        return super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        given = ctx.find_root().params
        try:
            known = Address(given.get("config"), given.get("socket")).daemon().socket_path
            document = json.loads(DaemonClient(known, patience_s=COMPLETION_S).get("/v1/cameras"))
            ids = [str(camera["id"]) for camera in document["cameras"]]
        except (CallError, click.UsageError, ValueError, KeyError, TypeError):
            return []
        return [CompletionItem(one) for one in ids if one.startswith(incomplete)]


CAMERA: Final = CameraId()


class Filled(click.types.StringParamType):
    """Any word but none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail(EMPTY, param, ctx)
        return super().convert(value, param, ctx)


FILLED: Final = Filled()


class Day(click.types.StringParamType):
    """As an office writes it; a `date`."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return units.parse_day(value)
        except units.UnitError as error:
            self.fail(error.said, param, ctx)


DAY: Final = Day()
OUTSIDE: Final = 0
"""Number of whoever is no person of the office."""


class PersonNumber(click.types.StringParamType):
    """As `edgectl person list` has it; where the applicant from outside may be meant, `outside` as well."""

    name = "person"

    def __init__(self, *, outside: bool = False) -> None:
        self._outside = outside

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        word = value.strip()
        if self._outside and word in ("outside", str(OUTSIDE)):
            return OUTSIDE
        if word.isascii() and word.isdecimal() and len(word) < 10 and int(word) != OUTSIDE:
            return int(word)
        given = units.shown(value)
        told = message(
            "office.typed.person", "{given} is no person: write a number of `edgectl person list`", given=given
        )
        if self._outside:
            told = message("office.typed.outside", "{wrong}, or 'outside' for the applicant", wrong=told)
        return self.fail(told, param, ctx)


PERSON: Final = PersonNumber()
SIGNER: Final = PersonNumber(outside=True)


_passed = click.make_pass_decorator(Address)


def address_given(command: Callable[..., Any]) -> Callable[..., Any]:
    """The verb gets its address. What its request document refuses is wrong usage, told by the option's name."""

    @wraps(command)
    def told(*positional: Any, **given: Any) -> Any:
        context = click.get_current_context()
        if nothing := empty_argument(context):
            raise nothing
        try:
            return command(*positional, **given)
        except ValueError as error:
            if wrong := usage_error(error, context):
                raise wrong from None
            raise

    return _passed(told)


def interval_options(command: Command) -> Command:
    """As segments and gaps take them."""
    for option in (
        click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N, the first ones."),
        click.option("--to", "end", metavar="TIME", help=f"Until then: {TIMES}."),
        click.option("--from", "start", metavar="TIME", help=f"From then on: {TIMES}."),
        click.option("--camera", metavar="ID", type=CAMERA, help="Only this camera."),
    ):
        command = option(command)
    return command


def refused(option: str, reason: str, context: click.Context | None = None) -> click.UsageError:
    """What was typed is wrong: of which option, and why."""
    return click.UsageError(message("screen.refused", "{option}: {reason}", option=option, reason=reason), context)


def usage_error(error: ValueError, context: click.Context) -> click.UsageError | None:
    """None where it is not a request document that refused."""
    from pydantic import ValidationError  # late: `version` and Tab do without

    if not isinstance(error, ValidationError) or not error.title.endswith(SUFFIX):
        return None
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    parameter = _parameter(field, context.command)
    name = typed_name(parameter) if parameter else ".".join(map(str, first["loc"]))
    return refused(name, _refusal_words(first, parameter), context)


def empty_argument(context: click.Context) -> click.UsageError | None:
    """An argument that is there and says nothing would be another path, or the folder that one stands in."""
    for parameter in context.command.params:
        if isinstance(parameter, click.Argument) and str(context.params.get(parameter.name or "")) == "":
            return refused(typed_name(parameter), EMPTY, context)
    return None


def typed_name(parameter: click.Parameter) -> str:
    """As it is typed, or, of an argument, as the usage line has it."""
    return parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name


def _parameter(field: str, command: click.Command) -> click.Parameter | None:
    """`span_s` and `max_file_bytes` are given as `span` and `max_file`."""
    own = {one.name: one for one in command.params if one.name}
    return own.get(field) or next((one for name, one in own.items() if field.startswith(f"{name}_")), None)


def _refusal_words(first: Any, parameter: click.Parameter | None) -> Message:
    """By pydantic's name of what is wrong."""
    limits = first.get("ctx", {})
    count = len(first["input"]) if isinstance(first["input"], (str, list)) else 0
    match first["type"]:
        case "string_too_short":
            empty_option = message("screen.refused.empty-option", "it is empty: write something, or leave it out")
            found = EMPTY if parameter is None or parameter.required else empty_option
        case "string_too_long":
            found = message(
                "screen.refused.too-long",
                "it has {count} characters: write at most {most}",
                count=count,
                most=limits["max_length"],
            )
        case "too_long":
            found = message(
                "screen.refused.too-often",
                "it is given {count} times: at most {most}",
                count=count,
                most=limits["max_length"],
            )
        case "string_unicode":
            found = message("screen.refused.not-utf8", "it is not UTF-8: write it as text")
        case "greater_than_equal":
            found = message("screen.refused.too-small", "it is too small: at least {least}", least=limits["ge"])
        case "less_than_equal":
            found = message("screen.refused.too-large", "it is too large: at most {most}", most=limits["le"])
        case _:
            found = Message(str(first["msg"]))
    return found
