"""docs/mqtt-events.md: each event that the centre is told of, with its example. Pure, made from the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from mqtt import contract, facts
from storage.catalog.outbox import RANKS, Kind

_HEAD: Final = """# Events

<!-- Made by script/schemas from mqtt/facts.py and mqtt/examples.py. Change it there. -->

What the centre hears of through `up/event/<kind>`; [mqtt.md](mqtt.md) says how it comes and what is around it. Shown
is `data`. Kinds are sent in the order of their rank: 1 proofs, 2 alarms, 3 storage, 4 history; when the outbox is
full, the last gives way first.
"""


def rendered() -> str:
    """The page."""
    return "\n".join([_HEAD, *_kinds()]).rstrip("\n") + "\n"


def _kinds() -> Iterator[str]:
    for kind in sorted(Kind, key=lambda kind: RANKS[kind]):
        yield f"## {kind}\n\nRank {RANKS[kind].value}.\n"
        shown = contract.examples_of(f"event-{kind}")
        told: dict[type[facts.Fact], list[str]] = {}
        for name, fact in facts.of_kind(kind).items():
            told.setdefault(fact, []).append(name)
        for fact, names in told.items():
            yield ", ".join(f"`edged.{name}`" for name in names) + "\n"
            yield " ".join((fact.__doc__ or "").split()) + "\n"
            data = json.dumps(shown[names[0]]["data"], ensure_ascii=False, indent=1)
            yield f"```json\n{data}\n```\n"
            fields = [
                f"- `{name}`: {field.description}" for name, field in fact.model_fields.items() if field.description
            ]
            yield "\n".join([*fields, ""])
