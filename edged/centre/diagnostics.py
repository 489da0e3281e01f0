"""What the centre may know of a box to help it: versions, configuration, the last lines of its log, threads, depths.

No secret, no address within a camera, no name of a person. What does not fit is left out, oldest lines first.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from edged.config.model import Config

THREADS_MAX: Final = 200
BYTES_MAX: Final = 32 << 10
"""Of the whole, as JSON: a slow line takes it in half a minute."""
LINE_MAX: Final = 400
"""Characters of a line of the log, once nothing in it is secret."""
SECRET_MIN: Final = 3
"""A shorter password is blanked out as a whole word only: within others it would blank out everything."""
_STARS: Final = "***"
_LOGIN: Final = r"(?<=://)[^/\s]+(?=@)"
"""Whatever stands where an address has a login."""
_LETTER: Final = "[0-9A-Za-z_-]"
"""Of a word. Chinese puts no blanks between words: beside its letters one begins and ends anywhere."""


def secrets_of(configs: Iterable[Config], lines: Iterable[str]) -> re.Pattern[str]:
    """What must be read nowhere: passwords wherever they stand; users, and what lies behind a camera's host and port,
    as whole words; each also as an address writes it. `edged`, the account of every box, tells nobody anything.

    Only of what is in these lines at all: a pattern of all that 256 cameras have takes seconds.
    """
    within: set[str] = set()
    words: set[str] = set()
    paths: set[str] = set()
    for config in configs:
        logins = [(one.username, one.password) for one in config.cameras]
        logins += [(config.mqtt.username, config.mqtt.password)] if config.mqtt else []
        for user, password in logins:
            secret = password.get_secret_value()
            (within if len(secret) >= SECRET_MIN else words).add(secret)
            words.add(user or "")
        for camera in config.cameras:
            parts = urlsplit(camera.url)
            paths |= {parts.path, parts.query, f"{parts.path}?{parts.query}"}
    found = {word: re.escape(word) for word in _written(paths - {"/", "?", "/?"})}
    found = {word: f"{pattern}{_end(word)}" for word, pattern in found.items()}
    found |= {word: f"{_begin(word)}{re.escape(word)}{_end(word)}" for word in _written(words - {"edged"})}
    found |= {word: re.escape(word) for word in _written(within)}
    text = "\n".join(lines).lower()
    longest = sorted((word for word in found if word.lower() in text), key=len, reverse=True)
    return re.compile("|".join([_LOGIN, *(found[word] for word in longest)]), re.IGNORECASE)


def _written(words: Iterable[str]) -> set[str]:
    """In each way in which a line may have them."""
    kinds = (str, unquote, quote, lambda word: quote(word, safe=""), lambda word: " ".join(word.split()))
    return {kind(word) for word in words for kind in kinds} - {""}


def _begin(word: str) -> str:
    return f"(?<!{_LETTER})" if re.match(_LETTER, word) else ""


def _end(word: str) -> str:
    return f"(?!{_LETTER})" if re.match(_LETTER, word[-1]) else ""


def redacted(config: Config) -> dict[str, Any]:
    """As it is in force; of cameras only where they are, not what lies behind."""
    plain = config.model_dump(mode="json")
    for camera in plain["cameras"]:
        parts = urlsplit(camera["url"])
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        camera["url"] = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/"
    for table in (*plain["cameras"], plain["mqtt"] or {}):
        if table.get("username"):
            table["username"] = _STARS
    return plain


def report(
    config: Config, lines: Sequence[str], more: dict[str, Any], earlier: Iterable[Config] = ()
) -> dict[str, Any]:
    """All of it, in at most `BYTES_MAX`. `more`: versions and depths. `earlier`: what held when lines were logged."""
    threads = sorted(thread.name for thread in threading.enumerate())
    found: dict[str, Any] = {**more, "threads": threads[:THREADS_MAX], "config": redacted(config), "log": []}
    if _size(found) > BYTES_MAX:
        found["config"] = {"left_out": "too large"}
    room = BYTES_MAX - _size(found)
    kept: deque[str] = deque()
    secrets = secrets_of([config, *earlier], lines)
    for whole in reversed(lines):
        line = secrets.sub(_STARS, whole)[:LINE_MAX]
        room -= _size(line) + 2
        if room < 0:
            break
        kept.appendleft(line)
    found["log"] = list(kept)
    return found


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
