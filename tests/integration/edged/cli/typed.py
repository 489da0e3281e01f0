"""Every verb of edgectl with all that it must be given, and one parameter as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
            if isinstance(one.type, click.Choice) and one.name != named:
                fitting = str(one.type.choices[0])
            given += [one.opts[-1], str(folder) if isinstance(one.type, click.Path) else fitting]
    return [*given, *beside(words, named, given, folder)]


def beside(words: tuple[str, ...], named: str, given: Sequence[str], folder: Path) -> Iterator[str]:
    """What a verb cannot do without, though no parameter of it is required."""
    if any("--yes" in one.opts for one in EVERY[words].params):
        yield "--yes"
    if words == ("export",) and named != "undo":
        yield f"--out={folder}"
        for option in ("--camera=lobby", "--from=2026-05-01T00:00:00Z", "--to=2026-05-02T00:00:00Z", "--reason=r"):
            if option.split("=")[0] not in given:
                yield option
    if words == ("pin", "add"):
        yield from [] if named in ("case", "number") else ["--case=115-0042"]
        yield from [] if named == "ground" else ["--ground=internal"]
    if words == ("leak", "open"):
        yield from ("--from=2026-05-01T00:00:00Z", "--camera=lobby")
    if words == ("look",):
        yield from ("--for=inspection", "--from=2026-05-01T00:00:00Z")
