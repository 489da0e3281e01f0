"""What a camera says of its stream (SDP, RFC 4566), as far as a recorder needs it. Pure; standard library only.

Cameras write it with lines missing, doubled, in any order and with blanks at their ends: each line is read for itself,
and what makes no sense is left out. Nothing is raised: a description in which nothing can be found has no medias.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

MAX_MEDIAS: Final = 32
"""An NVR that offers all its profiles in one description has a dozen."""
MAX_LINES: Final = 2_048
"""Of 64 KiB of description; what is behind is left out."""

_STATIC: Final = {
    0: ("PCMU", 8_000, 1),
    3: ("GSM", 8_000, 1),
    4: ("G723", 8_000, 1),
    5: ("DVI4", 8_000, 1),
    8: ("PCMA", 8_000, 1),
    9: ("G722", 8_000, 1),
    10: ("L16", 44_100, 2),
    11: ("L16", 44_100, 1),
    14: ("MPA", 90_000, 1),
    18: ("G729", 8_000, 1),
    26: ("JPEG", 90_000, 1),
    32: ("MPV", 90_000, 1),
    33: ("MP2T", 90_000, 1),
}
"""Payload types whose meaning is fixed (RFC 3551) and that cameras use: encoding, clock rate, channels."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Media:
    """One track on offer."""

    kind: str
    """"video", "audio", "application"…"""
    payload_type: int
    encoding: str
    """Upper case: "H264", "H265", "MPEG4-GENERIC", "PCMU", "L16"…; fixed payload types (0, 8, 10, 11) resolved."""
    clock_rate: int
    channels: int
    """1 where it is not said."""
    fmtp: Mapping[str, str]
    """Keys in lower case; values as they are."""
    control: str
    """Absolute URL to SETUP."""


@dataclass(frozen=True, slots=True)
class Description:
    """A stream on offer."""

    control: str
    """Absolute URL of the whole, for PLAY."""
    medias: tuple[Media, ...]
    """In the order of the description; without those that listen instead of sending."""


@dataclass(slots=True)
class _Section:
    """A media's lines, or those before the first media."""

    fields: list[str] = field(default_factory=list)
    """Of the `m=` line."""
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> Iterator[str]:
        return (value for key, value in self.attributes if key == name)

    def first(self, name: str) -> str:
        return next(self.all(name), "")

    @property
    def kind(self) -> str:
        return self.fields[0].lower() if self.fields else ""

    @property
    def listens(self) -> bool:
        """It is for sound that we would send (ONVIF calls it a backchannel)."""
        return any(key == "sendonly" for key, _ in self.attributes)


def parse(body: bytes, base: str) -> Description:
    """Read a description; `base` is what its controls are relative to."""
    session, *sections = _sections(body.decode("utf-8", "replace"))
    # A camera that calls its picture "sendonly" means itself, and its sound as well.
    literal = not any(section.listens for section in sections if section.kind == "video")
    found = (_media(section, base) for section in sections if not (literal and section.listens))
    return Description(join(base, session.first("control")), tuple(media for media in found if media is not None))


def base_of(content_base: str, content_location: str, asked: str) -> str:
    """What controls are relative to (RFC 2326 C.1.1): what the camera named, if it is an address, or what was asked."""
    for given in (content_base.strip(), content_location.strip()):
        # Some leave out the scheme: "192.168.1.10:554/stream0/".
        address = given if _SCHEME.match(given) else f"{asked.partition('://')[0]}://{given}"
        if given and _is_address(address):
            return address
    return asked


def join(base: str, control: str) -> str:
    """As cameras mean it and players do it, not as RFC 3986 has it: what is relative is put behind the base whole,
    because a base may end with a query ("…/realmonitor?channel=1&subtype=0/" + "trackID=0")."""
    control = control.strip()
    if control in ("", "*"):
        return base
    if _SCHEME.match(control):
        return control if _is_address(control) else base
    if base.endswith("/"):
        return base + control.removeprefix("/")
    return base + control if control[0] in "/?" else f"{base}/{control}"


def _is_address(text: str) -> bool:
    if not text.isprintable() or any(character.isspace() for character in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme.lower() in ("rtsp", "rtspu", "rtsps") and bool(parts.hostname)
    except ValueError:
        return False


def _sections(text: str) -> list[_Section]:
    sections = [_Section()]
    for line in text.splitlines()[:MAX_LINES]:
        key, equals, value = line.strip(" \t\0").partition("=")
        if not equals:
            continue
        if key == "m":
            if len(sections) > MAX_MEDIAS:
                break
            sections.append(_Section(fields=value.split()))
        elif key == "a":
            name, _, rest = value.partition(":")
            sections[-1].attributes.append((name.strip().lower(), rest.strip()))
    return sections


def _media(section: _Section, base: str) -> Media | None:
    """None where the line cannot be understood; nobody could set that up."""
    if len(section.fields) < 4 or "RTP" not in section.fields[2].upper() or not _is_type(section.fields[3]):
        return None
    payload_type = int(section.fields[3])
    maps = [_numbered(value) for value in section.all("rtpmap")]
    forms = [_numbered(value) for value in section.all("fmtp")]
    encoding, rate, channels = _STATIC.get(payload_type, ("", 0, 1))
    named = next((value for number, value in maps if number == payload_type), "")
    if named:
        encoding, rate, channels = _mapped(named, encoding, rate)
    # The only form there is counts, even if it carries the number of another ("a=fmtp:62" for payload type 98).
    form = ";".join(value for number, value in forms if number == payload_type or len(forms) == 1)
    control = join(base, section.first("control"))
    return Media(section.kind, payload_type, encoding, rate, channels, _parameters(form), control)


def _is_type(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and int(text) < 128


def _numbered(value: str) -> tuple[int, str]:
    """ "96 H264/90000" → (96, "H264/90000"); -1 where there is no number."""
    number, _, rest = value.partition(" ")
    return int(number) if _is_type(number) else -1, rest.strip()


def _mapped(value: str, encoding: str, rate: int) -> tuple[str, int, int]:
    """ "mpeg4-generic/48000/2" → ("MPEG4-GENERIC", 48000, 2)."""
    name, *rest = (part.strip() for part in value.split("/"))
    numbers = [int(part) if part.isascii() and part.isdigit() and len(part) < 8 else 0 for part in rest]
    channels = numbers[1] if len(numbers) > 1 and numbers[1] else 1
    return name.upper() or encoding, (numbers[0] if numbers and numbers[0] else rate), channels


def _parameters(form: str) -> dict[str, str]:
    """ "a=1; B=2;" → {"a": "1", "b": "2"}; of two with one name the first."""
    parameters: dict[str, str] = {}
    for part in form.split(";"):
        key, equals, value = part.strip().partition("=")
        if equals:
            parameters.setdefault(key.strip().lower(), value.strip())
    return parameters
