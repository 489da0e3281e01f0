"""What concerns two values of a configuration at once, or the machine it is read on.

The rules look at the raw tables, so that one wrong value does not hide the others: what cannot be read is skipped
here, because the model has already complained of it. `apply` has all that need no complete configuration. Volumes: what
is odd about each, and whether all together hold the floors.

[mqtt] and TLS: what belongs together in the table, and what the files hold that it names. The files are no part of the
configuration as such: certificates run out, and a box must record whatever has become of them. So `config check` and a
reload refuse mistakes in them, and a start only tells them (`mqtt.tls.Keyring`).

The profile: what falls short of the regulation of the office, each clause that is broken in its own words. A profile
stands above what a camera says of itself. Where a role, a pin or a picture is left to its default, that default is what
is judged.
"""

from __future__ import annotations

import ipaddress
import itertools
import os
import ssl
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from pydantic import SecretStr

from edged.config import secrets
from edged.config.model import MQTT_PORT, MQTTS_PORT, BrokerConfig, CameraConfig, Config, Pins, VolumeConfig
from edged.config.problem import ConfigMistake, Location, key_path
from edged.host import accounts
from edged.host.file_access import FileReader, barred
from edged.profiles.loader import PROFILES, Profile, ProfileClause, profile
from edged.words import units
from edged.words.value_types import DEFAULT_STATE, DEFAULT_VOLUME
from mqtt import tls
from mqtt.tls import KEYS, WARN_MS, CertificateFault, Weight, day
from recorder.words.address import Target
from storage.words.message import Message, message

Raw = Mapping[str, Any]
"""A table as it stands in the file."""
Tell = Callable[[Location, Message, Message], None]
"""Takes a location, what is wrong there and what to write or do instead."""
Short = tuple[Location, Message, Message]
"""Where it falls short, how, and what to write instead."""
PINS: Final = Pins()
"""What holds where the file says nothing."""
_DEFAULT_PIN: Final = units.format_duration(PINS.default)
ASSUMED_BPS: Final = 2_000_000
"""Of a camera of which the configuration says nothing: a picture of 1080 lines, a dozen a second, of a still room."""
BITS_PER_PIXEL: Final = 0.08
"""Of a camera whose size or images a second are expected: what cameras are set to by their makers, or a little less."""
USUAL_SIZE: Final = (1920, 1080)
USUAL_FPS: Final = 15.0


@dataclass(slots=True)
class Findings:
    """What the rules found; `passwords` by place, for the configuration that comes of it."""

    file: str
    raw: Raw
    problems: list[ConfigMistake] = field(default_factory=list)
    warnings: list[ConfigMistake] = field(default_factory=list)
    passwords: dict[Location, SecretStr] = field(default_factory=dict)

    def problem(self, location: Location, problem: Message, instead: Message) -> None:
        self.problems.append(ConfigMistake(self.file, key_path(location, self.raw), problem, instead))

    def warn(self, location: Location, problem: Message, instead: Message) -> None:
        self.warnings.append(ConfigMistake(self.file, key_path(location, self.raw), problem, instead))


def apply(
    findings: Findings,
    directory: Path,
    environ: Mapping[str, str],
    in_force: str | None,
    handed: Collection[str] = frozenset(),
) -> None:
    """Every rule that needs no complete configuration.

    `in_force`: the profile that a running daemon keeps to; `handed`: credentials that systemd hands to it alone.
    """
    _one_camera_per_id(findings)
    _floors_below_ceilings(findings)
    _pins_within_bounds(findings)
    _operators_are_no_authorities(findings)
    _one_commander_per_key(findings)
    refuse_against_profile(findings.problem, findings.raw, in_force)
    _volumes_apart(findings)
    _camera_certificates(findings, directory)
    _passwords(findings, directory, environ, handed)
    link_belongs_together(findings.problem, _table(findings.raw, "mqtt"))


def refuse_unreadable(findings: Findings, file: Path, environ: Mapping[str, str], reader: FileReader) -> None:
    """What that account cannot read, and with it edged: the file itself, passwords, certificates, keys. Blocking.

    A calendar is a warning: without it all goes on.
    """
    calendars: dict[Location, Path] = {
        ("office", "calendars", index): file.absolute().parent / name
        for index, name in _words(_table(findings.raw, "office").get("calendars"))
    }
    named = {
        location: file.absolute().parent / name
        for location, name, handed in _named_files(findings.raw)
        if not (handed and (name in reader.credentials or secrets.credential(name, environ) is not None))
    }
    found = barred(reader, {file, *named.values(), *calendars.values()})
    places: dict[Location, Path] = {(): file} if file in found else {**named, **calendars}
    for location, path in places.items():
        if path in found:
            tell = findings.warn if location in calendars else findings.problem
            tell(location, found[path].problem, found[path].instead)


def _named_files(raw: Raw) -> Iterator[tuple[Location, str, bool]]:
    """Where each stands, and whether systemd may hand it over as a credential."""
    tables: list[tuple[Location, Raw, str, bool]] = []
    for index, camera in _tables(raw, "cameras"):
        tables += [(("cameras", index), camera, "password_file", True), (("cameras", index), camera, "ca_file", False)]
    tables += [(("mqtt",), _table(raw, "mqtt"), key, True) for key in ("password_file", *KEYS)]
    for location, table, key, handed in tables:
        if isinstance(name := table.get(key), str) and name:
            yield (*location, key), name, handed


def warn_of_plans(findings: Findings, config: Config) -> None:
    """What a valid configuration will probably not achieve."""
    if not any(camera.enabled for camera in config.cameras):
        findings.warn(
            ("cameras",),
            message("config.no-camera", "no camera is enabled: nothing will be recorded"),
            message("config.cameras.example", "a [[cameras]] table for each camera"),
        )
    _warn_of_doubles(findings, config)
    if config.commanders and config.mqtt is None:
        findings.warn(
            ("commanders",),
            message("config.commanders-without-broker", "nobody can command this box without a broker"),
            message("config.commanders-without-broker.instead", "an [mqtt] table"),
        )
    warn_of_volumes(findings.warn, config)
    _warn_of_groups(findings, config)
    if config.mqtt is not None:
        warn_of_broker(findings.warn, config.mqtt)


def _warn_of_doubles(findings: Findings, config: Config) -> None:
    """No error: it records, and a device may be asked twice for a reason. The test pattern is no device."""
    first: dict[tuple[str, ...], str] = {}
    for index, camera in enumerate(config.cameras):
        if not camera.enabled or camera.url.startswith("test:"):
            continue
        stream = _stream(camera.url)
        if stream in first:
            findings.warn(
                ("cameras", index, "url"),
                message(
                    "config.same-stream",
                    "is the address of camera {camera}, too: the same pictures are recorded twice",
                    camera=first[stream],
                ),
                message(
                    "config.same-stream.instead",
                    "this camera's own address; channels of one device differ in their path. Or one table for both",
                ),
            )
        first.setdefault(stream, camera.id)


def _stream(url: str) -> tuple[str, ...]:
    """What all ways to write one address have in common. A secret may be in it."""
    parts, target = urlsplit(url), Target.parse(url, "")
    host = target.host.rstrip(".")
    with suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return target.scheme, host, str(target.port), parts.path or "/", parts.query


def _warn_of_groups(findings: Findings, config: Config) -> None:
    """A box must record whoever is missing, so that a group is not there is no error."""
    for role, groups in (config.assignment() or {}).items():
        for group in accounts.unknown(groups):
            findings.warn(
                ("roles", role),
                message(
                    "config.group-absent",
                    "there is no group {group} on this box: nobody is {role} by it",
                    group=units.shown(group),
                    role=role.value,
                ),
                message("config.group-absent.instead", "the name of a group that exists: `getent group` shows them"),
            )


def _one_camera_per_id(findings: Findings) -> None:
    first: dict[str, int] = {}
    for index, camera in _tables(findings.raw, "cameras"):
        name = camera.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            findings.problem(
                ("cameras", index, "id"),
                message(
                    "config.camera-twice",
                    "{id} is already the id of cameras[{index}]",
                    id=units.shown(name),
                    index=first[name],
                ),
                message("config.camera-twice.instead", "an id of its own for each camera: footage is filed under it"),
            )
        first.setdefault(name, index)


def _floors_below_ceilings(findings: Findings) -> None:
    site = _table(findings.raw, "retention")
    segment = _duration(_table(findings.raw, "recording").get("segment")) or timedelta(0)
    site_broken = _floor_and_ceiling(findings, ("retention",), site, site, segment)
    for index, camera in _tables(findings.raw, "cameras"):
        own = _table(camera, "retention")
        if own.keys() & {"min", "max"} and not (site_broken and not own.keys() >= {"min", "max"}):
            _floor_and_ceiling(findings, ("cameras", index, "retention"), own, {**site, **own}, segment)


def _floor_and_ceiling(findings: Findings, location: Location, own: Raw, merged: Raw, segment: timedelta) -> bool:
    floor, ceiling = _duration(merged.get("min")), _duration(merged.get("max"))
    if floor is None or ceiling is None:
        return False
    low, high = units.format_duration(floor), units.format_duration(ceiling)
    if floor > ceiling:
        key = "min" if "min" in own else "max"
        findings.problem(
            (*location, key),
            message(
                "config.floor-above-ceiling",
                "the floor (min, {floor}) is above the ceiling (max, {ceiling}): footage would have to be kept and "
                "destroyed",
                floor=low,
                ceiling=high,
            ),
            message(
                "config.floor-above-ceiling.instead",
                "a min of at most {ceiling}, or a max of at least {floor}",
                floor=low,
                ceiling=high,
            ),
        )
        return True
    if ceiling < segment:
        findings.problem(
            (*location, "max"),
            message(
                "config.ceiling-below-segment",
                "the ceiling ({ceiling}) is shorter than one segment ({segment})",
                ceiling=high,
                segment=units.format_duration(segment),
            ),
            message("config.ceiling-below-segment.instead", "a longer max, or a shorter recording.segment"),
        )
        return True
    return False


def _pins_within_bounds(findings: Findings) -> None:
    table = _table(findings.raw, "pins")
    default = _duration(table.get("default")) or PINS.default
    most = _duration(table.get("max")) or PINS.max
    if default > most:
        low, high = units.format_duration(most), units.format_duration(default)
        findings.problem(
            ("pins", "default" if "default" in table else "max"),
            message(
                "config.pin-default",
                "a pin would last {default} unless it is said otherwise, and may last {most} at most",
                default=high,
                most=low,
            ),
            message(
                "config.pin-default.instead",
                "a default of at most {most}, or a max of at least {default}",
                default=high,
                most=low,
            ),
        )


def _operators_are_no_authorities(findings: Findings) -> None:
    """P6: whoever is in such a group would hold neither."""
    table = _table(findings.raw, "roles")
    operators, authorities = (table.get(role) for role in ("operator", "authority"))
    if isinstance(operators, list) and isinstance(authorities, list):
        for group in operators:
            if isinstance(group, str) and group in authorities:
                findings.problem(
                    ("roles", "authority"),
                    message(
                        "config.operators-are-authorities",
                        "{group} is also a group of operators: whoever is both is neither",
                        group=units.shown(group),
                    ),
                    message("config.roles-apart.instead", "different groups, with different people"),
                )
                return


def _one_commander_per_key(findings: Findings) -> None:
    """Each key counts its commands by itself, and what was commanded is on record under one name."""
    first: dict[tuple[str, str], int] = {}
    for index, commander in _tables(findings.raw, "commanders"):
        for name in ("name", "key"):
            value = commander.get(name)
            if not isinstance(value, str):
                continue
            if (name, value) in first:
                findings.problem(
                    ("commanders", index, name),
                    message(
                        "config.commander-twice",
                        "is already the {key} of commanders[{index}]",
                        key=name,
                        index=first[name, value],
                    ),
                    message("config.commander-twice.instead", "a {key} of its own for each", key=name),
                )
            first.setdefault((name, value), index)


def _volumes_apart(findings: Findings) -> None:
    places: list[tuple[Location, str, Path]] = []
    for index, volume in _tables(findings.raw, "volumes"):
        path = volume.get("path")
        if isinstance(path, str) and path.startswith("/") and "\0" not in path:
            places.append((("volumes", index, "path"), f"volumes[{index}]", Path(path).resolve()))
    if "volumes" not in findings.raw:
        places.append((("volumes",), message("config.the-volume", "the volume"), DEFAULT_VOLUME.resolve()))
    state = _table(findings.raw, "paths").get("state", str(DEFAULT_STATE))
    viewings = _table(findings.raw, "office").get("viewings")
    for table, key, directory in (("paths", "state", state), ("office", "viewings", viewings)):
        if isinstance(directory, str) and directory.startswith("/") and "\0" not in directory:
            places.append(((table, key), f"{table}.{key}", Path(directory).resolve()))
    for (_, name, earlier), (location, _, later) in itertools.combinations(places, 2):
        if earlier == later:
            findings.problem(
                location,
                message("config.same-directory", "{path} is already {other}", path=str(later), other=name),
                message("config.same-directory.instead", "a directory of its own"),
            )
        elif later.is_relative_to(earlier) or earlier.is_relative_to(later):
            findings.problem(
                location,
                message(
                    "config.nested-directory",
                    "{path} and {other} ({name}) lie inside each other: one would count and destroy the other's files",
                    path=str(later),
                    other=str(earlier),
                    name=name,
                ),
                message("config.nested-directory.instead", "directories that do not contain one another"),
            )


def _camera_certificates(findings: Findings, directory: Path) -> None:
    for index, camera in _tables(findings.raw, "cameras"):
        given = [key for key in ("certificate", "ca_file") if key in camera]
        url = camera.get("url")
        for key in given:
            if isinstance(url, str) and not url.startswith("rtsps://"):
                findings.problem(
                    ("cameras", index, key),
                    message("config.certificate-without-tls", "only a camera with rtsps:// has a certificate"),
                    message("config.certificate-without-tls.instead", "an rtsps:// url, or no such key"),
                )
        if len(given) == 2:
            findings.problem(
                ("cameras", index, "ca_file"),
                message("config.certificate-twice", "stands beside certificate: only one of them can decide"),
                message("config.certificate-twice.instead", "one of the two"),
            )
        authorities = camera.get("ca_file")
        if isinstance(authorities, str) and not _holds_certificates(directory / authorities):
            findings.problem(
                ("cameras", index, "ca_file"),
                message(
                    "config.no-certificates",
                    "{path} cannot be read as certificates",
                    path=units.shown(str(directory / authorities)),
                ),
                message("config.no-certificates.instead", "a PEM file that the account of edged may read"),
            )


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (OSError, ValueError):
        return False
    return True


def is_handed_over(name: str, directory: Path, environ: Mapping[str, str], handed: Collection[str]) -> bool:
    """systemd alone knows where it lies."""
    return name in handed and secrets.credential(name, environ) is None and not (directory / name).exists()


def is_link_handed_over(raw: Raw, directory: Path, environ: Mapping[str, str], handed: Collection[str]) -> bool:
    """At least one file of the link, so that they cannot be looked at together."""
    names = (_table(raw, "mqtt").get(key) for key in KEYS)
    return any(isinstance(name, str) and is_handed_over(name, directory, environ, handed) for name in names)


def _passwords(findings: Findings, directory: Path, environ: Mapping[str, str], handed: Collection[str]) -> None:
    holders: list[tuple[Location, Raw]] = [
        (("cameras", index), camera) for index, camera in _tables(findings.raw, "cameras")
    ]
    holders.append((("mqtt",), _table(findings.raw, "mqtt")))
    for location, table in holders:
        name = table.get("password_file")
        if not isinstance(name, str) or not name:
            continue
        if not table.get("username"):
            findings.problem(
                (*location, "username"),
                message("config.no-username", "is missing, though there is a password_file"),
                Message('username = "viewer"'),
            )
        if is_handed_over(name, directory, environ, handed):
            continue
        try:
            found = secrets.find(name, directory, environ)
        except secrets.SecretError as error:
            findings.problem((*location, "password_file"), error.problem, error.instead)
            continue
        findings.passwords[location] = found.value
        if found.warning:
            findings.warn((*location, "password_file"), found.warning, found.instead)


def _tables(raw: Raw, key: str) -> Iterator[tuple[int, Raw]]:
    tables = raw.get(key)
    if isinstance(tables, list):
        yield from ((index, table) for index, table in enumerate(tables) if isinstance(table, Mapping))


def _table(raw: Raw, key: str) -> Raw:
    table = raw.get(key)
    return table if isinstance(table, Mapping) else {}


def _duration(value: Any) -> timedelta | None:
    try:
        return units.parse_duration(value) if isinstance(value, str) else None
    except units.UnitError:
        return None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def warn_of_volumes(warn: Tell, config: Config) -> None:
    """What is odd about each volume, and whether all together hold the floors."""
    state = _nearest(config.paths.state)
    for index, volume in enumerate(config.volumes):
        _warn_of_volume(warn, index, volume, config.paths.state, state)
    _warn_of_floors(warn, config)


def assumed_bps(camera: CameraConfig) -> float:
    """Bits a second of a camera, out of what is expected of it."""
    expect = camera.expect
    if expect.width is None and expect.height is None and expect.fps is None:
        return ASSUMED_BPS
    width, height = expect.width or USUAL_SIZE[0], expect.height or USUAL_SIZE[1]
    return width * height * (expect.fps or USUAL_FPS) * BITS_PER_PIXEL


def _warn_of_volume(warn: Tell, index: int, volume: VolumeConfig, state: Path, at: os.stat_result | None) -> None:
    here = _stat(volume.path)
    if here is None:
        return
    if not stat.S_ISDIR(here.st_mode):
        warn(
            ("volumes", index, "path"),
            message("config.volume-no-directory", "is not a directory: nothing can be recorded there"),
            message("config.volume-no-directory.instead", "the mount point of a disk"),
        )
        return
    if at is not None and here.st_dev == at.st_dev:
        warn(
            ("volumes", index, "path"),
            message(
                "config.volume-beside-state",
                "lies on the same file system as {state}: a full disk stops both",
                state=str(state),
            ),
            message("config.volume-beside-state.instead", "a file system of its own"),
        )
    total = _total_bytes(volume.path)
    if total is not None and volume.spec().reserve_of(total) >= total:
        warn(
            ("volumes", index, "reserve"),
            message(
                "config.reserve-is-all",
                "the disk has {total_bytes} in all: nothing would ever be recorded there",
                total_bytes=total,
            ),
            message("config.reserve-is-all.instead", 'a smaller one, such as reserve = "5%"'),
        )


def _warn_of_floors(warn: Tell, config: Config) -> None:
    cameras = [camera for camera in config.cameras if camera.enabled]
    asked = sum(assumed_bps(camera) / 8 * config.bounds(camera.id).floor_s for camera in cameras)
    there = _room(config.volumes)
    if there is None or asked <= there:
        return
    rates = sorted({round(assumed_bps(camera) / 1_000_000, 1) for camera in cameras})
    assumed = f"{rates[0]:g}"
    if len(rates) > 1:
        assumed = message("config.rates", "{least} to {most}", least=rates[0], most=rates[-1])
    warn(
        ("retention", "min"),
        message(
            "config.floors-too-large",
            "the floors ask for {asked_bytes}, at an assumed {assumed} Mbit/s a camera, and the "
            "volumes have room for {room_bytes}: they would be full before the first footage may go",
            asked_bytes=round(asked),
            assumed=assumed,
            room_bytes=there,
        ),
        message(
            "config.floors-too-large.instead",
            "a larger max_bytes or disk, a shorter min, or fewer cameras; or lower bit rates in the cameras themselves",
        ),
    )


def _room(volumes: Iterable[VolumeConfig]) -> int | None:
    """How much edged may ever keep, the room of one file system once; None while nobody can tell (not mounted yet)."""
    rooms = [(volume, _total_bytes(volume.path), _stat(volume.path)) for volume in volumes]
    summed = 0
    shared: dict[int, list[tuple[int, int]]] = {}
    for volume, total, here in rooms:
        if total is None or here is None:
            if volume.max_bytes is None:
                return None
            summed += volume.max_bytes
            continue
        left = max(0, total - volume.spec().reserve_of(total))
        own = left if volume.max_bytes is None else min(volume.max_bytes, left)
        shared.setdefault(here.st_dev, []).append((own, left))
    return summed + sum(min(sum(own for own, _ in some), max(left for _, left in some)) for some in shared.values())


def _total_bytes(path: Path) -> int | None:
    """Bytes of the file system of a directory; None where there is none, or this user may not look."""
    here = _stat(path)
    if here is None or not stat.S_ISDIR(here.st_mode):
        return None
    try:
        space = os.statvfs(path)
    except OSError:
        return None
    return space.f_blocks * space.f_frsize


def _stat(path: Path) -> os.stat_result | None:
    """None where there is nothing, or this user may not look."""
    try:
        return path.stat()
    except OSError:
        return None


def _nearest(path: Path) -> os.stat_result | None:
    """Of the path, or of the nearest directory above it that exists."""
    return next(filter(None, map(_stat, (path, *path.parents))), None)


def link_belongs_together(tell: Tell, table: Mapping[str, Any]) -> None:
    """TLS begins with ca_file: whoever is not checked could be anybody."""
    if "ca_file" not in table and (alone := next((key for key in KEYS if key in table), None)):
        tell(
            ("mqtt", alone),
            message(
                "config.no-ca-file", "stands there without ca_file, by which the broker is known to be the right one"
            ),
            message(
                "config.no-ca-file.instead",
                'ca_file = "mqtt/ca.crt", the certificate of the authority that signed the broker\'s; '
                "docs/mosquitto/README.md shows how they are made",
            ),
        )
    pair = ("certificate", "key_file")
    for given, other in (pair, pair[::-1]):
        if given in table and other not in table:
            tell(
                ("mqtt", given),
                message(
                    "config.half-a-pair",
                    "stands there without {other}: one is of no use without the other",
                    other=other,
                ),
                message(
                    "config.half-a-pair.instead",
                    "both or neither; docs/mosquitto/README.md shows how they are made",
                ),
            )


def completed(broker: BrokerConfig, directory: Path, environ: Mapping[str, str]) -> BrokerConfig:
    """With absolute names; what systemd has handed over as a credential comes first."""
    found = {key: _place(name, directory, environ) for key in KEYS if (name := getattr(broker, key))}
    return broker.model_copy(update=found)


def _place(name: str, directory: Path, environ: Mapping[str, str]) -> str:
    return str(secrets.credential(name, environ) or directory / name)


def certificate_faults(config: Config, now_ms: int) -> tuple[CertificateFault, ...]:
    """What is wrong with the files, dates by this clock included. Blocking."""
    broker = config.mqtt
    files = None if broker is None else broker.files()
    if broker is None or files is None:
        return ()
    return tls.inspect(files, config.site.node, broker.username or "", now_ms)


def mistakes(found: tuple[CertificateFault, ...]) -> list[CertificateFault]:
    """Without what is a matter of time."""
    return [fault for fault in found if fault.weight is not Weight.TIME]


def warn_of_ends(tell: Tell, config: Config, now_ms: int) -> None:
    """What is good today and soon is not: certificates of the link, and keys of the centre that ended. Blocking."""
    files = None if config.mqtt is None else config.mqtt.files()
    for key, life in ({} if files is None else tls.lives(files)).items():
        if now_ms <= life.ends_ms <= now_ms + WARN_MS:
            tell(
                ("mqtt", key),
                message(
                    "config.certificate-ends",
                    "the certificate in {path} ends on {day}, and with it the link",
                    path=life.source,
                    day=day(life.ends_ms),
                ),
                message(
                    "config.certificate-ends.instead",
                    "put a new one in its place before that; docs/mosquitto/README.md shows how they are made",
                ),
            )
    for index, commander in enumerate(config.commanders):
        until_ms = commander.known(config.site.zone).until_ms
        if until_ms is not None and until_ms <= now_ms:
            tell(
                ("commanders", index, "until"),
                message(
                    "config.commander-over",
                    "was over on {day}: no command by this key is taken any more",
                    day=str(commander.until),
                ),
                message("config.commander-over.instead", "a later day if the centre still uses it, or no such table"),
            )


def warn_of_broker(tell: Tell, broker: BrokerConfig) -> None:
    """What works, and is probably not meant."""
    if not broker.ca_file:
        if not _is_loopback(broker.host):
            tell(
                ("mqtt", "host"),
                message(
                    "config.plain-text",
                    "what is sent there, a password too, crosses the network in plain text; whoever answers is "
                    "believed",
                ),
                message(
                    "config.plain-text.instead",
                    "ca_file, certificate and key_file under [mqtt]; docs/mosquitto/README.md shows how they are made",
                ),
            )
        if broker.port == MQTTS_PORT:
            tell(
                ("mqtt", "port"),
                message("config.tls-port", "{port} is the port for TLS, which begins with ca_file", port=MQTTS_PORT),
                message("config.tls-port.instead", "ca_file, or 1883"),
            )
    else:
        if broker.port == MQTT_PORT:
            tell(
                ("mqtt", "port"),
                message("config.plain-port", "{port} is the port without TLS, and there is a ca_file", port=MQTT_PORT),
                Message("port = 8883"),
            )
        if not broker.certificate and not broker.username:
            tell(
                ("mqtt", "ca_file"),
                message(
                    "config.nobody",
                    "this box has neither a certificate nor a user: the broker cannot tell it from anybody else",
                ),
                message(
                    "config.nobody.instead",
                    "certificate and key_file; docs/mosquitto/README.md shows how they are made",
                ),
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost")


def refuse_against_profile(problem: Tell, raw: Raw, in_force: str | None) -> None:
    """Tell each clause that the configuration breaks: of its own profile, and of the one that a daemon runs under.

    The latter holds until two persons agreed to another, so taking it out of the file loosens nothing.
    """
    named = _table(raw, "site").get("profile")
    for name in dict.fromkeys((named, in_force)):
        if isinstance(name, str) and name in PROFILES:
            chosen = profile(name)
            for clause in chosen.clauses:
                for location, words, instead in _short(clause, raw):
                    problem(location, _by(words, cited(chosen, clause)), instead)
                for location, words, instead in _ceilings(clause.demands.ceiling, raw):
                    problem(location, _by(words, _bounding(chosen, clause)), instead)


def _by(problem: Message, clause: str) -> Message:
    return message("config.by-clause", "{problem}; {clause}", problem=problem, clause=clause)


def cited(chosen: Profile, clause: ProfileClause) -> str:
    """Office, article, id and the words themselves."""
    return f"{chosen.office}{clause.article}（{clause.id}）：「{'……'.join(clause.words)}」"


def _bounding(chosen: Profile, clause: ProfileClause) -> str:
    """What the ceiling rests on: not always the words of its clause."""
    by = clause.demands.ceiling_by
    return f"{chosen.office}{by}" if by else cited(chosen, clause)


def _short(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    demands = clause.demands
    if demands.floor is not None:
        yield from _floors(demands.floor, raw)
    if demands.stated:
        yield from _unsaid(raw)
    if demands.on_full:
        yield from _on_full(demands.on_full, raw)
    if demands.pin_default is not None:
        yield from _pins(demands.pin_default, raw)
    if demands.picture is not None:
        yield from _pictures(clause, raw)
    if demands.sound:
        yield from _silenced(raw)
    yield from _without_group(clause, raw)
    yield from _in_both(clause, raw)


def _floors(least: timedelta, raw: Raw) -> Iterator[Short]:
    for location, value in _bounds("min", raw):
        if value < least:
            low = units.format_duration(least)
            words = message(
                "config.clause.floor",
                "footage would be kept for {kept}, and it takes at least {least}",
                kept=units.format_duration(value),
                least=low,
            )
            yield location, words, _or_more(f'min = "{low}"')


def _ceilings(most: timedelta | None, raw: Raw) -> Iterator[Short]:
    for location, value in _bounds("max", raw):
        if most is not None and value > most:
            high = units.format_duration(most)
            words = message(
                "config.clause.ceiling",
                "footage would be kept for up to {kept}, and {most} is the most",
                kept=units.format_duration(value),
                most=high,
            )
            yield location, words, _or_less(f'max = "{high}"')


def _or_more(line: str) -> Message:
    return message("config.or-more", "{line} or more", line=line)


def _or_less(line: str) -> Message:
    return message("config.or-less", "{line} or less", line=line)


def _or_left_out(line: str) -> Message:
    return message("config.or-left-out", "{line}, or leave it out", line=line)


def _unsaid(raw: Raw) -> Iterator[Short]:
    table = _table(raw, "retention")
    for key, example in (("min", 'min = "31d"'), ("max", 'max = "365d"')):
        if key not in table:
            yield (
                ("retention", key),
                message("config.clause.unsaid", "is not said, and the text names no period: the office says both"),
                message("config.clause.unsaid.instead", "what the office has decided, such as {line}", line=example),
            )


def _on_full(allowed: list[str], raw: Raw) -> Iterator[Short]:
    wished = _table(raw, "retention").get("on_full", "stop")
    if wished in ("stop", "overwrite") and wished not in allowed:
        words = message("config.clause.on-full", '"{value}" would destroy footage below its floor', value=wished)
        yield ("retention", "on_full"), words, _or_left_out(f'on_full = "{allowed[0]}"')


def _pins(most: timedelta, raw: Raw) -> Iterator[Short]:
    value = _duration(_table(raw, "pins").get("default", _DEFAULT_PIN))
    if value is not None and value > most:
        words = message(
            "config.clause.pin",
            "a pin would last {default} without anybody asking for it",
            default=units.format_duration(value),
        )
        yield ("pins", "default"), words, _or_less(f'default = "{units.format_duration(most)}"')


def _pictures(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    asked = clause.demands.picture
    if asked is None:
        return
    for index, camera in _tables(raw, "cameras"):
        expect = _table(camera, "expect")
        width, height, fps = (expect.get(key) for key in ("width", "height", "fps"))
        at: Location = ("cameras", index, "expect")
        if _is_number(height) and height < asked.height:
            words = message(
                "config.clause.height",
                "a picture of {height} lines would do, and it takes at least {least}",
                height=str(height),
                least=asked.height,
            )
            yield (*at, "height"), words, _or_more(f"height = {asked.height}")
        if _is_number(width) and _is_number(height) and width * height < asked.pixels:
            words = message(
                "config.clause.size",
                "a picture of {width}×{height} = {pixels} pixels would do, and it takes {least}",
                width=str(width),
                height=str(height),
                pixels=str(width * height),
                least=asked.pixels,
            )
            larger = message("config.clause.size.instead", "a larger picture, such as width = 1920, height = 1080")
            yield (*at, "width"), words, larger
        if _is_number(pixels := expect.get("pixels")) and pixels < asked.pixels:
            words = message(
                "config.clause.pixels",
                "a picture of {pixels} pixels would do, and it takes {least}",
                pixels=str(pixels),
                least=asked.pixels,
            )
            yield (*at, "pixels"), words, _or_more(f"pixels = {asked.pixels}")
        if asked.colour and expect.get("colour") is False:
            yield (
                (*at, "colour"),
                message("config.clause.colour", "grey pictures would do by day, and it takes colour"),
                _or_left_out("colour = true"),
            )
        if _is_number(fps) and fps < asked.fps:
            words = message(
                "config.clause.fps",
                "{fps} images/s would do, and it takes at least {least}",
                fps=float(fps),
                least=float(asked.fps),
            )
            yield (*at, "fps"), words, _or_more(f"fps = {asked.fps:g}")


def _silenced(raw: Raw) -> Iterator[Short]:
    for index, camera in _tables(raw, "cameras"):
        if camera.get("duty_desk") is True and _table(camera, "expect").get("audio") is False:
            words = message("config.clause.sound", "no sound is expected of a camera at a duty desk")
            yield ("cameras", index, "expect", "audio"), words, _or_left_out("audio = true")


def _without_group(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    table = _table(raw, "roles")
    for role in clause.demands.roles:
        if not table.get(role.value):
            yield (
                ("roles", role.value),
                message("config.clause.role", "nobody has the role {role}", role=role.value),
                message("config.clause.role.instead", '{role} = ["cctv-{role}"], a group of this box', role=role.value),
            )


def _in_both(clause: ProfileClause, raw: Raw) -> Iterator[Short]:
    table = _table(raw, "roles")
    for first, second in combinations(clause.demands.apart, 2):
        if both := sorted(_names(table.get(first.value)) & _names(table.get(second.value))):
            words = message(
                "config.clause.roles-apart",
                "{group} also has the role {role}, and the two must be different people's",
                group=units.shown(both[0]),
                role=first.value,
            )
            apart = message("config.roles-apart.instead", "different groups, with different people")
            yield ("roles", second.value), words, apart


def _names(groups: Any) -> set[str]:
    return {name for _, name in _words(groups)}


def _words(names: Any) -> Iterator[tuple[int, str]]:
    """Of a list, where each stands in it."""
    if isinstance(names, list):
        yield from ((index, name) for index, name in enumerate(names) if isinstance(name, str))


def _bounds(key: str, raw: Raw) -> Iterator[tuple[Location, timedelta]]:
    """The site's, and those of cameras that have their own."""
    places: list[tuple[Location, Any]] = [(("retention", key), _table(raw, "retention").get(key))]
    places += [
        (("cameras", index, "retention", key), _table(camera, "retention").get(key))
        for index, camera in _tables(raw, "cameras")
    ]
    for location, text in places:
        if (value := _duration(text)) is not None:
            yield location, value
