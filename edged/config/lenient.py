"""What a configuration names, read without asking a disk for it: a wrong key, or a mount that hangs, hides nothing.

Pure. What is wrong with the file is for `edgectl config check`, which is asked beside this.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edged.words.defaults import DEFAULT_STATE, DEFAULT_VOLUME
from recorder.words.address import Target

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A camera's device, and where it listens."""

    camera: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A file that nobody else may read, and what it is."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Outline:
    """`node` and the like are "" where the file does not say."""

    file: str
    node: str = ""
    state: str = str(DEFAULT_STATE)
    volumes: tuple[str, ...] = (str(DEFAULT_VOLUME),)
    cameras: int = 0
    doors: tuple[CameraAddress, ...] = ()
    broker: bool = False
    secrets: tuple[NamedSecret, ...] = ()


def read_outline(file: Path, data: bytes) -> Outline:
    """UnicodeDecodeError, TOMLDecodeError: then nothing can be said of it."""
    raw = tomllib.loads(data.decode("utf-8-sig"))
    mqtt, cameras = _table(raw, "mqtt"), list(_tables(raw, "cameras"))
    volumes = tuple(path for table in _tables(raw, "volumes") if (path := _path(table, "path")))
    state = _path(_table(raw, "paths"), "state") or str(DEFAULT_STATE)
    named = [(camera, "password_file", f"password of camera {_word(camera, 'id')}") for camera in cameras]
    named += [(mqtt, "password_file", "password of the broker"), (mqtt, "key_file", "key of the link")]
    secrets = [
        NamedSecret(str(file.parent / _word(table, key)), what) for table, key, what in named if _word(table, key)
    ]
    return Outline(
        file=str(file),
        node=_word(_table(raw, "site"), "node"),
        state=state,
        volumes=volumes or (str(DEFAULT_VOLUME),),
        cameras=len(cameras),
        doors=tuple(door for camera in cameras if (door := _camera_address(camera)) is not None),
        broker=bool(mqtt),
        secrets=(*secrets, NamedSecret(f"{state}/ledger.key", "key of the ledger")),
    )


def _camera_address(camera: Raw) -> CameraAddress | None:
    try:
        target = Target.parse(_word(camera, "url"), "")
    except ValueError:
        return None
    if camera.get("enabled") is False or target.scheme not in ("rtsp", "rtsps") or not target.host:
        return None
    return CameraAddress(_word(camera, "id"), target.host, target.port)


def _table(raw: Raw, key: str) -> Raw:
    table = raw.get(key)
    return table if isinstance(table, Mapping) else {}


def _tables(raw: Raw, key: str) -> Iterator[Raw]:
    tables = raw.get(key)
    if isinstance(tables, list):
        yield from (table for table in tables if isinstance(table, Mapping))


def _word(table: Raw, key: str) -> str:
    word = table.get(key)
    return word if isinstance(word, str) and "\0" not in word else ""


def _path(table: Raw, key: str) -> str:
    path = _word(table, key)
    return path if path.startswith("/") else ""
