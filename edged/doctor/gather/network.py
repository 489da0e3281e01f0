"""Knocks at the doors of cameras and broker while the daemon is down, and reads certificates. Blocking."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from edged.config import load as configuration
from edged.config.lenient import CameraAddress
from edged.config.model import Config
from edged.config.problem import ConfigError, ConfigMistake
from edged.doctor.findings import CannotLook
from edged.doctor.network import CertificateEnd, DeviceAnswer
from edged.host.file_access import is_unreadable, of_unit
from mqtt import tls
from mqtt.broker_check import BrokerAnswer, check_broker
from mqtt.connection.broker_connection import BrokerSettings
from mqtt.tls import Files
from recorder.rtsp.connection import reach
from recorder.words.address import Target
from recorder.words.outcome import SessionEnded
from storage.store.database_state import state_holder

TOGETHER: Final = 32
REACH_S: Final = 4.0
DAY_MS: Final = 86_400_000


def devices(found: tuple[CameraAddress, ...]) -> tuple[DeviceAnswer, ...]:
    """Each device once: whether its port takes a connection."""
    cameras_of: dict[tuple[str, int], list[str]] = defaultdict(list)
    for door in found:
        cameras_of[door.host, door.port].append(door.camera)
    with ThreadPoolExecutor(TOGETHER) as hands:
        return tuple(hands.map(_device, cameras_of, cameras_of.values()))


def _device(device: tuple[str, int], cameras: list[str]) -> DeviceAnswer:
    target = Target("rtsp", *device, "", "")
    why = ""
    try:
        reach(target, time.monotonic() + REACH_S).close()
    except SessionEnded as end:
        why = end.ended.came_back
    return DeviceAnswer(target.address, tuple(cameras), why)


def broker(file: Path) -> BrokerAnswer | None:
    """With what the configuration says; None where there is no broker. PermissionError. `Unseen` while edged runs: a
    broker that names clients by their account would end its connection for ours."""
    config = _config(file)
    if config.mqtt is None:
        return None
    with contextlib.suppress(FileNotFoundError):
        if state_holder(config.paths.state):
            raise CannotLook("edged runs, and has the link to itself", "edgectl status, once it answers")
    given, node = config.mqtt, config.site.node
    files = given.files()
    ring = (
        None if files is None else tls.Keyring(files, node, given.username or "", lambda: time.time_ns() // 1_000_000)
    )
    settings = BrokerSettings(
        host=given.host,
        port=given.port,
        username=given.username or "",
        password=given.password.get_secret_value(),
        tls=ring,
    )
    return asyncio.run(check_broker(settings, node))


def certificates(file: Path) -> tuple[CertificateEnd, ...]:
    """Of the link, and of authorities of cameras. PermissionError."""
    config = _config(file)
    link = None if config.mqtt is None else config.mqtt.files()
    cameras = {camera.ca_file for camera in config.cameras if camera.enabled and camera.ca_file}
    now_ms = time.time_ns() // 1_000_000
    found = []
    for files in ([] if link is None else [link]) + [Files(path) for path in sorted(cameras)]:
        ends = {life.source: (life.ends_ms - now_ms) // DAY_MS for life in tls.lives(files).values()}
        found += [CertificateEnd(path, ends.get(path)) for path in (files.ca_file, files.certificate) if path]
    return tuple(found)


def _config(file: Path) -> Config:
    if is_unreadable(file):
        raise PermissionError(13, "Permission denied", str(file))
    try:
        return configuration.load(file)
    except ConfigError as error:
        first = error.problems[0]
        named = " ".join(filter(None, (first.key, first.problem)))
        what = f"the configuration cannot be used: {named}"
        raise CannotLook(what, f"edgectl config check {file}") from None


def check(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Problems and warnings of `edgectl config check`, each a line. PermissionError."""
    if is_unreadable(file):
        raise PermissionError(13, "Permission denied", str(file))
    problems, warnings = configuration.check(file, reader=of_unit(file))
    return tuple(map(_line, problems)), tuple(map(_line, warnings))


def _line(problem: ConfigMistake) -> str:
    where = f"{problem.key}: " if problem.key else f"{problem.file} "
    return f"{where}{problem.problem} → {problem.instead}"
