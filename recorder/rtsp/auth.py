"""Who we are, said the way the camera asks for it: Digest (RFC 7616, 2617, 2069) or Basic (RFC 7617). No socket.

Standard library only. The password leaves here as a digest, or, only after the camera has asked for Basic and offered
nothing better, as it is; it is in no text that anybody reads.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_SCHEME: Final = re.compile(r"(?:^|,)\s*(Digest|Basic)(?=\s|,|$)", re.IGNORECASE)
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_FIELD: Final = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
MAX_CHALLENGE: Final = 4_096
"""Characters; what is behind is left out."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in; "" as user means nobody does."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """How the camera wants to be told."""

    basic: bool
    realm: str = ""
    nonce: str = ""
    opaque: str | None = None
    algorithm: str = ""
    """As the camera writes it; "" where it does not."""
    qop: bool = False
    stale: bool = False


class Login:
    """One session's way in. A nonce that was accepted once may grow old; one that never was means a wrong password."""

    def __init__(self, account: Account, make_cnonce: Callable[[], str] = lambda: os.urandom(8).hex()) -> None:
        self._account = account
        self._make_cnonce = make_cnonce
        self.known = True
        """The camera's way of asking is one that we know."""
        self._challenge: Challenge | None = None
        self._uses = 0
        self._accepted = False

    def header(self, method: str, uri: str) -> str:
        """What to put into `Authorization`; "" before the camera has asked for anything."""
        challenge = self._challenge
        if challenge is None:
            return ""
        if challenge.basic:
            both = f"{self._account.user}:{self._account.password}".encode()
            return "Basic " + base64.b64encode(both).decode()
        self._uses += 1
        return digest(self._account, challenge, method, uri, self._uses, self._make_cnonce())

    def accepted(self) -> None:
        """The camera took it."""
        self._accepted = self._challenge is not None

    def refused(self, headers: Iterable[str]) -> bool:
        """A 401 with these `WWW-Authenticate`. Whether it is worth asking once more."""
        new = best(headers)
        self.known = new is not None
        old, self._challenge = self._challenge, new
        if new is None or not self._account.user:
            self._challenge = None
            return False
        known, self._accepted = self._accepted, False
        renewed = old is not None and not new.basic and new.nonce != old.nonce
        self._uses = self._uses if old is not None and not renewed else 0
        return old is None or (renewed and (new.stale or known))


def best(headers: Iterable[str]) -> Challenge | None:
    """Of all ways on offer the first Digest that we know, else Basic; None where there is none of these."""
    challenges = [challenge for header in headers for challenge in _challenges(header[:MAX_CHALLENGE])]
    return next((one for one in challenges if not one.basic), next(iter(challenges), None))


def digest(account: Account, challenge: Challenge, method: str, uri: str, uses: int, cnonce: str) -> str:
    """The value of `Authorization`."""
    algorithm = (challenge.algorithm or "MD5").upper()
    hashed = _HASHES[algorithm.removesuffix("-SESS")]
    per_session = algorithm.endswith("-SESS")

    def hex_of(*parts: str) -> str:
        return hashed(":".join(parts).encode())

    secret = hex_of(account.user, challenge.realm, account.password)
    if per_session:
        secret = hex_of(secret, challenge.nonce, cnonce)
    what = hex_of(method, uri)
    count = f"{uses:08x}"
    middle = (challenge.nonce, count, cnonce, "auth") if challenge.qop else (challenge.nonce,)
    fields = [
        ("username", _quoted(account.user)),
        ("realm", _quoted(challenge.realm)),
        ("nonce", _quoted(challenge.nonce)),
        ("uri", _quoted(uri)),
        ("response", _quoted(hex_of(secret, *middle, what))),
    ]
    if challenge.algorithm:
        fields.append(("algorithm", challenge.algorithm))
    if challenge.opaque is not None:
        fields.append(("opaque", _quoted(challenge.opaque)))
    if challenge.qop:
        fields += [("qop", "auth"), ("nc", count)]
    if challenge.qop or per_session:
        fields.append(("cnonce", _quoted(cnonce)))
    return "Digest " + ", ".join(f"{name}={value}" for name, value in fields)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _challenges(header: str) -> list[Challenge]:
    """Those of one header that we know; a camera may put several into it."""
    plain = _TEXT.sub(lambda found: "_" * len(found[0]), header)  # no scheme is named inside quotes
    schemes = list(_SCHEME.finditer(plain))
    ends = [*(found.start() for found in schemes), len(header)][1:]
    parsed = (_challenge(one[1], header[one.end() : end]) for one, end in zip(schemes, ends, strict=True))
    return [challenge for challenge in parsed if challenge is not None]


def _challenge(scheme: str, text: str) -> Challenge | None:
    fields: dict[str, str] = {}
    for name, quoted, plain in _FIELD.findall(text):
        fields.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    if scheme.lower() == "basic":
        return Challenge(basic=True, realm=fields.get("realm", ""))
    algorithm = fields.get("algorithm", "")
    offered = {word.strip().lower() for word in fields.get("qop", "").split(",")} - {""}
    known = (algorithm or "MD5").upper().removesuffix("-SESS") in _HASHES
    if not known or "nonce" not in fields or (offered and "auth" not in offered):
        return None
    return Challenge(
        basic=False,
        realm=fields.get("realm", ""),
        nonce=fields["nonce"],
        opaque=fields.get("opaque"),
        algorithm=algorithm,
        qop=bool(offered),
        stale=fields.get("stale", "").lower() == "true",
    )
