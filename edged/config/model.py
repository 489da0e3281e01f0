"""The configuration as values: one class per table of the TOML file, closed and unchangeable.

Imports pydantic, the value types and, for what the daemon derives from it, storage. The first example of a field is
what a message tells people to write. What concerns two values at once is checked in edged.config.rules.
"""

from __future__ import annotations

import hashlib
import json
import zoneinfo
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from edged.words.roles import Assignment, Role
from edged.words.value_types import (
    DEFAULT_SOCKET,
    DEFAULT_STATE,
    DEFAULT_TIMEZONE,
    DEFAULT_VOLUME,
    AbsolutePath,
    CommandVerb,
    Day,
    Duration,
    Fingerprint,
    Group,
    Host,
    Name,
    OfficeUnit,
    OnFull,
    Port,
    Profile,
    PublicKey,
    Reserve,
    Share,
    Size,
    SocketPath,
    Span,
    TimeZone,
    Url,
    Word,
    between,
    identifier,
    parse_reserve,
    parse_share,
    public_key,
)
from mqtt import commands
from mqtt.commands import Verb
from mqtt.tls import Files
from storage.pins.rules import Limits
from storage.retention.plan import Policy
from storage.volumes.volume import VolumeSpec
from storage.words.message import message
from storage.words.model import Bounds

MAX_NODE: Final = 64
"""Characters; also the MQTT client id, of which every broker in use takes as many."""
MAX_ID: Final = 32
"""Characters of a camera's id: a column on the screen, a directory on the disk."""
SEGMENT_MIN: Final = timedelta(seconds=2)
"""Shorter segments cost more in file names and commits than they hold."""
SEGMENT_MAX: Final = timedelta(hours=1)
"""A segment is destroyed whole: longer ones would keep an hour too much, or lose it to one bad file."""
MAX_LOSS_MIN: Final = timedelta(milliseconds=1500)
"""A worker holds up to 0.65 s in memory (recorder.words.messages.HELD_MS), and a slow sync takes 0.6 s
(edged.cameras.SYNC_ITSELF_MS): what is left is between two syncs."""
MAX_LOSS_MAX: Final = timedelta(minutes=1)
"""More than a minute lost at a power cut is no longer a recorder."""
DEFAULT_RESERVE_PERCENT: Final = 5.0
"""A file system fuller than that slows down and fragments."""
PIN_MIN: Final = timedelta(hours=1)
"""Shorter than that nobody could approve it."""
PIN_MAX: Final = timedelta(days=3650)
"""Ten years: longer than any file is kept."""
MAX_CAMERAS: Final = 256
"""Far above what one box can write; bounds what a pasted file can start."""
MAX_VOLUMES: Final = 64
MAX_GROUPS: Final = 32
"""That have one role: each is looked up at each call."""
MAX_COMMANDERS: Final = 32
"""Desks of the centre, with an old and a new key each while they change."""
MAX_CALENDARS: Final = 16
"""Of a year each."""
MAX_PRIORITY: Final = 1_000
MQTT_PORT: Final = 1883
MQTTS_PORT: Final = 8883
"""The ports that IANA has for MQTT, and for MQTT over TLS."""


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Site(Table):
    node: Annotated[str, identifier(MAX_NODE)] = Field(examples=['node = "wenshan-main"'])
    office: Annotated[str, identifier(MAX_NODE)] = Field(examples=['office = "wenshan"'])
    name: Name = Field(examples=['name = "文山區戶政事務所 所本部"'])
    timezone: TimeZone = Field(default=DEFAULT_TIMEZONE, examples=['timezone = "Asia/Taipei"'])
    profile: Profile | None = Field(default=None, examples=['profile = "wenshan-household"'])

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class Paths(Table):
    state: AbsolutePath = Field(default=DEFAULT_STATE, examples=['state = "/var/lib/edged"'])
    socket: SocketPath = Field(default=DEFAULT_SOCKET, examples=['socket = "/run/edged/control.sock"'])


class VolumeConfig(Table):
    path: AbsolutePath = Field(examples=['path = "/srv/edged"'])
    reserve: Reserve = Field(default=f"{DEFAULT_RESERVE_PERCENT:g}%", examples=['reserve = "5%"'])
    max_bytes: Size | None = Field(default=None, examples=['max_bytes = "2TB"'])

    def spec(self) -> VolumeSpec:
        """As storage wants to know it."""
        percent, size = parse_reserve(self.reserve)
        return VolumeSpec(path=self.path, reserve_percent=percent, reserve_bytes=size, max_bytes=self.max_bytes)


class Recording(Table):
    segment: Annotated[Duration, between(SEGMENT_MIN, SEGMENT_MAX)] = Field(
        default=timedelta(minutes=5), examples=['segment = "5m"']
    )
    max_loss: Annotated[Duration, between(MAX_LOSS_MIN, MAX_LOSS_MAX)] = Field(
        default=timedelta(seconds=2), examples=['max_loss = "2s"']
    )

    @property
    def segment_ms(self) -> int:
        return self.segment // timedelta(milliseconds=1)


class RetentionConfig(Table):
    min: Span = Field(examples=['min = "31d"'])
    max: Span = Field(examples=['max = "365d"'])
    on_full: OnFull = Field(default="stop", examples=['on_full = "stop"'])


class Pins(Table):
    """What one may keep out of the ring."""

    default: Annotated[Span, between(PIN_MIN, PIN_MAX)] = Field(
        default=timedelta(days=30), examples=['default = "30d"']
    )
    max: Annotated[Span, between(PIN_MIN, PIN_MAX)] = Field(default=timedelta(days=180), examples=['max = "180d"'])
    share: Share = Field(default="30%", examples=['share = "30%"'])

    def limits(self) -> Limits:
        """As storage wants to know them."""
        return Limits(self.max // timedelta(milliseconds=1), parse_share(self.share))


Groups = Annotated[list[Group], Field(max_length=MAX_GROUPS)]


class Roles(Table):
    """Which groups of this box have which role (`edged.words.roles`)."""

    viewer: Groups = Field(default_factory=list, examples=['viewer = ["cctv-view"]'])
    operator: Groups = Field(default_factory=list, examples=['operator = ["cctv"]'])
    authority: Annotated[Groups, Field(min_length=1)] = Field(examples=['authority = ["cctv-authority"]'])
    auditor: Groups = Field(default_factory=list, examples=['auditor = ["ethics"]'])
    technician: Groups = Field(default_factory=list, examples=['technician = ["cctv-tech"]'])

    def assignment(self) -> Assignment:
        """As the guard wants to know it."""
        return {role: tuple(getattr(self, role)) for role in Role}


class OfficeConfig(Table):
    """調閱: what answering a request takes."""

    calendars: Annotated[list[Word], Field(max_length=MAX_CALENDARS)] = Field(
        default_factory=list, examples=['calendars = ["calendar/115.csv"]']
    )
    """Absolute once the configuration is complete."""
    viewings: AbsolutePath | None = Field(default=None, examples=['viewings = "/srv/viewings"'])
    """Of viewing copies and nothing else; None: `Config.viewings` says where."""
    papers: AbsolutePath | None = Field(default=None, examples=['papers = "/etc/edged/papers"'])
    """Where the office's own templates lie, of forms that its regulation does not contain."""


class CameraRetentionConfig(Table):
    min: Span | None = Field(default=None, examples=['min = "92d"'])
    max: Span | None = Field(default=None, examples=['max = "365d"'])


class Expect(Table):
    """What the camera ought to send; what is left out is not checked."""

    width: Annotated[int, Field(ge=16, le=16_384)] | None = Field(default=None, examples=["width = 1920"])
    height: Annotated[int, Field(ge=16, le=16_384)] | None = Field(default=None, examples=["height = 1080"])
    fps: Annotated[float, Field(gt=0, le=240)] | None = Field(default=None, examples=["fps = 10"])
    pixels: Annotated[int, Field(ge=256, le=36_000_000)] | None = Field(default=None, examples=["pixels = 1000000"])
    """At least so many."""
    codec: Literal["h264", "h265"] | None = Field(default=None, examples=['codec = "h264"'])
    colour: bool | None = Field(default=None, examples=["colour = true"])
    """By day; at night grey is no fault."""
    audio: bool | None = Field(default=None, examples=["audio = true"])


class CameraConfig(Table):
    id: Annotated[str, identifier(MAX_ID)] = Field(examples=['id = "lobby"'])
    name: Name = Field(default="", examples=['name = "大廳"'])
    """What people call it; its id where the file gives no name."""
    unit: OfficeUnit = Field(default="", examples=['unit = "戶籍登記課"'])
    """Whose camera it is (N3); "": the whole office's."""
    url: Url = Field(examples=['url = "rtsp://10.0.0.11/stream1"'])
    username: Word | None = Field(default=None, examples=['username = "viewer"'])
    password_file: Word | None = Field(default=None, examples=['password_file = "lobby.password"'])
    password: SecretStr = Field(default=SecretStr(""), exclude=True, repr=False)
    """Filled in from password_file; the file itself may not have this key."""
    certificate: Fingerprint | None = Field(default=None, examples=['certificate = "sha256:…"'])
    ca_file: Word | None = Field(default=None, examples=['ca_file = "cameras.pem"'])
    """Absolute once the configuration is complete; in the file relative to its directory, like password_file."""
    priority: Annotated[int, Field(ge=0, le=MAX_PRIORITY)] = Field(default=0, examples=["priority = 10"])
    retention: CameraRetentionConfig = Field(default=CameraRetentionConfig(), examples=['retention = { min = "92d" }'])
    expect: Expect = Field(
        default=Expect(), examples=["expect = { width = 1920, height = 1080, fps = 10, audio = true }"]
    )
    duty_desk: bool = Field(default=False, examples=["duty_desk = true"])
    """值勤臺或受理民眾報案地點: sound is expected there unless the file says otherwise (P2)."""
    enabled: bool = Field(default=True, examples=["enabled = true"])


class BrokerConfig(Table):
    """Without `ca_file` in plain text; `certificate` and `key_file` are how the broker knows this box."""

    host: Host = Field(examples=['host = "127.0.0.1"'])
    port: Port = Field(default=MQTT_PORT, examples=["port = 1883"])
    ca_file: Word | None = Field(default=None, examples=['ca_file = "mqtt/ca.crt"'])
    certificate: Word | None = Field(default=None, examples=['certificate = "mqtt/wenshan-main.crt"'])
    key_file: Word | None = Field(default=None, examples=['key_file = "mqtt/wenshan-main.key"'])
    """These three are absolute once the configuration is complete."""
    username: Word | None = Field(default=None, examples=['username = "edged"'])
    password_file: Word | None = Field(default=None, examples=['password_file = "mqtt.password"'])
    password: SecretStr = Field(default=SecretStr(""), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _with_the_port_of_tls(cls, table: Any) -> Any:
        return {"port": MQTTS_PORT, **table} if isinstance(table, Mapping) and "ca_file" in table else table

    def files(self) -> Files | None:
        """What TLS is made with; None where there is none."""
        return Files(self.ca_file, self.certificate or "", self.key_file or "") if self.ca_file else None


class Commander(Table):
    """A key of the centre that may command this box (docs/commands.md)."""

    name: Annotated[str, identifier(MAX_ID)] = Field(examples=['name = "city-noc"'])
    key: PublicKey = Field(
        examples=[
            message("config.public-key.example", 'key = "ed25519:…", the line that `edged-command keygen` prints')
        ]
    )
    verbs: Annotated[list[CommandVerb], Field(min_length=1, max_length=len(Verb))] = Field(
        examples=['verbs = ["status", "rebirth", "alarm-ack"]']
    )
    until: Day | None = Field(default=None, examples=['until = "2027-01-31"'])
    """The last day on which it is good, in site time."""

    def known(self, zone: zoneinfo.ZoneInfo) -> commands.Commander:
        """As commands are judged by it."""
        until_ms = None
        if self.until is not None:
            end = datetime.combine(self.until + timedelta(days=1), time(), zone)
            until_ms = round(end.timestamp() * 1000)
        verbs = frozenset(Verb(verb) for verb in self.verbs)
        return commands.Commander(self.name, public_key(self.key), verbs, until_ms)


_OF_THE_SITE: Final = CameraRetentionConfig()
_SECOND: Final = timedelta(seconds=1)


class Config(Table):
    """The effective configuration: defaults filled in, passwords resolved."""

    site: Site = Field(examples=[message("config.site.example", "a [site] table")])
    paths: Paths = Field(default=Paths(), examples=[message("config.paths.example", "a [paths] table")])
    volumes: Annotated[list[VolumeConfig], Field(min_length=1, max_length=MAX_VOLUMES)] = Field(
        default_factory=lambda: [VolumeConfig(path=DEFAULT_VOLUME)],
        examples=[message("config.volumes.example", "a [[volumes]] table")],
    )
    recording: Recording = Field(
        default=Recording(), examples=[message("config.recording.example", "a [recording] table")]
    )
    retention: RetentionConfig = Field(
        examples=[
            message(
                "config.retention.example",
                'a [retention] table with min = "31d" and max = "365d", as your rules demand',
            )
        ]
    )
    pins: Pins = Field(default=Pins(), examples=[message("config.pins.example", "a [pins] table")])
    roles: Roles | None = Field(
        default=None, examples=[message("config.roles.example", "a [roles] table, or leave it out")]
    )
    office: OfficeConfig = Field(
        default=OfficeConfig(), examples=[message("config.office.example", "an [office] table, or leave it out")]
    )
    cameras: Annotated[list[CameraConfig], Field(max_length=MAX_CAMERAS)] = Field(
        default_factory=list,
        examples=[message("config.cameras.example", "a [[cameras]] table for each camera")],
    )
    mqtt: BrokerConfig | None = Field(
        default=None, examples=[message("config.mqtt.example", "a [mqtt] table, or leave it out")]
    )
    commanders: Annotated[list[Commander], Field(max_length=MAX_COMMANDERS)] = Field(
        default_factory=list,
        examples=[
            message("config.commanders.example", "a [[commanders]] table for each key of the centre, or leave them out")
        ],
    )

    @property
    def viewings(self) -> Path:
        """Where viewing copies lie: beside the state directory, which whoever looks at one may not enter."""
        return self.office.viewings or self.paths.state.with_name(f"{self.paths.state.name}-viewings")

    def known_keys(self) -> commands.Commanders:
        """The keys of the centre, by their ids."""
        found = [commander.known(self.site.zone) for commander in self.commanders]
        return {commander.key_id: commander for commander in found}

    def bounds(self, camera_id: str) -> Bounds:
        """Floor and ceiling of one camera: its own where it has them, else (also for one that is gone) the site's."""
        own = next((camera.retention for camera in self.cameras if camera.id == camera_id), _OF_THE_SITE)
        floor = self.retention.min if own.min is None else own.min
        ceiling = self.retention.max if own.max is None else own.max
        return Bounds(floor // _SECOND, ceiling // _SECOND)

    def policy(self) -> Policy:
        """What the sweep has to know."""
        bounds = {camera.id: self.bounds(camera.id) for camera in self.cameras}
        return Policy(bounds, overwrite=self.retention.on_full == "overwrite")

    def assignment(self) -> Assignment | None:
        """Which groups have which role; None where that is not said, so that root may do all."""
        return None if self.roles is None else self.roles.assignment()

    def volume_specs(self) -> list[VolumeSpec]:
        """The volumes as storage wants to know them."""
        return [volume.spec() for volume in self.volumes]

    def config_hash(self) -> str:
        """SHA-256 of the effective configuration without secrets: two boxes with one hash are set up alike."""
        plain = self.model_dump(mode="json")
        return hashlib.sha256(
            json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        ).hexdigest()
