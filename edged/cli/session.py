"""What every verb that asks the daemon needs: the answer checked, the site's time zone, an interval in RFC 3339."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo

import click
from pydantic import BaseModel, ValidationError
from rich.console import RenderableType

from edged.cli import output
from edged.cli.client import CallError, DaemonClient
from edged.cli.times import WhenError, is_local, parse, rfc3339
from edged.documents import site as documents
from edged.words import exit_codes

Doc = TypeVar("Doc", bound=BaseModel)


@dataclass(frozen=True)
class Session:
    """One run of edgectl."""

    daemon: DaemonClient
    as_json: bool

    def read(self, model: type[Doc], path: str, **query: str | int | None) -> Doc:
        return checked(model, self.daemon.get(path, **query))

    def print(self, document: BaseModel, screen: Callable[[], RenderableType]) -> None:
        """The document for a program, or its screen for a person."""
        output.answer(document, screen, as_json=self.as_json)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone, as the daemon knows it."""
        return ZoneInfo(self.read(documents.Status, "/v1/status").timezone)


def checked(model: type[Doc], body: bytes) -> Doc:
    """The daemon's answer, if it is what this edgectl knows."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise CallError(
            f"the daemon's answer is not the {model.__name__.lower()} document that this edgectl knows",
            "check that edged and edgectl are of one version: edgectl version; restart edged after an upgrade",
            exit_codes.FAILED,
        ) from None


def interval(session: Session, start: str | None, end: str | None) -> tuple[str | None, str | None]:
    """Both ends in RFC 3339. The site's time zone is asked for only where a time needs it."""
    now = datetime.now(UTC)
    zone = session.zone if any(text and is_local(text) for text in (start, end)) else UTC
    try:
        first = parse(start, now, zone, end=False) if start is not None else None
        last = parse(end, now, zone, end=True) if end is not None else None
    except WhenError as error:
        raise click.UsageError(str(error)) from None
    if first is not None and last is not None and first >= last:
        raise click.UsageError("--from must be earlier than --to")
    return (rfc3339(first) if first else None), (rfc3339(last) if last else None)
