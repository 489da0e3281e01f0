"""A pin as it lies beside the footage it holds: `.pins/<id>/pin.json`. Everything that its row needs (S13). Pure.

Persons and reasons are in it on purpose: whoever has the volume has the footage, too. It bears the signature of the
box (Ed25519 over its canonical JSON, RFC 8785, without the field `signature`), by which one that somebody planted is
told from ours. Signed or not, a sidecar can only add protection, never take any away.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.approvals.table import Person
from storage.ledger.note import Verifier
from storage.pins.model import Ground, Interval, Pin, PinOrder, PinState
from storage.words.model import WHOLE_MAX

FORMAT: Final = "edged.pin/1"
MAX_BYTES: Final = 64 * 1024
"""256 cameras and some lines of text take a tenth of it."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What one says."""

    id: str
    state: PinState
    version: int
    order: PinOrder
    placer: Person
    approved_by: str | None
    boot_id: str
    """Of the boot in which it was placed; numbers of boots are the database's."""
    boottime_ms: int
    wall_ms: int


def of_pin(pin: Pin, boot_id: str) -> Sidecar:
    placed = pin.placed
    return Sidecar(
        *(pin.id, pin.state, pin.version, pin.order, pin.placer, pin.approved_by),
        *(boot_id, placed.boottime_ms, placed.wall_ms),
    )


def to_json(sidecar: Sidecar, key: Ed25519PrivateKey | None = None) -> str:
    """As it lies on a volume; without a key it is not signed."""
    order = sidecar.order
    told: dict[str, Any] = {
        "format": FORMAT,
        "id": sidecar.id,
        "state": sidecar.state.value,
        "version": sidecar.version,
        "cameras": list(order.cameras),
        "from_ms": order.interval.first_ms,
        "to_ms": order.interval.last_ms,
        "ground": order.ground.value,
        "reference": order.reference,
        "case": order.case,
        "approver": order.approver,
        "span_ms": order.span_ms,
        "placer_uid": sidecar.placer.uid,
        "placer": sidecar.placer.name,
        "approved_by": sidecar.approved_by,
        "boot_id": sidecar.boot_id,
        "boottime_ms": sidecar.boottime_ms,
        "wall_ms": sidecar.wall_ms,
    }
    signature = None
    if key is not None:
        public = key.public_key().public_bytes_raw()
        value = base64.b64encode(key.sign(rfc8785.dumps(told))).decode()
        signature = {"key": Verifier("", public).fingerprint, "value": value}
    return json.dumps({**told, "signature": signature}, ensure_ascii=False, indent=1)


def is_ours(content: bytes, publics: Iterable[bytes]) -> bool:
    """It bears a signature of one of these keys. Older versions signed none."""
    try:
        told: dict[str, Any] = json.loads(content)
        signature = told.pop("signature")
        value = base64.b64decode(signature["value"], validate=True)
        public = next(one for one in publics if Verifier("", one).fingerprint == signature["key"])
        Ed25519PublicKey.from_public_bytes(public).verify(value, rfc8785.dumps(told))
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError, InvalidSignature):
        return False
    return True


def parse(text: bytes, pin_id: str) -> Sidecar:
    """ValueError where it is not one, of this pin, which lasts."""
    try:
        told: dict[str, Any] = json.loads(text)
        if told["format"] != FORMAT:
            raise ValueError(f"its format is {told['format']!r}")
        order = PinOrder(
            cameras=tuple(_text(camera) for camera in told["cameras"]),
            interval=Interval(_number(told["from_ms"]), _number(told["to_ms"])),
            ground=Ground(told["ground"]),
            reference=_text(told["reference"]),
            case=_text(told["case"]),
            approver=_text(told["approver"]),
            span_ms=_number(told["span_ms"]),
        )
        if not order.cameras or order.interval.first_ms >= order.interval.last_ms or order.span_ms <= 0:
            raise ValueError("it holds nothing")
        found = Sidecar(
            id=_text(told["id"]),
            state=PinState(told["state"]),
            version=_number(told["version"]),
            order=order,
            placer=Person(_number(told["placer_uid"]), _text(told["placer"])),
            approved_by=None if told["approved_by"] is None else _text(told["approved_by"]),
            boot_id=_text(told["boot_id"]),
            boottime_ms=_number(told["boottime_ms"]),
            wall_ms=_number(told["wall_ms"]),
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it lacks {error}") from error
    if found.id != pin_id or not found.state.lasts:
        raise ValueError(f"it says that it is {found.id}, {found.state}")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > WHOLE_MAX:
        raise TypeError("a number")
    return value
