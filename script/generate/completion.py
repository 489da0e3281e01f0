"""What bash reads so that Tab completes: click's own script for each program. What it then asks, click answers, too."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import BashComplete

PROGRAMS: Final = ("edgectl", "edged", "edged-command")


def scripts() -> dict[str, str]:
    """By file name, as bash-completion finds it."""
    return {program: BashComplete(click.Command(program), {}, program, variable(program)).source() for program in PROGRAMS}  # fmt: skip # noqa: E501


def variable(program: str) -> str:
    """In the environment when a shell asks; the rule is click's."""
    return f"_{program.replace('-', '_').upper()}_COMPLETE"
