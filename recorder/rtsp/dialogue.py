"""Questions and answers with a camera over one connection: CSeq, session, login, keep-alive, and what it asks of us.

Standard library and this room. Every question has an end, and all questions before PLAY share one: a camera that lets
fall a byte a second holds nobody up (L4). What it sends of pictures meanwhile is kept.

`Login` says who we are the way the camera asks for it: Digest (RFC 7616, 2617, 2069) or Basic (RFC 7617). It has no
socket. The password leaves it as a digest, or, only after the camera has asked for Basic and offered nothing better, as
it is; it is in no text that anybody reads.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from recorder.rtsp import message
from recorder.rtsp import message as transport
from recorder.rtsp.connection import Connection
from recorder.rtsp.message import Answer, BadData, Handler, Inbox, Message, Request
from recorder.words import outcome
from recorder.words.address import Target
from recorder.words.messages import Ended
from recorder.words.outcome import SessionEnded
from recorder.words.stream import Item

ANSWER_S: Final = 5.0
"""For one answer. Longer than any device takes that will still serve; within L1."""
CHANNELS: Final = 256
"""Of interleaved frames: the channel is one byte."""
MAX_MEANWHILE_BYTES: Final = 16 * 1024 * 1024
"""What may come while one answer is waited for: 5 s at 25 Mbit/s. A camera that plays must not fill memory (S12)."""
MAX_LOGINS: Final = 3
"""Asked, asked again with a newer nonce, and once more; then it is the password."""
MAX_KEEP_ALIVE_S: Final = 30.0
"""Routers forget a silent connection after a minute or more."""
MIN_KEEP_ALIVE_S: Final = 1.0
MAX_UNANSWERED: Final = 8
"""Keep-alives without an answer that are remembered; some cameras answer none, and send pictures all the same."""
FORGOTTEN_S: Final = 2.0
"""After 454 to a keep-alive: some firmware answers so to a method it does not know, and sends on. Only if no picture
comes any more for so long, the session is over."""
AGENT: Final = "edged"
_GRANTED: Final = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"})
"""What cameras ask to see whether we live, or tell us in passing."""


@dataclass(frozen=True, slots=True)
class DialogueState:
    """What another process needs to go on talking over a connection."""

    target: Target
    session: str
    session_s: int
    methods: tuple[str, ...]
    cseq: int
    login: LoginState


class Dialogue:
    """One connection. Used by one thread."""

    def __init__(self, connection: Connection, login: Login, deadline: float, now: Callable[[], float]) -> None:
        self.connection = connection
        self.target: Target = connection.target
        self.inbox = Inbox()
        self.handlers: list[Handler | None] = [None] * CHANNELS
        self.session = ""
        self.session_s = transport.SESSION_S
        self.methods: frozenset[str] = frozenset()
        """What the camera says it knows; empty where it does not say."""
        self.challenged = False
        """It has asked who we are, over this connection."""
        self._login = login
        self._deadline = deadline
        self._now = now
        self._cseq = 0
        self._keep_alive_method = ""
        self._kept_at = now()
        self._kept_url = ""
        self._unanswered: list[int] = []
        self._heard = False
        self._refusal = 0
        """The status by which it knew us no longer, although it still sends; 0: it knows us."""
        self._forgotten: tuple[float, int] | None = None
        """It said 454 then, after so many frames."""

    @property
    def state(self) -> DialogueState:
        """Between two questions."""
        return DialogueState(
            target=self.target,
            session=self.session,
            session_s=self.session_s,
            methods=tuple(sorted(self.methods)),
            cseq=self._cseq,
            login=self._login.state,
        )

    @classmethod
    def resumed(cls, connection: Connection, state: DialogueState, now: Callable[[], float]) -> Dialogue:
        """Where another process left off. It asks no more than what keeps a stream alive."""
        dialogue = cls(connection, Login.resumed(state.login), now(), now)
        dialogue.session, dialogue.session_s = state.session, state.session_s
        dialogue.methods = frozenset(state.methods)
        dialogue._cseq = state.cseq
        dialogue._heard = True
        return dialogue

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """One request and its answer, whatever its status but 401. `SessionEnded` if none comes."""
        for _ in range(MAX_LOGINS):
            self._cseq += 1
            self.connection.send(self._request(method, url, headers or {}))
            answer = self._answer(method, self._cseq)
            self._note(answer)
            if answer.status != 401:
                self._login.accepted()
                return answer
            self.challenged = True
            if not self._login.refused(answer.headers.all("WWW-Authenticate")):
                break
        if self.target.user and not self._login.known:
            raise SessionEnded(outcome.unknown_login(self.target))
        raise SessionEnded(outcome.declined(self.target, 401))

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        given = {"User-Agent": AGENT, "Session": self.session, "Authorization": self._login.header(method, url)}
        return message.request(method, url, self._cseq, {**given, **headers})

    def _answer(self, method: str, cseq: int) -> Answer:
        """Wait for it; of an answer without a number it is assumed that it is this one."""
        until = min(self._deadline, self._now() + ANSWER_S)
        waits_s = until - self._now()
        meanwhile = 0
        while True:
            heard = self.take([])
            if isinstance(heard, Answer):
                if heard.headers.cseq in (cseq, None):
                    return heard
                continue
            if isinstance(heard, Request):
                self._reply(heard)
                continue
            left = until - self._now()
            if left <= 0:
                if self.inbox.garbage and not self._heard:
                    raise SessionEnded(outcome.not_rtsp(self.target, outcome.NOT_RTSP))
                raise SessionEnded(outcome.no_answer(self.target, method, max(1.0, waits_s)))
            meanwhile += self.receive(left)[0]
            if meanwhile > MAX_MEANWHILE_BYTES:
                raise SessionEnded(outcome.nonsense(self.target))

    def receive(self, patience_s: float) -> tuple[int, bool]:
        """What has come, into the inbox: how many bytes, and whether that was all."""
        room = self.inbox.room()
        try:
            count = self.connection.receive(room, patience_s)
        except SessionEnded:
            if self._refusal:
                raise SessionEnded(outcome.declined(self.target, self._refusal)) from None
            if not self._heard:
                raise SessionEnded(self._unheard()) from None
            raise
        self.inbox.received(count)
        return count, count < len(room)

    def _unheard(self) -> Ended:
        """It is over, and nothing came that was an answer."""
        if self.inbox.garbage:
            return outcome.not_rtsp(self.target, outcome.NOT_RTSP)
        return outcome.hung_up(self.target)

    def take(self, out: list[Item]) -> Message | None:
        """Hand media on; the next message, or None when all is read."""
        try:
            heard = self.inbox.take(self.handlers, out)
        except BadData as error:
            ended = outcome.nonsense(self.target) if self._heard else outcome.not_rtsp(self.target, error.what)
            raise SessionEnded(ended) from None
        self._heard = self._heard or isinstance(heard, Answer)
        return heard

    def hear(self, out: list[Item]) -> None:
        """While the stream plays: all that is in the inbox."""
        while (heard := self.take(out)) is not None:
            if isinstance(heard, Request):
                self._reply(heard)
            elif heard.headers.cseq in self._unanswered:
                self._kept(heard)

    def _reply(self, asked: Request) -> None:
        if asked.method == "TEARDOWN":
            raise SessionEnded(outcome.dropped(self.target))
        if asked.method == "REDIRECT":
            raise SessionEnded(outcome.moved(self.target))
        status, reason = (200, "OK") if asked.method in _GRANTED else (501, "Not Implemented")
        self.connection.offer(message.answer(status, reason, asked))

    def _note(self, answer: Answer) -> None:
        """Cameras that change the session's id mean it. How long it lives, most say only once."""
        given = transport.session(answer.headers.get("Session"))
        if given is not None and answer.status < 300:
            self.session, self.session_s = given.id, given.timeout_s or self.session_s

    def keep_alive(self, url: str) -> None:
        """If it is time for it: a request that shows that we live, by GET_PARAMETER unless the camera knows none."""
        if self._forgotten is not None and self._now() - self._forgotten[0] >= FORGOTTEN_S:
            if self.inbox.frames == self._forgotten[1]:
                raise SessionEnded(outcome.declined(self.target, 454))
            self._forgotten = None
        every_s = min(MAX_KEEP_ALIVE_S, max(MIN_KEEP_ALIVE_S, self.session_s / 2))
        if self._now() - self._kept_at < every_s:
            return
        if not self._keep_alive_method:
            self._keep_alive_method = "GET_PARAMETER" if "GET_PARAMETER" in self.methods else "OPTIONS"
        self._kept_at = self._now()
        self._offer(self._keep_alive_method, url)

    def _offer(self, method: str, url: str) -> None:
        self._cseq += 1
        if self.connection.offer(self._request(method, url, {})):
            self._unanswered = [*self._unanswered, self._cseq][-MAX_UNANSWERED:]
            self._kept_url = url

    def _kept(self, answer: Answer) -> None:
        """The camera's answer to a keep-alive."""
        self._unanswered.clear()
        self._refusal = answer.status if answer.status in (401, 454) else 0
        if answer.status == 401:
            if self._login.refused(answer.headers.all("WWW-Authenticate")):
                self._offer(self._keep_alive_method, self._kept_url)
            return
        self._note(answer)
        self._login.accepted()
        if answer.status == 454:
            self._forgotten = self._now(), self.inbox.frames
        if answer.status >= 400:
            self._keep_alive_method = "OPTIONS"

    def farewell(self, url: str) -> bytes:
        """TEARDOWN, to be sent last."""
        self._cseq += 1
        return self._request("TEARDOWN", url, {}) if self.session else b""


_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_SCHEME: Final = re.compile(r"(?:^|,)\s*(Digest|Basic)(?=\s|,|$)", re.IGNORECASE)
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_FIELD: Final = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_ESCAPED: Final = re.compile(r"\\(.)")
MAX_CHALLENGE: Final = 4_096
"""Characters; what is behind is left out."""


@dataclass(frozen=True, slots=True)
class Credentials:
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


@dataclass(frozen=True, slots=True)
class LoginState:
    """See `DialogueState`. Holds the password."""

    account: Credentials
    challenge: Challenge | None
    uses: int
    accepted: bool


class Login:
    """One session's way in. A nonce that was accepted once may grow old; one that never was means a wrong password."""

    def __init__(self, account: Credentials, make_cnonce: Callable[[], str] = lambda: os.urandom(8).hex()) -> None:
        self._account = account
        self._make_cnonce = make_cnonce
        self.known = True
        """The camera's way of asking is one that we know."""
        self._challenge: Challenge | None = None
        self._uses = 0
        self._accepted = False

    @property
    def state(self) -> LoginState:
        return LoginState(self._account, self._challenge, self._uses, self._accepted)

    @classmethod
    def resumed(cls, state: LoginState) -> Login:
        login = cls(state.account)
        login._challenge, login._uses, login._accepted = state.challenge, state.uses, state.accepted
        return login

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


def digest(account: Credentials, challenge: Challenge, method: str, uri: str, uses: int, cnonce: str) -> str:
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
        fields.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) or plain)
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
