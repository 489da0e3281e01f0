"""A desk of the centre: signs commands, right ones and wrong ones."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edged.command import public_line
from mqtt import commands
from mqtt.commands import Commander, Verb

NOW_MS: Final = 1_790_000_000_000
NODE: Final = "test-node"
NEEDED: Final[dict[Verb, dict[str, Any]]] = {
    Verb.REBIRTH: {},
    Verb.STATUS: {},
    Verb.PIN: {
        "do": "place", "cameras": ["lobby"], "from": "2026-05-01T08:00:00Z", "to": "2026-05-01T09:00:00+08:00",
        "ground": "internal", "case": "1", "approver": "the head of the unit",
    },
    Verb.ALARM_ACK: {"key": "camera.down:lobby", "occurrence": "1790000000000:7"},
    Verb.DIAGNOSTICS: {},
    Verb.CAMERA_RECONNECT: {"camera": "lobby"},
    Verb.RESTART: {},
    Verb.CONSISTENCY_PROOF: {"first_size": 3, "second_size": 9},
}  # fmt: skip
"""Arguments that each verb takes."""


@dataclass
class Desk:
    """`changes` to what it signs are made by name; `args` as a whole."""

    name: str = "city-noc"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    node: str = NODE
    now_ms: int = NOW_MS
    counters: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def commander(self, *verbs: Verb, until_ms: int | None = None) -> Commander:
        """As a box knows it; without verbs it may all."""
        return Commander(self.name, self.key.public_key().public_bytes_raw(), frozenset(verbs or Verb), until_ms)

    def table(self, *verbs: Verb) -> str:
        """[[commanders]] of the configuration."""
        named = json.dumps([verb.value for verb in verbs or Verb])
        return f'[[commanders]]\nname = "{self.name}"\nkey = "{public_line(self.key)}"\nverbs = {named}\n'

    def content(self, verb: str, **changes: Any) -> dict[str, Any]:
        counter = next(self.counters)
        content: dict[str, Any] = {
            "node": self.node,
            "verb": verb,
            "id": f"{counter:032x}",
            "requester": "desk-1",
            "issued_ms": self.now_ms,
            "expires_ms": self.now_ms + 300_000,
            "counter": counter,
            "args": NEEDED[Verb(verb)] if verb in set(Verb) else {},
        }
        return {name: value for name, value in (content | changes).items() if value is not ...}

    def signed(self, verb: str, **changes: Any) -> bytes:
        """The message; `...` for a value takes it out of what is signed."""
        return self.around(json.dumps(self.content(verb, **changes)).encode())

    def around(self, payload: bytes) -> bytes:
        """Signed, whatever it is."""
        return commands.signed(payload, self.key)
