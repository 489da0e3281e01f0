"""Values to HTML (Jinja): one file without anything beside it, made for print.

What people wrote is escaped wherever it stands. A template that the office gives (`[office] papers`) is run in a
sandbox, in a process of its own (`sandbox`): it can read the values that it is given, and nothing else.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from storage.words.errors import said
from storage.words.message import Message, message

SUFFIX: Final = ".html"
TEMPLATE_MAX: Final = 1_000_000
"""Characters of a template."""
PATIENCE_S: Final = 20.0
"""For the process that renders one of the office: it ends itself long before, on a machine that is not busy."""
ENDLESS: Final = message("papers.template.endless", "it takes too much time")
PLAIN_FILE: Final = message("papers.template.plain-file", "it has to be a plain file: a link is not followed")
_ONE_AT_A_TIME: Final = threading.Lock()
"""Memory for several is memory that recording may need."""

_PAPERS: Final = Environment(
    loader=PackageLoader("edged.papers"),
    auto_reload=False,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class TemplateUnusable(Exception):
    """A template of the office cannot be read, or says what cannot be made."""

    def __init__(self, why: Message) -> None:
        super().__init__(why)
        self.why = why


def render(template: str, values: Mapping[str, Any]) -> str:
    """By a template of edged."""
    return _PAPERS.get_template(f"{template}{SUFFIX}").render(values)


@dataclass(frozen=True, slots=True)
class PaperCell:
    text: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class PaperTable:
    name: str
    """By which a page finds it."""
    title: str
    head: tuple[str, ...]
    """Empty: the first cell of each row is its heading."""
    rows: tuple[tuple[PaperCell, ...], ...]


def labelled(words: str, text: str, field: str) -> tuple[PaperCell, ...]:
    """A row of a heading and a value."""
    return PaperCell(words), PaperCell(text, field)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of its own: HTML that `render` has made, and what stands about it."""

    content: str
    foot: str = ""
    mark: str = ""
    """Which of several originals it is."""
    fingerprint: str = ""
    """SHA-256 of the content of each of them, hex."""


def sheets(title: str, pages: Sequence[Sheet]) -> str:
    """Pages as one document. What an element `main` of it holds is, to the byte, what a fingerprint is made of."""
    shown = [
        {"content": Markup(one.content), "foot": one.foot, "mark": one.mark, "fingerprint": one.fingerprint}  # noqa: S704
        for one in pages
    ]
    return render("sheets", {"title": title, "pages": shown})


def own_template(directory: Path | None, names: Iterable[str]) -> Path | None:
    """The first of these files that is there, whether or not it can be used; None: none is."""
    return None if directory is None else next((file for name in names if _is_there(file := directory / name)), None)


def _is_there(file: Path) -> bool:
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # nobody can tell: whoever opens it says why
        return True
    return True


def render_own(path: Path, values: Mapping[str, Any]) -> str:
    """By one of the office; takes a third of a second. TemplateUnusable. Blocking."""
    try:
        text = _read(path)
        if len(text) > TEMPLATE_MAX:
            raise _unusable(path, message("papers.template.long", "it is longer than {limit}", limit=TEMPLATE_MAX))
        with _ONE_AT_A_TIME:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "edged.papers.sandbox"],
                input=json.dumps({"template": text, "values": values}),
                capture_output=True,
                check=False,
                encoding="utf-8",
                env={**os.environ, "PYTHONUTF8": "1"},
                timeout=PATIENCE_S,
            )
    except UnicodeDecodeError:
        raise _unusable(path, message("papers.template.utf8", "it is not UTF-8")) from None
    except subprocess.TimeoutExpired:
        raise _unusable(path, ENDLESS) from None
    except OSError as error:
        raise _unusable(path, said(error)) from None
    if done.returncode < 0:
        raise _unusable(path, ENDLESS)
    if done.returncode:
        raise _unusable(path, Message(done.stderr.strip().splitlines()[-1][:200] if done.stderr.strip() else "?"))
    return done.stdout


def _read(path: Path) -> str:
    """As far as a template goes, and somewhat more. Whoever may write into the directory reads no other file by it, and
    a pipe keeps nobody waiting.
    """
    try:
        with open(path, encoding="utf-8", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unusable(path, PLAIN_FILE)
            return file.read(TEMPLATE_MAX + 1)
    except OSError as error:
        raise (_unusable(path, PLAIN_FILE) if error.errno in (errno.ELOOP, errno.EISDIR) else error) from None


def _at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _unusable(path: Path, why: Message) -> TemplateUnusable:
    return TemplateUnusable(
        message("papers.template", "the template {file} cannot be used: {reason}", file=str(path), reason=why)
    )
