"""The command line as Markdown: what each verb takes, in the words of its own help. Imports click."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator

import click


def verbs(group: click.Group, name: str, within: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, with what one types for it: `edgectl pin`, `edgectl pin add`…"""
    context = _context(group, name)
    for verb in group.list_commands(context):
        command = group.get_command(context, verb)
        if command is None or command.hidden:
            continue
        typed = f"{within or name} {verb}"
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield typed, command
        if isinstance(command, click.Group):
            yield from verbs(command, verb, typed)


def _context(command: click.Command, name: str | None = None) -> click.Context:
    """As edgectl makes it: a command keeps for good what its help was called in the first one that it saw."""
    return click.Context(command, info_name=name, help_option_names=["-h", "--help"])


def usage(typed: str, command: click.Command) -> str:
    """As one line: `edgectl volume init [OPTIONS] PATH`."""
    context = _context(command)
    pieces = click.Command.collect_usage_pieces(command, context)  # of a group without its "COMMAND [ARGS]..."
    return " ".join([typed, *pieces])


def said(command: click.Command) -> str:
    """Its help, whole; where that is one sentence, that."""
    return inspect.cleandoc(command.help or command.short_help or "")


def options(command: click.Command, without: Collection[str] = ()) -> str:
    """A list, an item for each; "" where there are none. What all verbs take is told once: `without`."""
    context = _context(command)
    shown = (parameter for parameter in command.params if not set(parameter.opts) & set(without))
    records = (parameter.get_help_record(context) for parameter in shown)
    return "\n".join(f"- `{option}`: {text}" for option, text in filter(None, records) if text)


def whole(group: click.Group, name: str) -> str:
    """Every verb with all that it takes, a chapter for each."""
    return "\n\n".join(
        f"### `{usage(typed, command)}`\n\n{said(command)}\n\n{options(command, ['--json'])}"
        for typed, command in verbs(group, name)
    )
