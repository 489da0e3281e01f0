"""Every verb of edgectl with all that it must be given, and one parameter as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from edged.cli.main import edgectl

FITTING: Final = {
    "SPAN": "2h",
    "DURATION": "1h",
    "TIME": "2026-05-01T00:00:00Z",
    "GROUND": "law:1",
    "YYYY-MM": "2026-05",
    "NUMBER": "1",
    "SIZE": "1GB",
    "PERSON": "1",
    "DAY": "115.05.01",
}
"""What a parameter may be given, by its metavar; any other takes a word."""
ALONE: Final = ("verify", "probe", "version", "config check", "rebuild", "doctor")
"""These send no document."""


def verbs(group: click.Group, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield (*above, name), command
            yield from verbs(command, (*above, name))
        elif " ".join((*above, name)) not in ALONE:
            yield (*above, name), command


EVERY: Final = dict(verbs(edgectl))


def line(words: tuple[str, ...], named: str, value: str, folder: Path) -> list[str]:
    """A whole command line in which one parameter is that value."""
    given = list(words)
    for one in EVERY[words].params:
        fitting = value if one.name == named else FITTING.get((one.metavar or "").strip("[]"), "F-1")
        if isinstance(one, click.Argument) and isinstance(one.type, click.IntRange):
            given.append("1")
        elif isinstance(one, click.Argument):
            given.append(fitting)
        elif one.required or one.name == named:
            given += [one.opts[-1], str(folder) if isinstance(one.type, click.Path) else fitting]
    if any("--yes" in one.opts for one in EVERY[words].params):
        given.append("--yes")
    if words == ("export",) and named != "undo":
        given += [f"--out={folder}"]
        for option in ("--camera=lobby", "--from=2026-05-01T00:00:00Z", "--to=2026-05-02T00:00:00Z", "--reason=r"):
            given += [] if option.split("=")[0] in given else [option]
    if words == ("pin", "add"):
        given += [] if named in ("case", "number") else ["--case=115-0042"]
        given += [] if named == "ground" else ["--ground=internal"]
    if words == ("look",):
        given += ["--for=inspection", "--from=2026-05-01T00:00:00Z"]
    return given
