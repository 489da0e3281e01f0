"""What lies of a pin on a volume: `.pins/<id>/pin.json`, its sidecar, and a hard link of each segment it holds.

The sidecar has everything that the pin's row needs (S13). Persons and reasons are in it on purpose: whoever has the
volume has the footage, too. It bears the signature of the box (Ed25519 over its canonical JSON, RFC 8785, without the
field `signature`), by which one that somebody planted is told from ours. Signed or not, a sidecar can only add
protection, never take any away.

Links are made and removed relative to the volume's open directory, blocking, and no link of a stranger's is followed
(S10). As long as a link is there, no unlinking of the segment frees the file (S2), whatever the database believes.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.approvals.table import Person
from storage.files import UNFINISHED_SUFFIX, inside, make_directory, reading, write_whole
from storage.ledger.note import Verifier
from storage.pins.rules import Ground, Interval, Pin, PinOrder, PinState
from storage.words.layout import QUARANTINE_SUFFIX, is_camera, parse_segment_name, segment_path
from storage.words.model import WHOLE_MAX

PINS_NAME: Final = ".pins"
SIDECAR_NAME: Final = "pin.json"
_UNFINISHED: Final = SIDECAR_NAME + UNFINISHED_SUFFIX
PIN_ID: Final = re.compile(r"P-\d{8}-[0-9A-Z]{4,8}", re.ASCII)
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
        pin.id,
        pin.state,
        pin.version,
        pin.order,
        pin.placer,
        pin.approved_by,
        boot_id,
        placed.boottime_ms,
        placed.wall_ms,
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
    """It bears a signature of one of these keys. It has none where it was written while there was no key."""
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


def link_name(relative: PurePosixPath) -> str:
    """How a segment is called in a pin: no two cameras' names collide."""
    return f"{relative.parts[0]}_{relative.name}"


def path_of(name: str) -> PurePosixPath | None:
    """Where the segment that a link is of lies on its volume; None for one that is no segment's."""
    camera, _, file = name.partition("_")
    parsed = parse_segment_name(file.removesuffix(QUARANTINE_SUFFIX))
    if parsed is None or not is_camera(camera):
        return None
    return segment_path(camera, *parsed).with_name(file)


def pin_ids(volume: int) -> list[str]:
    """All that lie on the volume, whatever is in them."""
    return sorted(name for name in _names(volume, PINS_NAME) if PIN_ID.fullmatch(name))


def link_names(volume: int, pin_id: str) -> set[str]:
    """The links of a pin; none where it has no directory."""
    return {name for name in _names(volume, f"{PINS_NAME}/{pin_id}") if path_of(name) is not None}


def read_sidecar(volume: int, pin_id: str, limit: int) -> bytes | None:
    """None where there is none."""
    try:
        with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory, reading(directory, SIDECAR_NAME) as file:
            return file.read(limit)
    except FileNotFoundError:
        return None


def write_sidecar(volume: int, pin_id: str, content: bytes) -> None:
    """Whole or not at all, and durable, with the directories that lead to it."""
    make_directory(volume, ".", PINS_NAME)
    make_directory(volume, PINS_NAME, pin_id)
    with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        write_whole(directory, SIDECAR_NAME, content)


def link(volume: int, pin_id: str, relative: PurePosixPath) -> None:
    """One more name for a segment; not durable before `sync`. FileNotFoundError: no such file, or no directory yet."""
    name, of = link_name(relative), relative.name
    with inside(volume, relative.parent) as day, inside(volume, PurePosixPath(PINS_NAME, pin_id)) as pin:
        try:
            os.link(of, name, src_dir_fd=day, dst_dir_fd=pin, follow_symlinks=False)
        except FileExistsError:
            here = os.stat(name, dir_fd=pin, follow_symlinks=False)
            there = os.stat(of, dir_fd=day, follow_symlinks=False)
            if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                raise FileExistsError(errno.EEXIST, "another file has this name", name) from None


def is_taken(volume: int, pin_id: str, relative: PurePosixPath) -> bool:
    """Whether something has the name of this segment's link, be it the link or not."""
    try:
        with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
            os.stat(link_name(relative), dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def sync(volume: int, pin_id: str) -> None:
    """Make the names in a pin durable."""
    with _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        os.fsync(directory)


def unlink(volume: int, pin_id: str, names: Iterable[str]) -> None:
    """Take links away; gone already is fine. Durable when this returns."""
    with suppress(FileNotFoundError), _inside(volume, f"{PINS_NAME}/{pin_id}") as directory:
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
        os.fsync(directory)


def remove_sidecar(volume: int, pin_id: str) -> None:
    """First, and durably: what has no sidecar any more was released, whatever links are left."""
    unlink(volume, pin_id, (SIDECAR_NAME, _UNFINISHED))


def remove_links(volume: int, pin_id: str) -> None:
    """All of them, and the directory."""
    unlink(volume, pin_id, link_names(volume, pin_id))
    with suppress(FileNotFoundError), _inside(volume, PINS_NAME) as directory:
        with suppress(FileNotFoundError):
            os.rmdir(pin_id, dir_fd=directory)
        os.fsync(directory)


def _names(volume: int, path: str) -> list[str]:
    try:
        with _inside(volume, path) as directory:
            return os.listdir(directory)  # noqa: PTH208 - relative to an open directory
    except FileNotFoundError:
        return []


def _inside(volume: int, path: str) -> AbstractContextManager[int]:
    return inside(volume, PurePosixPath(path))
