"""A camera's address in words that anybody may read: for logs, gaps, alarms, the centre.

Pure; imports the standard library only, because the daemon and every worker use it. Keeps that no secret is shown: user
and password of a URL are left out, and what stands behind a secret word in its path or query is replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

RTSP_PORTS: Final = {"rtsp": 554, "rtsps": 322}
SECRET_IN_PATH: Final = re.compile(r"(?i)((?:pass\w*|pwd|psw|pw|token|key|auth|secret)=)[^&;]*")
"""Some cameras want their password in the path (/user=admin_password=…). A secret may hold a slash, so it ends only at
the next parameter. The one list of secret words: whoever refuses or hides such an address uses this."""

_TRIED: Final = re.compile(r"RTSP over (?:TCP|TLS) to \S+, path \S+, (?:user [^:]*|without a user): ")
"""How a sentence begins that says what was tried (`Target.tried`)."""

_PATH_TRIED: Final = re.compile(r"^(RTSP over (?:TCP|TLS) to \S+), path \S+(?=, (?:user |without a user))")

_LOGIN_TRIED: Final = re.compile(r"(?<=\S), path \S+, (?:user [^:]*|without a user)(?=: |$)")


def without_tried(sentence: str) -> str:
    """What came back and what to check: for lists, in which all lines of a camera would begin alike."""
    return _TRIED.sub("", sentence, count=1) if sentence.startswith("RTSP over ") else sentence


def without_login(sentence: str) -> str:
    """Without path and user wherever it says what was tried: for whatever leaves the box."""
    return _LOGIN_TRIED.sub("", sentence)


def without_path(sentence: str) -> str:
    """For what several channels of one device have in common."""
    return _PATH_TRIED.sub(r"\1", sentence, count=1)


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
    def tried(self) -> str:
        """What was tried."""
        if self.scheme == "test":
            return "the built-in test pattern"
        way = "RTSP over TLS" if self.scheme == "rtsps" else "RTSP over TCP"
        user = f"user {self.user}" if self.user else "without a user"
        return f"{way} to {self.address}, path {self.path or '/'}, {user}"
