"""RTSP/1.0 as bytes: answers, requests of either side, and the media frames between them. No socket, no clock.

Standard library only. `Inbox` is the one receive buffer of a session: the network writes into it, media frames are
handed on where they lie, without a copy of each. Cameras break the rules, so whatever can be read is read; what cannot
is skipped up to a bound, and then the stream makes no sense. Whatever comes, nothing but `BadData` is raised, and no
more than the buffer is held (S12).

`session`, `transport` and `rtp_info` read what a camera answers to SETUP and PLAY: session, channels or ports, where
the tracks begin. They are lenient: what is not said, or makes no sense, is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from recorder.rtp.sdp import join
from recorder.words import outcome
from recorder.words.stream import Item
from storage.words.message import Message as Told

BUFFER_BYTES: Final = 262_144
"""What one look brings of 4.7 Mbit/s, so that a usual camera takes one read, and more than the longest of anything
below."""
MAX_HEAD_BYTES: Final = 16_384
"""Start line and headers; real ones are below 1 KiB."""
MAX_BODY_BYTES: Final = 65_536
"""A description; real ones are below 4 KiB, the longest seen had 30 profiles."""
MAX_HEADERS: Final = 128
MAX_METHOD_BYTES: Final = 24
"""GET_PARAMETER has 13."""
MAX_GARBAGE_BYTES: Final = 65_536
"""Skipped to find the next frame: one frame's length, as far as a wrong length can lead astray."""
CLEAN_FRAMES: Final = 64
"""So many frames without garbage between them: the stream is sound again and what was skipped is forgiven."""
SEEN_BYTES: Final = 6
"""What tells a frame amidst garbage: its head, and the first bytes of RTP or RTCP."""
Buffer: TypeAlias = bytes | bytearray | memoryview
Handler: TypeAlias = Callable[[Buffer, int, int, list[Item]], None]
"""Takes a frame that lies at buffer[start:end], and appends what is complete. The bytes are gone afterwards."""
Handlers: TypeAlias = Sequence[Handler | None]
"""By channel, 256 of them; None: what comes there is not wanted."""
_DOLLAR: Final = 0x24
_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_WORD: Final = re.compile(rb"[A-Z_]*")
_WORDS: Final = frozenset(
    b"RTSP HTTP OPTIONS DESCRIBE ANNOUNCE SETUP PLAY PLAY_NOTIFY PAUSE RECORD REDIRECT TEARDOWN"
    b" GET_PARAMETER SET_PARAMETER".split()
)
"""How a message may begin."""
_ANSWER: Final = re.compile(r"RTSP/\d\.\d +(\d{3})\b")
_REQUEST: Final = re.compile(r"([A-Z_]+) +(\S+) +RTSP/\d\.\d\s*$")
_NUMBER: Final = re.compile(r"\s*(\d{1,12})\b", re.ASCII)
_TIMEOUT: Final = re.compile(r"timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE | re.ASCII)
_COMMA: Final = re.compile(r",\s*(?=url\s*=)", re.IGNORECASE)
_URL: Final = re.compile(r"\s*url\s*=\s*(.*?)(?=;\s*(?:seq|rtptime|ssrc)\s*=|;?\s*$)", re.IGNORECASE | re.DOTALL)
_SEQ: Final = re.compile(r"\bseq\s*=\s*(\d{1,5})\b", re.IGNORECASE | re.ASCII)
_RTPTIME: Final = re.compile(r"\brtptime\s*=\s*(\d{1,10})\b", re.IGNORECASE | re.ASCII)
_BLANK: Final = b"\r\n\0 "
"""What may stand between two messages and harms nobody."""


class BadData(Exception):
    """What came is not RTSP, or no longer. Says how, without repeating it."""

    def __init__(self, what: Told) -> None:
        super().__init__(what)
        self.what = what


class Headers:
    """Names in any case, each possibly several times."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def all(self, name: str) -> list[str]:
        return self._values.get(name.lower(), [])

    def get(self, name: str) -> str:
        """The first of this name; "" if there is none."""
        return next(iter(self.all(name)), "")

    @property
    def cseq(self) -> int | None:
        return number(self.get("CSeq"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the camera says to a request of ours."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """What the camera asks of us."""

    method: str
    headers: Headers


Message: TypeAlias = Answer | Request


def number(text: str, highest: int = 2**31) -> int | None:
    """A plain number, as lenient as cameras demand; None where there is none."""
    found = _NUMBER.match(text)
    value = int(found[1]) if found else -1
    return value if 0 <= value <= highest else None


def request(method: str, url: str, cseq: int, headers: Mapping[str, str]) -> bytes:
    """A request of ours."""
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {cseq}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(status: int, reason: str, asked: Request) -> bytes:
    """Our answer to a request of the camera."""
    lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {asked.headers.get('CSeq')[:MAX_METHOD_BYTES]}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def interleaved(channel: int, data: Buffer) -> bytes:
    """A packet as it goes over the connection (RFC 2326 10.12)."""
    return bytes((_DOLLAR, channel)) + len(data).to_bytes(2, "big") + data


class Inbox:
    """The receive buffer and what can be read out of it."""

    def __init__(self, buffer: bytearray | None = None) -> None:
        """`buffer`: of `BUFFER_BYTES`, which several may share that are read in turn: see `park`."""
        self._buffer = bytearray(BUFFER_BYTES) if buffer is None else buffer
        self._view = memoryview(self._buffer)
        self._parked = b""
        self._at = 0
        """Here the next thing begins."""
        self._end = 0
        """Here ends what came."""
        self._lost = False
        """Between frames something else came: the next one must look like a frame."""
        self._garbage = 0
        self._clean = 0
        self.frames = 0
        """Media frames seen, wanted or not."""

    @property
    def garbage(self) -> int:
        """Bytes skipped lately."""
        return self._garbage

    def room(self) -> memoryview:
        """Where to receive; never empty. What is not read yet goes to the front: less than one frame, as a rule."""
        if self._parked:
            self._at, self._end = 0, len(self._parked)
            self._buffer[: self._end] = self._parked
            self._parked = b""
        waiting = self._end - self._at
        if self._at:
            self._buffer[:waiting] = self._buffer[self._at : self._end]
            self._at, self._end = 0, waiting
        return self._view[waiting:]

    def received(self, count: int) -> None:
        """So many bytes were put where `room` said."""
        self._end += count

    def park(self) -> None:
        """Somebody else has the buffer now: what is not read yet is kept beside it."""
        self._parked = self.rest()

    def rest(self) -> bytes:
        """What is not read yet; it is gone from here."""
        rest = self._parked + bytes(self._view[self._at : self._end])
        self._at = self._end = 0
        self._parked = b""
        return rest

    def take(self, handlers: Handlers, out: list[Item]) -> Message | None:
        """Hand on media frames as far as they are complete. Stops at the next message; None: more must come first."""
        while True:
            if not self._lost:
                self._frames(handlers, out)
            if self._end == self._at:
                return None
            if self._lost:
                if not self._find(handlers):
                    return None
            elif self._buffer[self._at] == _DOLLAR:
                return None
            elif self._buffer[self._at] in _BLANK:
                self._skip(1, self._clean)
            else:
                message = self._message()
                if message is not None or not self._lost:
                    return message

    def _frames(self, handlers: Handlers, out: list[Item]) -> None:
        """The hot path: 400 frames a second of each camera."""
        buffer, view, at, end, frames = self._buffer, self._view, self._at, self._end, 0
        while end - at >= 4 and buffer[at] == _DOLLAR:
            after = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if after > end:
                break
            handler = handlers[buffer[at + 1]]
            if handler is not None:
                handler(view, at + 4, after, out)
            at = after
            frames += 1
        self._at = at
        if frames:
            self.frames += frames
            self._clean += frames
            if self._clean >= CLEAN_FRAMES:
                self._garbage = 0

    def _skip(self, count: int, clean: int = 0) -> None:
        self._at += count
        self._garbage += count
        self._clean = clean
        if self._garbage > MAX_GARBAGE_BYTES:
            raise BadData(outcome.NO_RTSP)

    def _find(self, handlers: Handlers) -> bool:
        """Skip garbage up to what looks like a frame that is wanted, or like an answer. False: more must come first."""
        while True:
            dollar = self._buffer.find(b"$", self._at, self._end)
            # No further than the dollar: garbage may be full of them, and must not be searched through for each.
            text = self._buffer.find(b"RTSP/1.", self._at, dollar if dollar >= 0 else self._end)
            if text >= 0:
                self._skip(text - self._at)
                break
            if dollar < 0:
                self._skip(max(0, self._end - self._at - len(b"RTSP/1")))
                return False
            self._skip(dollar - self._at)
            if self._end - dollar < SEEN_BYTES:
                return False
            if self._looks_like_media(dollar, handlers):
                break
            self._skip(1)
        self._lost = False
        return True

    def _looks_like_media(self, at: int, handlers: Handlers) -> bool:
        buffer = self._buffer
        length = buffer[at + 2] << 8 | buffer[at + 3]
        return handlers[buffer[at + 1]] is not None and length >= 8 and buffer[at + 4] >> 6 == 2

    def _lose(self) -> None:
        """No message begins here after all."""
        self._lost = True
        self._skip(1)

    def _message(self) -> Message | None:
        """The message that begins here; None: it is not complete, or none (then the stream is lost)."""
        start, end = self._at, self._end
        if not _could_begin(bytes(self._view[start : min(end, start + MAX_METHOD_BYTES)])):
            self._lose()
            return None
        stop = _END_OF_HEAD.search(self._buffer, start, min(end, start + MAX_HEAD_BYTES))
        if stop is None:
            if end - start >= MAX_HEAD_BYTES:
                self._lose()
            return None
        first, headers = _head(bytes(self._view[start : stop.end()]))
        if first.startswith("HTTP/"):
            raise BadData(outcome.IN_HTTP)
        answered, asked = _ANSWER.match(first), _REQUEST.match(first)
        length = _body_length(headers)
        if not (answered or asked) or length is None:
            self._lose()
            return None
        if stop.end() + length > end:
            return None
        self._at = stop.end() + length
        if answered:
            return Answer(int(answered[1]), headers, bytes(self._view[stop.end() : self._at]))
        return Request(first.split(" ", 1)[0], headers)


def _could_begin(data: bytes) -> bool:
    """Whether a message begins like this, as far as it is known."""
    found = _WORD.match(data)
    word = found[0] if found else b""
    if len(word) == len(data) < MAX_METHOD_BYTES:
        return any(known.startswith(word) for known in _WORDS)
    return word in _WORDS and data[len(word) : len(word) + 1] == (b"/" if word in (b"RTSP", b"HTTP") else b" ")


def _head(data: bytes) -> tuple[str, Headers]:
    """Start line and headers. A line that goes on in the next (RFC 822) and lines that are none are lived with."""
    first, *lines = data.decode("utf-8", "replace").splitlines() or [""]
    values: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in lines[:MAX_HEADERS]:
        if line[:1] in (" ", "\t") and last:
            last[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = values.setdefault(name.strip().lower(), [])
            last.append(value.strip())
    return first, Headers(values)


def _body_length(headers: Headers) -> int | None:
    """0 where it is not said; None where it cannot be."""
    text = headers.get("Content-Length")
    return number(text, MAX_BODY_BYTES) if text else 0


SESSION_S: Final = 60
"""How long a session lives without a sign of life, where the camera does not say (RFC 2326 12.37)."""
MAX_SESSION_S: Final = 86_400
MAX_TRACKS: Final = 32
"""Of RTP-Info; as many as a description may have."""
MAX_RTP_INFO: Final = 4_096
"""Characters of RTP-Info; two tracks need 300."""
MAX_ID: Final = 256
"""Characters of a session's id; the longest seen had 36."""


@dataclass(frozen=True, slots=True)
class SessionHeader:
    id: str
    timeout_s: int | None
    """None where it is not said: most makes say it once, with the first SETUP."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the camera says that it will send."""

    udp: bool
    channels: tuple[int, int] | None
    """Interleaved: of RTP and RTCP."""
    server_ports: tuple[int, int] | None
    """UDP: where it sends from and listens."""
    source: str
    """UDP: the address it sends from, as it says; "" where it does not."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a track begins: one entry of RTP-Info."""

    url: str
    seq: int | None
    rtptime: int | None


def session(header: str) -> SessionHeader | None:
    """ "12345678;timeout=60" """
    name, _, rest = header.partition(";")
    name = name.strip()
    if not name or len(name) > MAX_ID:
        return None
    found = _TIMEOUT.search(rest)
    timeout_s = int(found[1]) if found else 0
    return SessionHeader(name, min(timeout_s, MAX_SESSION_S) or None)


def transport(header: str) -> Transport:
    """ "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0x6f7c;mode=\"PLAY\"" """
    kind, *parts = (part.strip() for part in header.partition(",")[0].split(";"))
    values: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        values.setdefault(name.strip().lower(), value.strip().strip('"'))
    channels = _pair(values.get("interleaved", ""), 255)
    udp = channels is None and bool(kind) and "TCP" not in kind.upper()
    return Transport(udp, channels, _pair(values.get("server_port", ""), 65_535), values.get("source", ""))


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    """ "4-5", or "4", which means the same."""
    first, _, second = text.partition("-")
    low = number(first, highest)
    if low is None:
        return None
    high = number(second, highest)
    return (low, high) if high is not None and high != low else (low, min(low + 1, highest))


def rtp_info(header: str, base: str) -> list[Beginning]:
    """ "url=trackID=1;seq=1;rtptime=0,url=…"; its URLs made absolute."""
    entries = _COMMA.split(header[:MAX_RTP_INFO].strip())[:MAX_TRACKS]
    return [_beginning(entry, base) for entry in entries if entry]


def _beginning(entry: str, base: str) -> Beginning:
    found = _URL.match(entry)
    rest = entry[found.end() :] if found else entry
    seq = _SEQ.search(rest)
    rtptime = _RTPTIME.search(rest)
    return Beginning(
        join(base, found[1].strip(' "')) if found else "",
        number(seq[1], 0xFFFF) if seq else None,
        number(rtptime[1], 0xFFFFFFFF) if rtptime else None,
    )


def beginning_of(control: str, beginnings: list[Beginning], *, alone: bool) -> Beginning | None:
    """That of the track with this control. Some cameras name it by another base; one alone by another track."""
    for one in beginnings:
        if one.url == control:
            return one
    for one in beginnings:
        if one.url.rsplit("/", 1)[-1] == control.rsplit("/", 1)[-1]:
            return one
    return beginnings[0] if alone and len(beginnings) == 1 else None
