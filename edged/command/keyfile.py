"""The key of a desk of the centre, and the counter beside it. Blocking.

Each command bears a larger counter than all before. It is kept in a file beside the key, and durable before the command
is sent. It is never below the time in milliseconds, so that a counter that was lost with its file goes on nevertheless.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edged.words.value_types import KEY_PREFIX
from mqtt.commands import COUNTER_MAX
from storage.files.fsync import fsync_directory

MODE: Final = 0o600
MAX_BYTES: Final = 4096
"""PEM of such a key has 119."""
COUNTER: Final = ".counter"
"""Behind the name of the key."""


class KeyFileError(Exception):
    """What is wrong with the key or its counter, and what to do."""

    def __init__(self, what: str, action: str) -> None:
        super().__init__(what)
        self.what = what
        self.action = action


def make(path: Path) -> Ed25519PrivateKey:
    """A new key, in a file that nobody else reads. KeyFileError where there is one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        fsync_directory(path.parent)
    except FileExistsError:
        raise KeyFileError(f"there is something in {path} already", "name another file") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}", "name a file that can be written") from None
    return key


def public_line(key: Ed25519PrivateKey) -> str:
    """As it stands in the configuration of a box."""
    return KEY_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def read(path: Path) -> Ed25519PrivateKey:
    """KeyFileError."""
    try:
        with path.open("rb") as file:
            key = serialization.load_pem_private_key(file.read(MAX_BYTES), password=None)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}", "make one: edged-command keygen FILE") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} is no private key", "name the file that edged-command keygen wrote") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is not an Ed25519 key", "name the file that edged-command keygen wrote")
    return key


def next_counter(path: Path, now_ms: int) -> int:
    """Larger than all before, and durable. `path`: of the key. KeyFileError."""
    place = path.with_name(path.name + COUNTER)
    try:
        with _locked(path):
            counter = max(_last(place) + 1, now_ms)
            if counter > COUNTER_MAX:
                raise KeyFileError(f"{place} has come to its end", "make another key: edged-command keygen FILE")
            beside = place.with_name(place.name + ".new")
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
            with os.fdopen(fd, "w") as file:
                file.write(f"{counter}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
            fsync_directory(place.parent)
            return counter
    except OSError as error:
        raise KeyFileError(f"{error.filename or place}: {error.strerror}", "its directory must be writable") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _last(place: Path) -> int:
    try:
        text = place.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(COUNTER_MAX))):
        what = f"{place} holds no number"
        raise KeyFileError(what, "remove it: the next counter is then taken from the clock")
    return int(text)
