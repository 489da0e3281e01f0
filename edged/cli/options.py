"""Options that verbs share. Imports click only."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from edged.cli.address import Address
from edged.cli.client import CallError, Daemon

Command = TypeVar("Command", bound=Callable[..., Any])

TIMES: Final = "RFC 3339, 'YYYY-MM-DD [HH:MM[:SS]]' in site time, -2h, or now"

AS_GIVEN: Final = click.Path(path_type=Path, readable=False)
"""Whether it can be read is found out, and told in our words, when it is read."""

COMPLETION_S: Final = 1.0
"""Nobody waits longer for a key that was pressed."""


class CameraId(click.types.StringParamType):
    """Any word; the shell completes those that the daemon knows, and nothing where it does not answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("it is empty: write the id of a camera (edgectl cameras)", param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        given = ctx.find_root().params
        try:
            known = Address(given.get("config"), given.get("socket")).daemon().socket_path
            document = json.loads(Daemon(known, patience_s=COMPLETION_S).get("/v1/cameras"))
            ids = [str(camera["id"]) for camera in document["cameras"]]
        except (CallError, click.UsageError, ValueError, KeyError, TypeError):
            return []
        return [CompletionItem(one) for one in ids if one.startswith(incomplete)]


CAMERA: Final = CameraId()

_passed = click.make_pass_decorator(Address)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document (docs/schemas).")


def address_given(command: Callable[..., Any]) -> Callable[..., Any]:
    """The verb gets its address. What its request document refuses is wrong usage, told by the option's name."""

    @wraps(command)
    def told(*positional: Any, **given: Any) -> Any:
        from edged.cli import usage_errors  # late: pydantic, which `version` does without

        context = click.get_current_context()
        if nothing := usage_errors.empty_argument(context):
            raise nothing
        try:
            return command(*positional, **given)
        except ValueError as error:
            if wrong := usage_errors.usage_error(error, context):
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
