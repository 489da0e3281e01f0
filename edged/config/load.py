"""Reads /etc/edged/edged.toml: everything that is wrong with it at once, or the effective configuration.

Imports the model, the rules and tomllib; the daemon and `edgectl config check` import this module only. A password is
read from its file here and leaves only as SecretStr; no error carries a value that could hold one.

`read_outline` reads (pure) what a configuration names without asking a disk for it, so that a wrong key, or a mount
that hangs, hides nothing from the doctor.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from edged.config import rules as config_rules
from edged.config.model import (
    CameraConfig,
    Config,
    Expect,
)
from edged.config.problem import ConfigError, ConfigMistake, translate
from edged.host import accounts
from edged.host.file_access import FileReader
from edged.words.value_types import DEFAULT_CONFIG, DEFAULT_STATE, DEFAULT_VOLUME
from recorder.words.address import Target
from storage.words.clock import SystemClock
from storage.words.errors import said
from storage.words.message import Message, as_message, message

MAX_FILE_BYTES: Final = 1_048_576
"""256 cameras with every key come to about 100 kB; a larger file is the wrong file."""
READABLE: Final = message(
    "config.unreadable.instead",
    "make it readable for the account that runs edged (owner root, group edged, mode 640)",
)
_WORD: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_KEYS: Final = re.compile(rf"\({_WORD}(?:, {_WORD})*,?\)")
"""A tuple of keys as Python writes it."""
_CHARACTER_NAMES: Final = {r"'\n'": "end of line", r"'\r'": "carriage return", r"'\t'": "tab", r"'\x00'": "NUL"}
_CHARACTERS: Final = re.compile("|".join(map(re.escape, _CHARACTER_NAMES)))


def _nothing(tell: config_rules.Tell, config: Config) -> None:
    del tell, config


def load(path: Path, environ: Mapping[str, str] = os.environ, *, in_force: str | None = None) -> Config:
    """The effective configuration, passwords resolved; ConfigError names all that is wrong.

    `in_force`: the profile under which a daemon runs, of which a reload can break no clause either.
    """
    config, findings = _read(path, environ, in_force)
    if config is None:
        raise ConfigError(findings.problems)
    return config


def check(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    reader: FileReader | None = None,
    warn: Callable[[config_rules.Tell, Config], None] = _nothing,
) -> tuple[list[ConfigMistake], list[ConfigMistake]]:
    """(problems, warnings) of a file, without using it: also what would stop no start, as certificates.

    `reader`: who will use it, where that is somebody else (`edged.host.file_access.of_unit`). `warn` tells what
    another room finds in a valid one.
    """
    handed = frozenset[str]() if reader is None else reader.credentials
    config, findings = _read(path, environ, None, handed)
    if reader is not None:
        config_rules.refuse_unreadable(findings, path, environ, reader)
    if config is not None:
        config_rules.warn_of_plans(findings, config)
        warn(findings.warn, config)
        if not config_rules.is_link_handed_over(findings.raw, path.parent, environ, handed):
            now_ms = SystemClock().now().wall_ms
            config_rules.warn_of_ends(findings.warn, config, now_ms)
            for fault in config_rules.certificate_faults(config, now_ms):
                findings.problem(("mqtt", fault.key), as_message(fault.problem), as_message(fault.instead))
    return findings.problems, findings.warnings


def _read(
    path: Path, environ: Mapping[str, str], in_force: str | None, handed: frozenset[str] = frozenset()
) -> tuple[Config | None, config_rules.Findings]:
    findings = config_rules.Findings(str(path), {})
    raw = _parse(path, findings)
    if raw is None:
        return None, findings
    findings.raw = raw
    _refuse_open_passwords(findings)
    try:
        config = Config.model_validate(_without_passwords(raw))
    except ValidationError as error:
        config = None
        findings.problems += translate(error, Config, str(path), raw)
    config_rules.apply(findings, path.parent, environ, in_force, handed)
    return (None if config is None or findings.problems else _complete(config, findings, environ)), findings


def _parse(path: Path, findings: config_rules.Findings) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            findings.problem(
                (),
                message("config.too-large", "is larger than {limit} bytes", limit=MAX_FILE_BYTES),
                message("config.too-large.instead", "the configuration of edged"),
            )
            return None
        return tomllib.loads(data.decode("utf-8-sig"))  # an editor on Windows may have put a BOM
    except FileNotFoundError:
        findings.problem(
            (),
            message("config.absent", "there is no such file"),
            message("config.absent.instead", "see docs/configuration.md for one to begin with"),
        )
    except IsADirectoryError:
        findings.problem(
            (),
            message("config.directory", "is a directory"),
            message("config.directory.instead", "the file in it, such as {file}", file=str(path / DEFAULT_CONFIG.name)),
        )
    except OSError as error:
        reason = said(error)
        if isinstance(error, PermissionError):
            findings.problem(
                (),
                message(
                    "config.not-allowed",
                    "cannot be read by the account {account}: {reason}",
                    account=accounts.account(os.geteuid()).name,
                    reason=reason,
                ),
                accounts.otherwise(READABLE),
            )
        else:
            findings.problem((), message("config.unreadable", "cannot be read: {reason}", reason=reason), READABLE)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        findings.problem(
            (f"line {line}",),
            message("config.not-text", "is not UTF-8 text"),
            message("config.not-text.instead", "save the file as UTF-8"),
        )
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        line = int(place[1]) if place and place[1] else data.count(b"\n") + 1
        words = str(error)[: place.start()] if place else str(error)
        where = f", column {place[2]}" if place and place[2] else ""
        findings.problem(
            (f"line {line}{where}",),
            message("config.not-toml", "is not TOML: {reason}", reason=_toml_reason(words)),
            message("config.not-toml.instead", "text in quotes, one key = value a line"),
        )
    return None


_TOML_REASONS: Final = {
    "Illegal character '\\n'": message("config.toml.line-end", "the line ends within quotes: one is missing"),
    "Unterminated string": message("config.toml.unterminated", "a text is not closed: a quote is missing"),
    "Expected '=' after a key in a key/value pair": message("config.toml.no-equals", "no `=` behind the key"),
    "Invalid value": message("config.toml.value", "this is no value: text stands in quotes, and a list ends with ]"),
    "Invalid statement": message("config.toml.statement", "this is neither a [table] nor key = value"),
    "Expected newline or end of document after a statement": message(
        "config.toml.behind-value", "something stands behind the value: text stands in quotes, and a line is one key"
    ),
    "Expected ']' at the end of a table declaration": message("config.toml.table", "`]` is missing behind the table"),
    "Expected ']]' at the end of an array declaration": message(
        "config.toml.tables", "`]]` is missing behind the table"
    ),
    "Unclosed array": message("config.toml.array", "a list is not closed: `]` is missing"),
    "Cannot overwrite a value": message("config.toml.twice", "this key is there twice"),
}
"""Of tomllib's, the mistakes that people make."""


def _toml_reason(words: str) -> Message:
    return _TOML_REASONS.get(words) or Message(_plain(words))


def _plain(words: str) -> str:
    """tomllib's words without Python's way of writing keys and characters."""
    keyed = _KEYS.sub(lambda keys: ".".join(ast.literal_eval(keys[0])), words)
    plain = _CHARACTERS.sub(lambda found: _CHARACTER_NAMES[found[0]], keyed)
    return plain[:1].lower() + plain[1:]


def _refuse_open_passwords(findings: config_rules.Findings) -> None:
    cameras = findings.raw.get("cameras")
    if isinstance(cameras, list):
        for index, camera in enumerate(cameras):
            if isinstance(camera, Mapping) and "password" in camera:
                _refuse_open_password(findings, ("cameras", index, "password"))
    mqtt = findings.raw.get("mqtt")
    if isinstance(mqtt, Mapping) and "password" in mqtt:
        _refuse_open_password(findings, ("mqtt", "password"))


def _refuse_open_password(findings: config_rules.Findings, location: tuple[int | str, ...]) -> None:
    findings.problem(
        location,
        message("config.open-password", "a password does not belong in this file"),
        message(
            "config.open-password.instead",
            'password_file = "…", a file that holds it (owner root, group edged, mode 640)',
        ),
    )


def _without_passwords(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The tables without their `password` keys, which have been refused already and must get no further."""

    def bare(table: Any) -> Any:
        return (
            {key: value for key, value in table.items() if key != "password"} if isinstance(table, Mapping) else table
        )

    cameras = raw.get("cameras")
    changed = {**raw}
    if isinstance(cameras, list):
        changed["cameras"] = [bare(camera) for camera in cameras]
    if "mqtt" in raw:
        changed["mqtt"] = bare(raw["mqtt"])
    return changed


def _expected(camera: CameraConfig) -> Expect:
    """A duty desk is heard, without anybody having to say so."""
    heard = camera.duty_desk and camera.expect.audio is None
    return camera.expect.model_copy(update={"audio": True}) if heard else camera.expect


def _complete(config: Config, findings: config_rules.Findings, environ: Mapping[str, str]) -> Config:
    """Names where none were given, passwords where they were found, paths in full."""

    def with_password(location: tuple[int | str, ...]) -> dict[str, Any]:
        found = findings.passwords.get(location)
        return {"password": found} if found is not None else {}

    directory = Path(findings.file).absolute().parent
    cameras = [
        camera.model_copy(
            update={
                "name": camera.name or camera.id,
                "ca_file": camera.ca_file and str(directory / camera.ca_file),
                "expect": _expected(camera),
                **with_password(("cameras", index)),
            }
        )
        for index, camera in enumerate(config.cameras)
    ]
    mqtt = config.mqtt and config.mqtt.model_copy(update=with_password(("mqtt",)))
    mqtt = mqtt and config_rules.completed(mqtt, directory, environ)
    calendars = [str(directory / name) for name in config.office.calendars]
    office = config.office.model_copy(update={"calendars": calendars})
    return config.model_copy(update={"cameras": cameras, "mqtt": mqtt, "office": office})


Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CameraAddress:
    """A camera's device, and where it listens."""

    camera: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A file that nobody else may read, and what it is."""

    path: str
    what: Message
    may_lack: bool = False
    """edged makes it."""


@dataclass(frozen=True, slots=True)
class Outline:
    """`node` and the like are "" where the file does not say."""

    file: str
    node: str = ""
    state: str = str(DEFAULT_STATE)
    volumes: tuple[str, ...] = (str(DEFAULT_VOLUME),)
    cameras: int = 0
    doors: tuple[CameraAddress, ...] = ()
    broker: bool = False
    profile: str = ""
    operators: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    """Groups."""
    secrets: tuple[NamedSecret, ...] = ()
    papers: str = ""
    """Directory of the office's own templates."""


def read_outline(file: Path, data: bytes) -> Outline:
    """UnicodeDecodeError, TOMLDecodeError: then nothing can be said of it."""
    raw = tomllib.loads(data.decode("utf-8-sig"))
    mqtt, cameras = _table(raw, "mqtt"), list(_tables(raw, "cameras"))
    volumes = tuple(path for table in _tables(raw, "volumes") if (path := _path(table, "path")))
    state = _path(_table(raw, "paths"), "state") or str(DEFAULT_STATE)
    named = [
        (
            camera,
            "password_file",
            message("config.secret.camera", "password of camera {camera}", camera=_word(camera, "id")),
        )
        for camera in cameras
    ]
    named += [
        (mqtt, "password_file", message("config.secret.broker", "password of the broker")),
        (mqtt, "key_file", message("config.secret.link", "key of the link")),
    ]
    secrets = [
        NamedSecret(str(file.parent / _word(table, key)), what) for table, key, what in named if _word(table, key)
    ]
    return Outline(
        file=str(file),
        node=_word(_table(raw, "site"), "node"),
        state=state,
        volumes=volumes or (str(DEFAULT_VOLUME),),
        cameras=len(cameras),
        doors=tuple(door for camera in cameras if (door := _camera_address(camera)) is not None),
        broker=bool(mqtt),
        profile=_word(_table(raw, "site"), "profile"),
        operators=_names(_table(raw, "roles"), "operator"),
        authorities=_names(_table(raw, "roles"), "authority"),
        papers=_path(_table(raw, "office"), "papers") or "",
        secrets=(
            *secrets,
            NamedSecret(f"{state}/ledger.key", message("config.secret.ledger", "key of the ledger"), may_lack=True),
            *(
                NamedSecret(f"{state}/{name}", message("config.secret.office", "keys of persons"), may_lack=True)
                for name in ("office.key", "office.keys")
            ),
        ),
    )


def _camera_address(camera: Raw) -> CameraAddress | None:
    try:
        target = Target.parse(_word(camera, "url"), "")
    except ValueError:
        return None
    if camera.get("enabled") is False or target.scheme not in ("rtsp", "rtsps") or not target.host:
        return None
    return CameraAddress(_word(camera, "id"), target.host, target.port)


def _table(raw: Raw, key: str) -> Raw:
    table = raw.get(key)
    return table if isinstance(table, Mapping) else {}


def _tables(raw: Raw, key: str) -> Iterator[Raw]:
    tables = raw.get(key)
    if isinstance(tables, list):
        yield from (table for table in tables if isinstance(table, Mapping))


def _word(table: Raw, key: str) -> str:
    word = table.get(key)
    return word if isinstance(word, str) and "\0" not in word else ""


def _names(table: Raw, key: str) -> tuple[str, ...]:
    names = table.get(key)
    return (
        tuple(name for name in names if isinstance(name, str) and "\0" not in name) if isinstance(names, list) else ()
    )


def _path(table: Raw, key: str) -> str:
    path = _word(table, key)
    return path if path.startswith("/") else ""
