"""The kinds of values in a configuration: durations, sizes, paths, addresses, names; each says what is wrong in words.

Imports pydantic, edged.words.units and recorder.words.address. The checks never repeat an address, which may hold a
password by mistake.

Where things are unless the configuration or an option says otherwise stands here, too.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import unicodedata
import zoneinfo
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from edged.words import units
from recorder.words.address import plain_host
from storage.words.message import NOTHING, Message, message

PROFILES: Final = ("wenshan-household", "jiancheng-land", "taipei-police", "dahu-township", "nangang-school")
"""Offices whose rules edged knows by name."""
MAX_RESERVE_PERCENT: Final = 90.0
"""Beyond it nothing would be left to record on."""
MAX_NAME: Final = 64
"""Characters of a name that people read: a status line must hold it."""
MAX_WORD: Final = 255
"""Characters of a user or a file name: what file systems and cameras take at most."""
MAX_GROUP: Final = 32
"""Characters of a group's name: what useradd and Debian allow (LOGIN_NAME_MAX is longer, tools are not)."""
MAX_SOCKET_BYTES: Final = 107
"""What fits into sockaddr_un (unix(7)) with its closing NUL."""
MAX_URL: Final = 2_000
"""Characters: a message to a worker must stay small."""
KEY_PREFIX: Final = "ed25519:"
"""Of a public key of the centre; 32 bytes in base64 follow."""
KEY_BYTES: Final = 32
FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2199
WEAK_KEYS: Final = frozenset(
    bytes.fromhex(key)
    for key in (
        "00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    )
)  # fmt: skip
"""Points of small order, without their sign: a signature that holds for one can be made without any key."""
ZONED: Final = r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*%[0-9A-Za-z._~-]{1,15}"
"""An IPv6 address and the interface behind which it is good; the kernel's names are no longer."""
PATH_SECRET: Final = re.compile(r"(?i)(?:^|[/?&;_:=.-])(?:pass|passwd|password|pwd)=[^&/?_;]")
"""How cheap cameras want the password inside the path: /user=admin&password=…, /user=admin_password=…"""


def _refuse(problem: Message, instead: Message = NOTHING) -> PydanticCustomError:
    # The words are handed over as context, because pydantic would read braces in them as a template.
    return PydanticCustomError("edged", "{problem}", {"problem": problem, "instead": instead})


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise _refuse(message("config.duration-unquoted", "must be a duration in quotes, with a unit"))
    try:
        return units.parse_duration(value)
    except units.UnitError as error:
        raise _refuse(error.problem, error.instead) from None


def _size(value: Any) -> int:
    if not isinstance(value, str):
        raise _refuse(message("config.size-unquoted", "must be a size in quotes, with a unit"))
    try:
        size = units.parse_size(value)
    except units.UnitError as error:
        raise _refuse(error.problem, error.instead) from None
    if size == 0:
        raise _refuse(message("config.size-nothing", "must be more than nothing"))
    return size


def between(low: timedelta, high: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            least, most = units.format_duration(low), units.format_duration(high)
            raise _refuse(
                message(
                    "config.duration-outside",
                    "{value} is outside {least} to {most}",
                    value=units.format_duration(value),
                    least=least,
                    most=most,
                ),
                message("config.duration-outside.instead", "a duration from {least} to {most}", least=least, most=most),
            )
        return value

    return AfterValidator(check)


def _whole_seconds(value: timedelta) -> timedelta:
    if value % timedelta(seconds=1):
        raise _refuse(message("config.whole-seconds", "must be whole seconds"))
    return value


def _path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise _refuse(message("config.path", "must be an absolute path in quotes"))
    if ".." in value.split("/"):
        raise _refuse(
            message("config.path-upwards", 'must not contain ".."'),
            message("config.path-upwards.instead", "the path as it really is"),
        )
    return Path(value)


def _socket_path(value: Path) -> Path:
    if len(os.fsencode(value)) > MAX_SOCKET_BYTES:
        raise _refuse(
            message(
                "config.socket-long",
                "is longer than the {limit} bytes that the name of a socket may have",
                limit=MAX_SOCKET_BYTES,
            ),
            message("config.socket-long.instead", "a shorter path"),
        )
    return value


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise _refuse(message("config.not-printable", "must be visible characters on one line"))
    return value


def _one_spelling(value: str) -> str:
    """What looks the same is the same."""
    return unicodedata.normalize("NFC", value.strip())


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _refuse(
            message("config.timezone", "{value} is not a time zone", value=units.shown(value)),
            message("config.timezone.instead", 'a name like "Asia/Taipei"'),
        ) from None
    return value


def _profile(value: str) -> str:
    if value not in PROFILES:
        raise _refuse(
            message("config.profile", "{value} is not a profile that edged knows", value=units.shown(value)),
            message("config.one-of", "one of {known}, or leave it out", known=list(PROFILES)),
        )
    return value


def _on_full(value: str) -> str:
    if value not in ("stop", "overwrite"):
        raise _refuse(
            message("config.on-full", "{value} is not a way to deal with a full disk", value=units.shown(value)),
            message("config.on-full.instead", '"stop" or "overwrite"'),
        )
    return value


def parse_reserve(text: str) -> tuple[float | None, int | None]:
    """ "5%" → (5.0, None); "10GiB" → (None, 10737418240)."""
    if not text.rstrip().endswith("%"):
        return None, _size(text)
    number = text.rstrip()[:-1].strip()
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", number):
        raise _refuse(_no_percentage(text))
    if float(number) > MAX_RESERVE_PERCENT:
        raise _refuse(
            message("config.reserve-high", "{value} leaves too little to record on", value=units.shown(text)),
            message("config.reserve-high.instead", 'at most "{most}%"', most=MAX_RESERVE_PERCENT),
        )
    return float(number), None


def _no_percentage(text: str) -> Message:
    return message("config.no-percentage", "{value} is not a percentage", value=units.shown(text))


def _reserve(value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(
            message("config.reserve-unquoted", 'must be in quotes: a percentage or a size, such as "5%" or "10GiB"')
        )
    parse_reserve(value)
    return value


def parse_share(text: str) -> float:
    """ "30%" → 30.0."""
    number = text.strip().removesuffix("%").strip()
    if not text.strip().endswith("%") or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", number) or float(number) > 100:
        raise _refuse(_no_percentage(text), message("config.share.instead", 'a share of each volume, such as "30%"'))
    return float(number)


def _share(value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(message("config.share-unquoted", 'must be in quotes: a percentage, such as "30%"'))
    parse_share(value)
    return value


def _url(value: str) -> str:
    """Checks without ever repeating the address: it may hold a password by mistake."""
    if not value.isprintable() or " " in value:
        raise _refuse(message("config.url-characters", "contains spaces or characters that cannot be typed"))
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refuse(message("config.url-unreadable", "is not an address that can be read")) from None
    if parts.scheme not in ("rtsp", "rtsps", "test"):
        raise _refuse(message("config.url-scheme", "must begin with rtsp://, rtsps:// or test://"))
    if "@" in parts.netloc:
        raise _refuse(
            message(
                "config.url-login",
                "carries a user or a password, which would be shown wherever the address is shown",
            ),
            message(
                "config.url-login.instead",
                'the address without them, and username = "…" and password_file = "…" beside it',
            ),
        )
    if PATH_SECRET.search(f"{parts.path}?{parts.query}#{parts.fragment}"):
        raise _refuse(
            message(
                "config.url-password",
                "carries a password in its path, which would be shown wherever the address is shown",
            ),
            message(
                "config.url-password.instead",
                'the camera\'s address without a password, with username = "…" and password_file = "…" beside it',
            ),
        )
    if parts.scheme != "test" and not host:
        raise _refuse(message("config.url-host", "names no host"))
    if port == 0:
        raise _refuse(message("config.url-port", "names port 0, which does not exist"))
    if "%" in (found := plain_host(host or "")) and not re.fullmatch(ZONED, found):
        raise _refuse(
            message("config.url-interface", "names something behind % that cannot be an interface"),
            message(
                "config.url-interface.instead",
                "the name that `ip link` shows, behind %25, and only with an IPv6 address: "
                '"rtsp://[fe80::1%25eth0]/stream1"',
            ),
        )
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", value) or "//" in value:
        raise _refuse(
            message("config.host", "must be a host name or an address, without mqtt://, port, user or password")
        )
    return value


def _group(value: str) -> str:
    """What getent takes for one: no colon and no comma, which /etc/group is made of."""
    if not re.fullmatch(r"[^:,/]+", value) or not value.isprintable() or value != value.strip():
        raise _refuse(
            message("config.group", "{value} is not the name of a group", value=units.shown(value)),
            message("config.group.instead", 'a group of this box, such as "cctv"'),
        )
    if value.isdecimal():
        raise _refuse(
            message("config.group-number", "{value} is a number", value=units.shown(value)),
            message("config.group-number.instead", "the name of the group: `getent group` shows both"),
        )
    return value


def _fingerprint(value: str) -> str:
    """As `openssl x509 -fingerprint -sha256` prints it, or without colons."""
    digits = value.strip().lower().removeprefix("sha256:").removeprefix("sha256 fingerprint=").replace(":", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise _refuse(
            message("config.fingerprint", "is not the SHA-256 fingerprint of a certificate"),
            message("config.fingerprint.instead", '"sha256:" and 64 hexadecimal digits'),
        )
    return f"sha256:{digits}"


def public_key(text: str) -> bytes:
    """ "ed25519:…" → 32 bytes."""
    return base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)


def _public_key(value: str) -> str:
    instead = message("config.public-key.instead", '"ed25519:…", the line that `edged-command keygen` prints')
    try:
        key = public_key(value)
    except (binascii.Error, ValueError):
        key = b""
    # Base64 has bits to spare: written otherwise, the same key would be another one to whoever compares texts.
    if len(key) != KEY_BYTES or value != KEY_PREFIX + base64.b64encode(key).decode():
        raise _refuse(message("config.public-key", "is not a public key of Ed25519"), instead)
    if bytes((*key[:-1], key[-1] & 0x7F)) in WEAK_KEYS:
        raise _refuse(message("config.public-key-weak", "is a key that anybody can sign for"), instead)
    return value


def _command_verb(value: str) -> str:
    from mqtt.commands import Verb  # noqa: PLC0415  it loads cryptography, which most verbs of edgectl do without

    if value not in set(Verb):
        raise _refuse(
            message("config.verb", "{value} is nothing that a box can be told to do", value=units.shown(value)),
            message("config.verb.instead", "some of {known}", known=[verb.value for verb in Verb]),
        )
    return value


def _day(value: Any) -> date:
    try:
        day = value if type(value) is date else date.fromisoformat(value)
    except (TypeError, ValueError):
        day = date.min
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _refuse(
            message("config.day", "is not a day of the years {first} to {last}", first=FIRST_YEAR, last=LAST_YEAR),
            message("config.day.instead", 'one such as "2027-01-31"'),
        )
    return day


def identifier(longest: int) -> AfterValidator:
    """What names files, topics and rows: safe in all of them."""

    def check(value: str) -> str:
        if not re.fullmatch(f"[a-z0-9-]{{1,{longest}}}", value):
            near = near_identifier(value, longest)
            own = message(
                "config.identifier.instead", "a name of your own, 1 to {longest} of a-z, 0-9 and -", longest=longest
            )
            raise _refuse(
                message(
                    "config.identifier",
                    "{value} is not 1 to {longest} of a-z, 0-9 and -",
                    value=units.shown(value),
                    longest=longest,
                ),
                Message(units.quoted(near)) if near else own,
            )
        return value

    return AfterValidator(check)


def near_identifier(value: str, longest: int) -> str:
    """What was probably meant: "gate-2" of "Gate 2!"; "" where nothing of it is left, as of "大門"."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:longest].rstrip("-")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Span = Annotated[Duration, AfterValidator(_whole_seconds)]
AbsolutePath = Annotated[Path, BeforeValidator(_path)]
SocketPath = Annotated[AbsolutePath, AfterValidator(_socket_path)]
Name = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_printable)]
Size = Annotated[int, BeforeValidator(_size)]
Port = Annotated[int, Field(ge=1, le=65_535)]
OfficeUnit = Annotated[Name, AfterValidator(_one_spelling)]
Word = Annotated[str, Field(max_length=MAX_WORD), AfterValidator(_printable)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
Profile = Annotated[str, AfterValidator(_profile)]
OnFull = Annotated[str, AfterValidator(_on_full)]
Share = Annotated[str, BeforeValidator(_share)]
Reserve = Annotated[str, BeforeValidator(_reserve)]
Group = Annotated[str, Field(max_length=MAX_GROUP), AfterValidator(_group)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Url = Annotated[str, Field(max_length=MAX_URL), AfterValidator(_url)]
PublicKey = Annotated[str, AfterValidator(_public_key)]
CommandVerb = Annotated[str, AfterValidator(_command_verb)]
Day = Annotated[date, BeforeValidator(_day)]
Host = Annotated[str, AfterValidator(_host)]


ACCOUNT: Final = "edged"
"""Which runs the daemon (systemd/edged.sysusers.conf)."""
UNIT: Final = "edged.service"
DEFAULT_CONFIG: Final = Path("/etc/edged/edged.toml")
DEFAULT_TIMEZONE: Final = "Asia/Taipei"
DEFAULT_STATE: Final = Path("/var/lib/edged")
DEFAULT_SOCKET: Final = Path("/run/edged/control.sock")
DEFAULT_VOLUME: Final = Path("/srv/edged")
