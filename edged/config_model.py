"""The configuration as values: one class per table of the TOML file, closed and unchangeable.

Imports pydantic, edged.units and, for what the daemon derives from it, storage. Each field's first example is what a
message tells people to write. What concerns two values at once is checked in edged.config_rules.
"""

from __future__ import annotations

import hashlib
import json
import re
import zoneinfo
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from edged import units
from storage.model import Bounds

if TYPE_CHECKING:
    from storage.volume import VolumeSpec

PROFILES: Final = ("wenshan-household", "jiancheng-land", "taipei-police", "dahu-township", "nangang-school")
"""Offices whose rules edged knows by name."""
SEGMENT_MIN: Final = timedelta(seconds=2)
"""Shorter segments cost more in file names and commits than they hold."""
SEGMENT_MAX: Final = timedelta(hours=1)
"""A segment is destroyed whole: longer ones would keep an hour too much, or lose it to one bad file."""
MAX_LOSS_MIN: Final = timedelta(seconds=1)
"""Two syncs a second of each file are what a slow hard disk with 32 cameras can carry."""
MAX_LOSS_MAX: Final = timedelta(minutes=1)
"""More than a minute lost at a power cut is no longer a recorder."""
DEFAULT_RESERVE_PERCENT: Final = 5.0
"""A file system fuller than that slows down and fragments."""
MAX_RESERVE_PERCENT: Final = 90.0
"""Beyond it nothing would be left to record on."""
MAX_CAMERAS: Final = 256
"""Far above what one box can write; bounds what a pasted file can start."""
MAX_VOLUMES: Final = 64
MAX_NAME: Final = 64
"""Characters of a name that people read: a status line must hold it."""
MAX_PRIORITY: Final = 1_000
PATH_SECRET: Final = re.compile(r"(?i)(?:^|[/?&;_:=.-])(?:pass|passwd|password|pwd)=[^&/?_;]")
"""How cheap cameras want the password inside the path: /user=admin&password=…, /user=admin_password=…"""


def _refuse(problem: str, instead: str = "") -> PydanticCustomError:
    # The words are handed over as context, because pydantic would read braces in them as a template.
    return PydanticCustomError("edged", "{problem}", {"problem": problem, "instead": instead})


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise _refuse("must be a duration in quotes, with a unit")
    try:
        return units.parse_duration(value)
    except units.UnitError as error:
        raise _refuse(error.problem, error.instead) from None


def _size(value: Any) -> int:
    if not isinstance(value, str):
        raise _refuse("must be a size in quotes, with a unit")
    try:
        size = units.parse_size(value)
    except units.UnitError as error:
        raise _refuse(error.problem, error.instead) from None
    if size == 0:
        raise _refuse("must be more than nothing")
    return size


def _between(low: timedelta, high: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            span = f"{units.format_duration(low)} to {units.format_duration(high)}"
            raise _refuse(f"{units.format_duration(value)} is outside {span}", f"a duration from {span}")
        return value

    return AfterValidator(check)


def _whole_seconds(value: timedelta) -> timedelta:
    if value % timedelta(seconds=1):
        raise _refuse("must be whole seconds")
    return value


def _path(value: Any) -> Path:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise _refuse("must be an absolute path in quotes")
    if ".." in value.split("/"):
        raise _refuse('must not contain ".."', "the path as it really is")
    return Path(value)


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise _refuse("must be visible characters on one line")
    return value


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _refuse(f"{units.shown(value)} is not a time zone", 'a name like "Asia/Taipei"') from None
    return value


def _profile(value: str) -> str:
    if value not in PROFILES:
        raise _refuse(
            f"{units.shown(value)} is not a profile that edged knows", f"one of {', '.join(PROFILES)}, or leave it out"
        )
    return value


def _on_full(value: str) -> str:
    if value == "overwrite":
        raise _refuse(
            "overwriting footage that is younger than its floor is not built into this version",
            '"stop", and a shorter min, or a larger disk',
        )
    if value != "stop":
        raise _refuse(f"{units.shown(value)} is not a way to deal with a full disk", '"stop"')
    return value


def _reserve(value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse('must be in quotes: a percentage or a size, such as "5%" or "10GiB"')
    if not value.rstrip().endswith("%"):
        _size(value)
        return value
    number = value.rstrip()[:-1].strip()
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", number):
        raise _refuse(f"{units.shown(value)} is not a percentage")
    if float(number) > MAX_RESERVE_PERCENT:
        raise _refuse(f"{units.shown(value)} leaves too little to record on", f'at most "{MAX_RESERVE_PERCENT:.0f}%"')
    return value


def _url(value: str) -> str:
    """Checks without ever repeating the address: it may hold a password by mistake."""
    if not value.isprintable() or " " in value:
        raise _refuse("contains spaces or characters that cannot be typed")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refuse("is not an address that can be read") from None
    if parts.scheme not in ("rtsp", "rtsps", "test"):
        raise _refuse("must begin with rtsp://, rtsps:// or test://")
    if "@" in parts.netloc:
        raise _refuse(
            "carries a user or a password, which would be shown wherever the address is shown",
            'the address without them, and username = "…" and password_file = "…" beside it',
        )
    if PATH_SECRET.search(f"{parts.path}?{parts.query}#{parts.fragment}"):
        raise _refuse(
            "carries a password in its path, which would be shown wherever the address is shown",
            'the camera\'s address without a password, with username = "…" and password_file = "…" beside it',
        )
    if parts.scheme != "test" and not host:
        raise _refuse("names no host")
    if port == 0:
        raise _refuse("names port 0, which does not exist")
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:-]{1,253}", value) or "//" in value:
        raise _refuse("must be a host name or an address, without mqtt://, port, user or password")
    return value


def _pattern(pattern: str, words: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise _refuse(f"{units.shown(value)} must be {words}", words)
        return value

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Span = Annotated[Duration, AfterValidator(_whole_seconds)]
AbsolutePath = Annotated[Path, BeforeValidator(_path)]
Name = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(_printable)]
Size = Annotated[int, BeforeValidator(_size)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Word = Annotated[str, Field(max_length=255), AfterValidator(_printable)]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Site(Table):
    node: Annotated[str, _pattern("[a-z0-9-]{1,64}", "1 to 64 of a-z, 0-9 and -")] = Field(
        examples=['node = "wenshan-main"']
    )
    office: Annotated[str, _pattern("[a-z0-9-]{1,64}", "1 to 64 of a-z, 0-9 and -")] = Field(
        examples=['office = "wenshan"']
    )
    name: Name = Field(examples=['name = "文山區戶政事務所 所本部"'])
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        default="Asia/Taipei", examples=['timezone = "Asia/Taipei"']
    )
    profile: Annotated[str, AfterValidator(_profile)] | None = Field(
        default=None, examples=['profile = "wenshan-household"']
    )

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class Paths(Table):
    state: AbsolutePath = Field(default=Path("/var/lib/edged"), examples=['state = "/var/lib/edged"'])
    socket: AbsolutePath = Field(
        default=Path("/run/edged/control.sock"), examples=['socket = "/run/edged/control.sock"']
    )


class Volume(Table):
    path: AbsolutePath = Field(examples=['path = "/srv/edged"'])
    reserve: Annotated[str, BeforeValidator(_reserve)] = Field(
        default=f"{DEFAULT_RESERVE_PERCENT:g}%", examples=['reserve = "5%"']
    )
    max_bytes: Size | None = Field(default=None, examples=['max_bytes = "2TB"'])

    @property
    def reserve_percent(self) -> float | None:
        return float(self.reserve.rstrip()[:-1]) if self.reserve.rstrip().endswith("%") else None

    @property
    def reserve_bytes(self) -> int | None:
        return units.parse_size(self.reserve) if self.reserve_percent is None else None


class Recording(Table):
    segment: Annotated[Duration, _between(SEGMENT_MIN, SEGMENT_MAX)] = Field(
        default=timedelta(minutes=5), examples=['segment = "5m"']
    )
    max_loss: Annotated[Duration, _between(MAX_LOSS_MIN, MAX_LOSS_MAX)] = Field(
        default=timedelta(seconds=2), examples=['max_loss = "2s"']
    )


class Retention(Table):
    min: Span = Field(examples=['min = "31d"'])
    max: Span = Field(examples=['max = "365d"'])
    on_full: Annotated[str, AfterValidator(_on_full)] = Field(default="stop", examples=['on_full = "stop"'])


class CameraRetention(Table):
    min: Span | None = Field(default=None, examples=['min = "92d"'])
    max: Span | None = Field(default=None, examples=['max = "365d"'])


class Expect(Table):
    """What the camera ought to send; what is left out is not checked."""

    width: Annotated[int, Field(ge=16, le=16_384)] | None = Field(default=None, examples=["width = 1920"])
    height: Annotated[int, Field(ge=16, le=16_384)] | None = Field(default=None, examples=["height = 1080"])
    fps: Annotated[float, Field(gt=0, le=240)] | None = Field(default=None, examples=["fps = 10"])
    audio: bool | None = Field(default=None, examples=["audio = true"])


class Camera(Table):
    id: Annotated[str, _pattern("[a-z0-9-]{1,32}", "1 to 32 of a-z, 0-9 and -")] = Field(examples=['id = "lobby"'])
    name: Name = Field(default="", examples=['name = "大廳"'])
    """What people call it; its id where the file gives no name."""
    url: Annotated[str, Field(max_length=2_000), AfterValidator(_url)] = Field(
        examples=['url = "rtsp://10.0.0.11/stream1"']
    )
    username: Word | None = Field(default=None, examples=['username = "viewer"'])
    password_file: Word | None = Field(default=None, examples=['password_file = "lobby.password"'])
    password: SecretStr = Field(default=SecretStr(""), exclude=True, repr=False)
    """Filled in from password_file; the file itself may not have this key."""
    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY)] = Field(default=0, examples=["priority = 10"])
    retention: CameraRetention = Field(default=CameraRetention(), examples=['retention = { min = "92d" }'])
    expect: Expect = Field(
        default=Expect(), examples=["expect = { width = 1920, height = 1080, fps = 10, audio = true }"]
    )
    enabled: bool = Field(default=True, examples=["enabled = true"])


class Broker(Table):
    host: Annotated[str, AfterValidator(_host)] = Field(examples=['host = "127.0.0.1"'])
    port: Port = Field(default=1883, examples=["port = 1883"])
    username: Word | None = Field(default=None, examples=['username = "edged"'])
    password_file: Word | None = Field(default=None, examples=['password_file = "mqtt.password"'])
    password: SecretStr = Field(default=SecretStr(""), exclude=True, repr=False)


class Config(Table):
    """The effective configuration: defaults filled in, passwords resolved."""

    site: Site = Field(examples=["a [site] table"])
    paths: Paths = Field(default=Paths(), examples=["a [paths] table"])
    volumes: Annotated[list[Volume], Field(min_length=1, max_length=MAX_VOLUMES)] = Field(
        default_factory=lambda: [Volume(path=Path("/srv/edged"))], examples=["a [[volumes]] table"]
    )
    recording: Recording = Field(default=Recording(), examples=["a [recording] table"])
    retention: Retention = Field(
        examples=['a [retention] table with min = "31d" and max = "365d", as your rules demand']
    )
    cameras: Annotated[list[Camera], Field(max_length=MAX_CAMERAS)] = Field(
        default_factory=list, examples=["a [[cameras]] table for each camera"]
    )
    mqtt: Broker | None = Field(default=None, examples=["a [mqtt] table, or leave it out"])

    def bounds(self, camera_id: str) -> Bounds:
        """Floor and ceiling of one camera: its own where it has them, else (also for one that is gone) the site's."""
        own = next((camera.retention for camera in self.cameras if camera.id == camera_id), CameraRetention())
        floor = self.retention.min if own.min is None else own.min
        ceiling = self.retention.max if own.max is None else own.max
        return Bounds(floor // timedelta(seconds=1), ceiling // timedelta(seconds=1))

    def volume_specs(self) -> list[VolumeSpec]:
        """The volumes as storage wants to know them."""
        from storage.volume import VolumeSpec

        return [
            VolumeSpec(
                path=volume.path,
                reserve_percent=volume.reserve_percent,
                reserve_bytes=volume.reserve_bytes,
                max_bytes=volume.max_bytes,
            )
            for volume in self.volumes
        ]

    def config_hash(self) -> str:
        """SHA-256 of the effective configuration without secrets: two boxes with one hash are set up alike."""
        plain = self.model_dump(mode="json")
        return hashlib.sha256(
            json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        ).hexdigest()
