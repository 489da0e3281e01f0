"""A camera's address in words that anybody may read: for logs, gaps, alarms, the centre.

Pure; imports nothing but the standard library and messages, because the daemon and every worker use it. Keeps that no
secret is shown: user and password of a URL are left out, and what stands behind a secret word in its path or query is
replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from storage.words.message import Message, Value, message

RTSP_PORTS: Final = {"rtsp": 554, "rtsps": 322}
SECRET_IN_PATH: Final = re.compile(r"(?i)((?:pass\w*|pwd|psw|pw|token|key|auth|secret)=)[^&;]*")
"""Some cameras want their password in the path (/user=admin_password=…). A secret may hold a slash, so it ends only at
the next parameter. The one list of secret words: whoever refuses or hides such an address uses this."""

OVER_TCP: Final = message("session.over-tcp", "RTSP over TCP")
OVER_TLS: Final = message("session.over-tls", "RTSP over TLS")

_TRIED: Final = re.compile(r"RTSP over (?:TCP|TLS) to \S+, path \S+, (?:user [^:]*|without a user): ")
"""How a sentence begins that says what was tried (`Target.tried`)."""

_PATH_TRIED: Final = re.compile(r"^(RTSP over (?:TCP|TLS) to \S+), path \S+(?=, (?:user |without a user))")

_LOGIN_TRIED: Final = re.compile(r"(?<=\S), path \S+, (?:user [^:]*|without a user)(?=: |$)")


def without_tried(sentence: str) -> Message:
    """What came back and what to check: for lists, in which all lines of a camera would begin alike."""
    told = _message(sentence)
    if told.code == "session.told":
        known = _named(told, "came_back", "check")
        return message("session.told.untried", "{came_back}. Check {check}", **known)
    if told.code == "session.told.no-check":
        return _message(told.values.get("came_back", ""))
    return Message(_TRIED.sub("", told, count=1)) if told.startswith("RTSP over ") else told


def without_login(sentence: str) -> Message:
    """Without path and user wherever it says what was tried: for whatever leaves the box."""
    told = _message(sentence)
    if told.code in ("session.tried", "session.tried.no-user"):
        return message("session.tried.address", "{way} to {address}", **_named(told, "way", "address"))
    return _changed(told, _LOGIN_TRIED.sub("", told), without_login)


def without_path(sentence: str) -> Message:
    """For what several channels of one device have in common."""
    told = _message(sentence)
    if told.code == "session.tried":
        known = _named(told, "way", "address", "user")
        return message("session.tried.no-path", "{way} to {address}, user {user}", **known)
    if told.code == "session.tried.no-user":
        known = _named(told, "way", "address")
        return message("session.tried.neither", "{way} to {address}, without a user", **known)
    return _changed(told, _PATH_TRIED.sub(r"\1", told, count=1), without_path)


def _changed(told: Message, text: str, change: Callable[[str], Message]) -> Message:
    """With this text, and its values changed likewise."""
    return Message(text, told.code, {name: _each(change, value) for name, value in told.values.items()})


def _each(change: Callable[[str], Message], value: Value) -> Value:
    if isinstance(value, list):
        return [change(one) for one in value]
    return change(value) if isinstance(value, str) else value


def _named(sentence: Message, *names: str) -> dict[str, Value]:
    """Those of its values; "" for what another version calls otherwise."""
    return {name: sentence.values.get(name, "") for name in names}


def _message(value: Value) -> Message:
    return value if isinstance(value, Message) else Message(str(value))


def without_secrets(path: str) -> str:
    """A path with its query, as it may be shown."""
    return SECRET_IN_PATH.sub(r"\1…", path)


def plain_host(host: str) -> str:
    """As the kernel knows it: an address of IPv6 names its interface behind %, which a URL writes as %25 (RFC 6874)."""
    address, _, zone = host.partition("%25")
    return f"{address}%{zone}" if ":" in address and zone else host


def split_zone(host: str) -> tuple[str, str]:
    """A plain host without its interface, and the interface; "" where it names none."""
    address, _, zone = host.partition("%")
    return (address, zone) if ":" in address else (host, "")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a session talks to, without a secret."""

    scheme: str
    host: str
    port: int
    path: str
    user: str

    @classmethod
    def parse(cls, url: str, user: str) -> Target:
        """From a camera's URL; a user or password that stands in it all the same is left out."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        port = parts.port or RTSP_PORTS.get(parts.scheme, 0)
        return cls(parts.scheme, plain_host(parts.hostname or ""), port, without_secrets(path), user)

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def device(self) -> str:
        """What is shared by all cameras behind one address: "rtsp://10.0.0.20:554"."""
        return f"{self.scheme}://{self.address}"

    @property
    def tried(self) -> Message:
        """What was tried."""
        if self.scheme == "test":
            return message("session.tried.pattern", "the built-in test pattern")
        way = OVER_TLS if self.scheme == "rtsps" else OVER_TCP
        address, path = self.address, self.path or "/"
        if not self.user:
            return message(
                "session.tried.no-user",
                "{way} to {address}, path {path}, without a user",
                way=way,
                address=address,
                path=path,
            )
        return message(
            "session.tried",
            "{way} to {address}, path {path}, user {user}",
            way=way,
            address=address,
            path=path,
            user=self.user,
        )
