"""RTSP/1.0 as text, from the camera's side: requests, answers, and who may look (Basic, Digest: RFC 7616)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

REALM: Final = "camera"
METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
REASONS: Final = {
    200: "OK",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_FIELD = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    headers: dict[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True)
class Report:
    """RTCP of the client, between its requests."""

    channel: int
    data: bytes


async def read(reader: asyncio.StreamReader) -> Request | Report | None:
    """The next thing the client says; None when it is gone."""
    try:
        first = await reader.readexactly(1)
        if first == b"$":
            head = await reader.readexactly(3)
            return Report(head[0], await reader.readexactly(int.from_bytes(head[1:3], "big")))
        text = (first + await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = text.strip().split("\r\n")
    method, url, _ = lines[0].split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    if length := int(headers.get("content-length", "0")):
        await reader.readexactly(length)
    return Request(method, url, headers)


def answer(status: int, headers: Sequence[tuple[str, str]], body: str = "") -> bytes:
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def wanted_channel(request: Request) -> int | None:
    """The interleaved channel a SETUP asks for; None when it wants UDP."""
    transport = request.headers.get("transport", "")
    match = re.search(r"interleaved=(\d+)", transport)
    return int(match.group(1)) if match and "/TCP" in transport else None


def wanted_ports(request: Request) -> tuple[int, int] | None:
    """The ports (RTP, RTCP) a SETUP wants its UDP at."""
    match = re.search(r"client_port=(\d+)(?:-(\d+))?", request.headers.get("transport", ""))
    if match is None:
        return None
    return int(match.group(1)), int(match.group(2) or int(match.group(1)) + 1)


@dataclass(frozen=True, slots=True)
class Account:
    """What a camera asks of whoever wants to look."""

    user: str
    password: str
    method: Literal["basic", "digest", "both"] = "digest"
    algorithm: Literal["", "MD5", "SHA-256"] = ""
    """As the challenge names it; "" says nothing, which means MD5."""
    qop: str = ""
    """"auth" asks for the newer digest, with counters."""
    realm: str = REALM
    nonce: str = "c0ffee00c0ffee00"
    nonce_uses: int = 0
    """A nonce is stale after so many requests, and another is told; 0 is never."""


class Guard:
    """One device's door: an account, the nonce of this moment, and how often that was used."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.nonce = account.nonce
        self.nonces = 1
        self._uses = 0
        self._stale = False
        self._counts: set[tuple[str, str]] = set()

    def challenges(self) -> list[str]:
        account = self.account
        made = []
        if account.method != "basic":
            digest = f'Digest realm="{account.realm}", nonce="{self.nonce}"'
            digest += f', qop="{account.qop}"' if account.qop else ""
            digest += f", algorithm={account.algorithm}" if account.algorithm else ""
            made.append(digest + (", stale=true" if self._stale else ""))
        if account.method != "digest":
            made.append(f'Basic realm="{account.realm}"')
        return made

    def admits(self, request: Request) -> bool:
        account, given = self.account, request.headers.get("authorization", "")
        scheme, _, rest = given.partition(" ")
        if scheme.lower() == "basic" and account.method != "digest":
            return rest.strip() == base64.b64encode(f"{account.user}:{account.password}".encode()).decode()
        if scheme.lower() != "digest" or account.method == "basic":
            return False
        fields = dict(_FIELD.findall(rest))
        if fields.get("nonce") != self.nonce or not self._right(request, fields):
            return False
        return self._fresh()

    def _right(self, request: Request, fields: dict[str, str]) -> bool:
        account, hashed = self.account, _hash(self.account.algorithm)
        ha1 = hashed(f"{account.user}:{account.realm}:{account.password}")
        ha2 = hashed(f"{request.method}:{fields.get('uri', '')}")
        middle = ""
        if account.qop:
            count, cnonce = fields.get("nc", ""), fields.get("cnonce", "")
            if fields.get("qop") != "auth" or not cnonce or (cnonce, count) in self._counts:
                return False  # a counter that was used before is an answer that somebody copied
            self._counts.add((cnonce, count))
            middle = f"{count}:{cnonce}:auth:"
        expected = hashed(f"{ha1}:{fields['nonce']}:{middle}{ha2}")
        return (fields.get("username"), fields.get("uri"), fields.get("response")) == (
            account.user, request.url, expected,
        )  # fmt: skip

    def _fresh(self) -> bool:
        """Counts the uses of a nonce that was right, and takes another when it is worn."""
        self._stale = False
        self._uses += 1
        if self.account.nonce_uses and self._uses > self.account.nonce_uses:
            self.nonce, self._uses, self._stale = secrets.token_hex(8), 0, True
            self.nonces += 1
        return not self._stale


def _hash(algorithm: str) -> _Hash:
    return _sha256 if algorithm == "SHA-256" else _md5


class _Hash:
    """From text to hex."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, text: str) -> str:
        return hashlib.new(self._name, text.encode(), usedforsecurity=False).hexdigest()


_md5: Final = _Hash("md5")
_sha256: Final = _Hash("sha256")
