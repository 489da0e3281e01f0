"""Holds every message that edged says during a test against its JSON Schema: a violation fails the test that caused it.

In this process the functions that make messages are watched, and what enters events into the outbox; what daemons in
processes of their own say is heard by `tests.support.brokers.Centre`. The product knows nothing of it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
from collections.abc import Callable
from functools import cache, wraps
from types import ModuleType
from typing import Any, Final, ParamSpec

import jsonschema
from jsonschema.exceptions import best_match

from mqtt.contract import events, messages
from mqtt.contract.messages import Publication
from script.generate import asyncapi
from storage.outbox import table as outbox_table
from storage.outbox.table import Event, EventKind
from tests.support.configuration import Setup

MAKERS: Final[dict[ModuleType, tuple[str, ...]]] = {
    messages: ("publication", "tombstone", "stopping"),
    events: ("publication", "short"),
}
"""All that ends as something said begins in one of these."""
NODE: Final = Setup([]).node
"""Of daemons in tests."""
P = ParamSpec("P")


class Violations:
    """What was found since it was last asked; messages come from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: list[str] = []

    def note(self, wrong: str | None) -> None:
        if wrong is not None:
            with self._lock:
                self._found.append(wrong)

    def taken(self) -> list[str]:
        with self._lock:
            found, self._found = self._found, []
            return found


VIOLATIONS: Final = Violations()


def watch() -> None:
    """From now on, in this process."""
    for module, names in MAKERS.items():
        for name in names:
            setattr(module, name, _watched(getattr(module, name)))
    put = outbox_table._put

    def told(
        connection: sqlite3.Connection, kind: EventKind, wall_ms: int, body: str, leaf: int = 0, what: str = ""
    ) -> tuple[int, int]:
        if _asker() in ("edged", "storage"):
            VIOLATIONS.note(not_understood(Event(1, 1, kind, wall_ms, leaf, what, json.loads(body))))
        return put(connection, kind, wall_ms, body, leaf, what)

    outbox_table._put = told


def not_understood(event: Event) -> str | None:
    """edged must know the words for each event of its own."""
    return f"edged has no words for an event of its own: {event}" if events.understood(event) is None else None


def _asker() -> str:
    """Whose fact the event is: the room of the first frame that is neither outbox nor ledger. Tests make up any."""
    passed = {__name__, outbox_table.__name__, "storage.ledger.table"}
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in passed:
        assert frame.f_back is not None
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _watched(make: Callable[P, Publication]) -> Callable[P, Publication]:
    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Publication:
        message = make(*args, **kwargs)
        VIOLATIONS.note(wrong(message.topic, message.payload, message.qos, message.retain))
        return message

    return made


def overhear(topic: str, payload: bytes, qos: int, *, kept: bool) -> None:
    """What a centre got. Of daemons in processes of their own: what else is said there is the test's own affair.

    `kept`: by the broker from before; what is passed on at once bears no retain flag, so that it says nothing.
    """
    if topic.startswith(f"{messages.ROOT}/{NODE}/up/"):
        VIOLATIONS.note(wrong(topic, payload, qos, kept or None, foreign=False))


def wrong(topic: str, payload: bytes, qos: int, retain: bool | None, *, foreign: bool = True) -> str | None:
    """What the contract has against this message; None: nothing. `foreign`: events of other versions may come."""
    name = next((name for name, address in _addresses().items() if address.fullmatch(topic)), None)
    if name is None:
        return f"{topic} is no topic of the contract"
    said = asyncapi.delivery(name)
    if qos != said.qos or (retain is not None and retain is not said.retain):
        return f"{topic} was said with QoS {qos}, retain {retain}; the contract says {said}"
    if not payload:
        return None if name in asyncapi.EMPTIED else f"{topic} was emptied"
    found = _wrong_with(name, payload, foreign=foreign)
    return None if found is None else f"{topic}: {found}: {payload[:2000].decode(errors='replace')}"


def _wrong_with(name: str, payload: bytes, *, foreign: bool) -> str | None:
    try:
        document: Any = json.loads(payload, parse_constant=_no_constant)
    except ValueError as error:
        return f"no JSON: {error}"
    found = best_match(_validator(name).iter_errors(document))
    if found is not None:
        return f"{found.json_path}: {found.message}"
    if not foreign and name.startswith("event-") and "dataschema" not in document:
        return "edged does not understand an event of its own"
    return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


@cache
def _addresses() -> dict[str, re.Pattern[str]]:
    """What their topics look like, by the name of the schema."""
    found = {}
    for name, tail in asyncapi.TAILS.items():
        levels = ["[^/]+" if level.startswith("{") else re.escape(level) for level in tail.split("/")]
        found[name] = re.compile("/".join([re.escape(messages.ROOT), "[^/]+", *levels]), re.DOTALL)
    return found


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_schemas()[name])


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    return asyncapi.schemas()
