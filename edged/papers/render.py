"""Values to HTML (Jinja): one file without anything beside it, made for print. Imports jinja2; no other module does.

What people wrote is escaped wherever it stands. A template that the office gives (`[office] papers`) is run in a
sandbox: it can read the values that it is given, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import PackageLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from storage.words.errors import said
from storage.words.message import Message, message

SUFFIX: Final = ".html"
TEMPLATE_MAX: Final = 1_000_000
"""Characters of a template."""

_PAPERS: Final = ImmutableSandboxedEnvironment(
    loader=PackageLoader("edged.papers"),
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


def render_own(path: Path, values: Mapping[str, Any]) -> str:
    """By one of the office. TemplateUnusable."""
    try:
        text = path.read_text("utf-8")
        if len(text) > TEMPLATE_MAX:
            raise ValueError(f"{len(text)} characters")  # noqa: TRY301 - told like all else that is wrong with it
        return _PAPERS.from_string(text).render(values)
    except (OSError, ValueError, TemplateError, TypeError, ArithmeticError) as error:
        raise TemplateUnusable(
            message(
                "papers.template",
                "the template {file} cannot be used: {reason}",
                file=str(path),
                reason=said(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}",
            )
        ) from error
