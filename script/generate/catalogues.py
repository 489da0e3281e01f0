"""The catalogues of what people read: extracted from the code with Babel, merged into each language's `edged.po`.

A message stands in the code as `message("code", "English {value}", value=…)`. In a catalogue the code is its context,
the English text its id, as translators know it. The English catalogue says the same as the code. Calls are found in
the syntax tree: Babel's own reader of Python overlooks those within the arguments of others.
"""

from __future__ import annotations

import ast
import io
import runpy
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final

import click
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as BabelMessage
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from edged import command
from edged.cli import main
from edged.main import command_line
from edged.words import help_screens

ROOT: Final = Path(__file__).resolve().parents[2]
LOCALE: Final = ROOT / "edged" / "words" / "locale"
HELP: Final = "help"
CLICK: Final = "click"
CLICK_COUNTED: Final = "click-counted"
UNCODED: Final = (HELP, CLICK, CLICK_COUNTED)
"""Contexts of what has no code: what `--help` says, and words of click's."""
COMMAND_LINES: Final = (
    (main.edgectl, "edged/cli/main.py"),
    (command.cli, "edged/command.py"),
    (command_line.cli, "edged/main/command_line.py"),
)
PACKAGES: Final = ("edged", "recorder", "storage", "mqtt", "script/generate")
KEYWORDS: Final = {"message": ((1, "c"), 2), "phrase": ((1, "c"), 2)}
LANGUAGES: Final = ("en", "zh_TW")
SOURCE: Final = "en"


@dataclass(frozen=True, slots=True)
class Found:
    """A message as it stands in the code."""

    code: str
    english: str
    file: str
    line: int

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.code, self.english if self.code in UNCODED else ""


@cache
def extracted() -> list[Found]:
    """All messages of the product, by file and line. Read once."""
    found = []
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        with path.open("rb") as file:
            for line, text, _, code in extract(_calls, file, KEYWORDS):  # type: ignore[arg-type]  # as Babel calls it
                found.append(Found(str(code), str(text), str(path.relative_to(ROOT)), line))
    return [*found, *_command_line()]


def _command_line() -> Iterator[Found]:
    """What `--help` of each program and verb says."""
    for group, file in COMMAND_LINES:
        for text in help_screens.texts(group, click.Context(group)):
            yield Found(HELP, text, file, 0)
    for text in help_screens.CLICK:
        yield Found(CLICK, text, "edged/words/help_screens.py", 0)
    for text in help_screens.CLICK_COUNTED:
        yield Found(CLICK_COUNTED, text, "edged/words/help_screens.py", 0)


def _calls(
    file: IO[bytes], keywords: Collection[str], _tags: object, **_options: object
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """An extraction method of Babel. ValueError for a message whose code or words are not written out, but for who
    passes them on.
    """
    for node in ast.walk(ast.parse(file.read())):
        if not isinstance(node, ast.Call) or (name := _name(node.func)) not in keywords or not node.args:
            continue
        words = tuple(one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))
        if len(words) == 2:
            yield node.lineno, name, words, []
        elif name == "message" and not all(isinstance(one, ast.Name) for one in node.args):
            raise ValueError(f"{file.name}:{node.lineno}: code and words of a message are written out")


def _name(function: ast.expr) -> str:
    """`message(…)`, or the method `phrase` of a reader."""
    match function:
        case ast.Name(id="message" as name) | ast.Attribute(attr="phrase" as name):
            return name
    return ""


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "edged.po"


def catalogue(language: str) -> Catalog:
    """As it lies here; empty where there is none yet."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def merged(language: str, found: list[Found]) -> Catalog:
    """What stands in the code, each with the words it had; reworded ones are fuzzy until somebody has looked."""
    before = {_key(one): one for one in catalogue(language) if one.context}
    made = Catalog(locale=language, project="edged", copyright_holder="", fuzzy=False)
    for one in sorted({each.key: each for each in found}.values(), key=lambda each: each.key):
        known = before.get(one.key)
        if language == SOURCE:
            words, fuzzy = one.english, False
        elif known is None:
            words, fuzzy = "", False
        else:
            words, fuzzy = str(known.string), known.id != one.english or known.fuzzy
        made.add(one.english, words, context=one.code, locations=[(one.file, 0)], flags=["fuzzy"] if fuzzy else [])
    return made


def _key(one: BabelMessage) -> tuple[str, str]:
    return str(one.context), str(one.id) if one.context in UNCODED else ""


def rendered(made: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, made, width=100, omit_header=False, include_lineno=False, sort_output=False, ignore_obsolete=True)
    # No date: what changes with each run says nothing, and two branches could never be joined.
    return b"\n".join(
        line
        for line in out.getvalue().split(b"\n")
        if not line.startswith((b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Last-Translator', b'"Generated-By'))
    )


def update(found: list[Found]) -> None:
    """Write the catalogues, and compile them."""
    for language in LANGUAGES:
        path = path_of(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rendered(merged(language, found)))
    runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["compile_catalogues"]()


def faults(found: list[Found]) -> list[str]:
    """Why a person would not read what is meant, in words for whoever maintains this."""
    return [*_of_code(found), *(fault for language in LANGUAGES for fault in _of_catalogue(language, found))]


def _of_code(found: list[Found]) -> Iterator[str]:
    first: dict[tuple[str, str], Found] = {}
    for one in found:
        known = first.setdefault(one.key, one)
        if known.english != one.english:
            yield f"{one.file}:{one.line}: {one.code} says something else in {known.file}:{known.line}"
        for name in values(one.english) if one.code not in UNCODED else ():
            if not name.isidentifier():
                yield f"{one.file}:{one.line}: {one.code}: {{{name}}} is not the name of a value"


def _of_catalogue(language: str, found: list[Found]) -> Iterator[str]:
    if path_of(language).read_bytes() != rendered(merged(language, found)):
        yield f"{path_of(language).relative_to(ROOT)} is not what the code says: run script/messages"
    for one in catalogue(language):
        if not one.context:
            continue
        where = f"{language}: {one.context}" + (f": {one.id}" if one.context in UNCODED else "")
        if not one.string:
            yield f"{where} has no words"
        elif one.fuzzy:
            yield f"{where} was reworded: look whether the words still fit, then take away `fuzzy`"
        elif one.context != HELP and not _fits(values(str(one.string)), values(str(one.id)), one.context in UNCODED):
            yield f"{where} has other values than the code"


def _fits(said: set[str], given: set[str], some: bool) -> bool:
    """All values are there; of click's, none that it does not give."""
    return said <= given if some else said == given


def values(template: str) -> set[str]:
    """The names of the values in it; what is no plain `{name}` is named as it stands."""
    return {
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in string.Formatter().parse(template)
        if name is not None
    }
