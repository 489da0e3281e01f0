"""docs/mqtt-events.md: each event that the centre is told of, with its example. Pure, made from the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mqtt.contract import events
from script.generate import asyncapi
from storage.outbox.table import RANKS, EventKind

_HEAD: Final = """# Events

<!-- Made by script/schemas from mqtt/contract/events.py and script/generate/examples.py. Change it there. -->

What the centre hears of through `up/event/<kind>`; [mqtt.md](mqtt.md) says how it comes and what is around it. Shown
is `data`. Kinds are sent in the order of their rank: 1 proofs, 2 alarms, 3 storage, 4 history; when the outbox is
full, the last gives way first. What is larger than the broker takes comes with other `data`: `leaf` (null: it is
none), `bytes` and `limit_bytes`.
"""

_OTHER: Final = """`edged.other`

Of a kind that this version does not know: a newer one wrote it, and then this one came back. `event_kind` is what it
was called there; the rest is what it says, flattened."""


def rendered() -> str:
    """The page."""
    return "\n".join([_HEAD, *_kinds()]).rstrip("\n") + "\n"


def _kinds() -> Iterator[str]:
    for kind in sorted(EventKind, key=lambda kind: RANKS[kind]):
        yield f"## {kind}\n\nRank {RANKS[kind].value}.\n"
        shown = asyncapi.examples_of(f"event-{kind}")
        if kind is EventKind.OTHER:
            yield f"{_OTHER}\n\n```json\n{_data(shown['other'])}\n```\n"
        told: dict[type[events.Fact], list[str]] = {}
        for name, fact in events.of_kind(kind).items():
            told.setdefault(fact, []).append(name)
        for fact, names in told.items():
            yield ", ".join(f"`edged.{name}`" for name in names) + "\n"
            yield " ".join((fact.__doc__ or "").split()) + "\n"
            yield f"```json\n{_data(shown[names[0]])}\n```\n"
            fields = [
                f"- `{name}`: {field.description}" for name, field in fact.model_fields.items() if field.description
            ]
            yield "\n".join([*fields, ""])


def _data(document: Mapping[str, Any]) -> str:
    return json.dumps(document["data"], ensure_ascii=False, indent=1)
