"""What `--help` says, and click's own words, in the reader's language.

Help is written in English where a verb is declared. In the catalogue its context is `help` and its id the English text;
words of click's have the context `click`, and are found as click looks for them: by GNU gettext, with no context.
"""

from __future__ import annotations

import copy
import gettext
import inspect
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from unicodedata import east_asian_width

import click

from edged.words.catalogue import LOCALE, Language, help_text

CLICK: Final = (
    "Usage:",
    "Options",
    "Commands",
    "Positional arguments",
    "Show the version and exit.",
    "Show this message and exit.",
    "required",
    "default: {default}",
    "Error: {message}",
    "Try '{command} {option}' for help.",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "Missing command.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "No such option {name!r}.",
    "No such command {name!r}.",
    "Option {name!r} does not take a value.",
    "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.",
    "Aborted!",
)
"""Of click, what our programs can come to say."""
CLICK_COUNTED: Final = (
    "Got unexpected extra argument ({args})",
    "Option {name!r} requires an argument.",
    "{value!r} is not {choice}.",
    "Did you mean {possibility}?",
)
"""The same where click has a plural, by the words of one; Chinese has none."""
_PIECES: Final = re.compile(r"\s+|(?:[^\s\u2e80-\uffef]+|[\u2e80-\uffef])[、。，；：！？）」]*")
"""Between two of these a line may end: at spaces, and at each Chinese sign that no punctuation follows."""

Command = TypeVar("Command", bound=click.Command)


def speak(language: Language) -> None:
    """click's own words from now on, and those of programs that are started later and look for LANGUAGE."""
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain("edged", str(LOCALE))
    gettext.textdomain("edged")


def translated(command: Command, language: Language) -> Command:
    """The same command with its help in that language, and all commands of a group."""
    if language == "en":
        return command
    said = copy.copy(command)
    said.context_class = Context
    if command.help is not None:
        said.help = help_text(language, inspect.cleandoc(command.help))
        said.short_help = "".join(said.help.partition("。")[:2])
    if command.short_help is not None:
        said.short_help = help_text(language, command.short_help)
    said.params = [_of_parameter(one, language) for one in command.params]
    if isinstance(said, click.Group):
        said.commands = {name: translated(one, language) for name, one in said.commands.items()}
    return said


def _of_parameter(parameter: click.Parameter, language: Language) -> click.Parameter:
    said = copy.copy(parameter)
    if isinstance(said, click.Option) and said.help is not None:
        said.help = help_text(language, said.help)
    return said


def texts(command: click.Command, context: click.Context) -> Iterator[str]:
    """All help of a command, and of those of a group: what the catalogue must have."""
    yield from (inspect.cleandoc(one) for one in (command.help, command.short_help) if one is not None)
    yield from (one.help for one in command.params if isinstance(one, click.Option) and one.help is not None)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (found := command.get_command(context, name)) is not None:
                yield from texts(found, context)


class Formatter(click.HelpFormatter):
    """Folds by the width of signs: a Chinese one takes two columns."""

    def write_text(self, text: str) -> None:
        paragraphs = re.split(r"\n\s*\n", text)
        self.write("\n".join(self._paragraph(one) for one in paragraphs))

    def _paragraph(self, text: str) -> str:
        margin = " " * self.current_indent
        return "".join(f"{margin}{line}\n" for line in folded(text, self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        widest = min(max((_columns(first) for first, _ in rows), default=0), col_max) + col_spacing
        margin = " " * self.current_indent
        for first, second in rows:
            lines = folded(second, max(self.width - self.current_indent - widest, 10)) or [""]
            head = first + " " * (widest - _columns(first))
            if _columns(first) > widest - col_spacing:
                self.write(f"{margin}{first}\n")
                head = " " * widest
            self.write(f"{margin}{head}{lines[0]}".rstrip() + "\n")
            self.write("".join(f"{margin}{' ' * widest}{line}\n" for line in lines[1:]))


class Context(click.Context):
    formatter_class = Formatter


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def folded(text: str, width: int) -> list[str]:
    """Lines of at most so many columns; a word that is wider has a line of its own."""
    lines = [""]
    for piece in _PIECES.findall(text):
        shown = " " if "\n" in piece else piece
        if _columns(lines[-1] + shown.rstrip()) > width and lines[-1]:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += shown if lines[-1] else shown.lstrip()
    return [line.rstrip() for line in lines if line.strip()]
