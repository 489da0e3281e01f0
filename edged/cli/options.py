"""Options that verbs share. Imports click only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from edged.cli.address import Address

Command = TypeVar("Command", bound=Callable[..., Any])

TIMES: Final = "RFC 3339, 'YYYY-MM-DD [HH:MM[:SS]]' in site time, -2h, or now"

AS_GIVEN: Final = click.Path(path_type=Path, readable=False)
"""Whether it can be read is found out, and told in our words, when it is read."""

address_given = click.make_pass_decorator(Address)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document (docs/schemas).")


def interval_options(command: Command) -> Command:
    """As segments and gaps take them."""
    for option in (
        click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N, the first ones."),
        click.option("--to", "end", metavar="TIME", help=f"Until then: {TIMES}."),
        click.option("--from", "start", metavar="TIME", help=f"From then on: {TIMES}."),
        click.option("--camera", metavar="ID", help="Only this camera."),
    ):
        command = option(command)
    return command
