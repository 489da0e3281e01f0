"""What the centre may know of a box to help it: versions, configuration, the last lines of its log, threads, depths.

No secret, no address within a camera, no name of a person. What does not fit is left out, oldest lines first.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from edged.config import Config

THREADS_MAX: Final = 200
BYTES_MAX: Final = 32 << 10
"""Of the whole, as JSON: a slow line takes it in half a minute."""
SECRET_MIN: Final = 3
"""Shorter words are blanked out nowhere: they would blank out everything."""
_STARS: Final = "***"
_LOGIN: Final = r"(?<=://)[^/@\s]+(?=@)"
"""Whatever stands where an address has a login."""


def secrets_of(config: Config) -> re.Pattern[str]:
    """What must be read nowhere: passwords wherever they stand; users, and what lies behind a camera's host and port,
    as whole words. `edged`, the account of every box, tells nobody anything."""
    logins = [(one.username, one.password) for one in config.cameras]
    logins += [(config.mqtt.username, config.mqtt.password)] if config.mqtt else []
    passwords = {password.get_secret_value() for _, password in logins}
    words = {user or "" for user, _ in logins} - {"edged"}
    paths: set[str] = set()
    for camera in config.cameras:
        parts = urlsplit(camera.url)
        paths |= {parts.path, parts.query, f"{parts.path}?{parts.query}"}
    found = [re.escape(word) for word in _longest(passwords)]
    found += [rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in _longest(words)]
    found += [rf"{re.escape(behind)}(?![\w-])" for behind in _longest(paths)]
    return re.compile("|".join([*found, _LOGIN]))


def _longest(words: Iterable[str]) -> list[str]:
    return sorted((word for word in words if len(word) >= SECRET_MIN), key=len, reverse=True)


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


def report(config: Config, lines: Iterable[str], more: dict[str, Any]) -> dict[str, Any]:
    """All of it, in at most `BYTES_MAX`. `more`: versions and depths."""
    threads = sorted(thread.name for thread in threading.enumerate())
    found: dict[str, Any] = {**more, "threads": threads[:THREADS_MAX], "config": redacted(config), "log": []}
    if _size(found) > BYTES_MAX:
        found["config"] = {"left_out": "too large"}
    room = BYTES_MAX - _size(found)
    kept: deque[str] = deque()
    secrets = secrets_of(config)
    for whole in reversed([*lines]):
        line = secrets.sub(_STARS, whole)
        room -= _size(line) + 2
        if room < 0:
            break
        kept.appendleft(line)
    found["log"] = list(kept)
    return found


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
