"""What the centre may know of a box to help it: versions, configuration, the last lines of its log, threads, depths.

No secret, no address within a camera, no name of a person. What does not fit is left out, oldest lines first.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from edged.config import Config

THREADS_MAX: Final = 200
BYTES_MAX: Final = 32 << 10
"""Of the whole, as JSON: a slow line takes it in half a minute."""
SECRET_MIN: Final = 3
"""Shorter words are blanked out nowhere: they would blank out everything."""
_STARS: Final = "***"
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def secrets_of(config: Config) -> frozenset[str]:
    """Words that must be read nowhere."""
    words = [camera.password.get_secret_value() for camera in config.cameras]
    words += [] if config.mqtt is None else [config.mqtt.password.get_secret_value()]
    return frozenset(word for word in words if len(word) >= SECRET_MIN)


def redacted(config: Config) -> dict[str, Any]:
    """As it is in force; of cameras only where they are, not what lies behind."""
    plain = config.model_dump(mode="json")
    for camera in plain["cameras"]:
        parts = urlsplit(camera["url"])
        camera["url"] = f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}/"
    for table in (*plain["cameras"], plain["mqtt"] or {}):
        if table.get("username"):
            table["username"] = _STARS
    return plain


def blanked(lines: Iterable[str], secrets: Collection[str]) -> list[str]:
    """Without secrets, and without whatever stands where an address has a login."""
    found = []
    for line in lines:
        plain = _LOGIN.sub(_STARS, line)
        for secret in secrets:
            plain = plain.replace(secret, _STARS)
        found.append(plain)
    return found


def report(config: Config, lines: Iterable[str], more: dict[str, Any]) -> dict[str, Any]:
    """All of it, in at most `BYTES_MAX`. `more`: versions and depths."""
    threads = sorted(thread.name for thread in threading.enumerate())
    found: dict[str, Any] = {**more, "threads": threads[:THREADS_MAX], "config": redacted(config), "log": []}
    if _size(found) > BYTES_MAX:
        found["config"] = {"left_out": "too large"}
    room = BYTES_MAX - _size(found)
    kept: deque[str] = deque()
    for line in reversed(blanked(lines, secrets_of(config))):
        room -= _size(line) + 2
        if room < 0:
            break
        kept.appendleft(line)
    found["log"] = list(kept)
    return found


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
