"""Which daemon edgectl talks to. Light: imported by every run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edged.cli.client import Daemon
from edged.words.defaults import DEFAULT_CONFIG, DEFAULT_SOCKET, DEFAULT_STATE


@dataclass(frozen=True, slots=True)
class Address:
    """The global options as given."""

    config: Path | None
    socket: Path | None

    @property
    def config_file(self) -> Path:
        return self.config or DEFAULT_CONFIG

    def daemon(self) -> Daemon:
        """A socket that was named may be anybody's; the one that is configured is that of systemd's unit."""
        return Daemon(self.socket or socket_in(self.config), of_unit=self.socket is None)


def socket_in(config: Path | None) -> Path:
    """[paths] socket of the configuration, whatever else is wrong with it: a typing error must not hide the daemon.

    Where there is none to be had it is the default, with a warning, which needs none where the default file is absent
    or its owner's, the daemon's, alone. A file that was named and is not there is wrong usage.
    """
    file = config or DEFAULT_CONFIG
    try:
        return _path_in(tables(file), "socket", DEFAULT_SOCKET)
    except OSError as error:
        if config is not None and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            what = f"--config: there is no file {file}: write the one that edged runs with, or leave it out"
            raise click.UsageError(what) from None
        reason = error.strerror or "it is not a file"
        if config is None and isinstance(error, (FileNotFoundError, PermissionError)):
            return DEFAULT_SOCKET
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        reason = f"it is not TOML (edgectl config check {file})"
    except ValueError as error:
        reason = str(error)
    click.echo(f"edgectl: {file} does not say where the socket is: {reason}; trying {DEFAULT_SOCKET}", err=True)
    return DEFAULT_SOCKET


def state_in(file: Path) -> Path | None:
    """[paths] state of a configuration, whatever else is wrong with it; None where it does not say that."""
    try:
        return _path_in(tables(file), "state", DEFAULT_STATE)
    except (OSError, ValueError):
        return None


def is_closed(file: Path) -> bool:
    """Whether this account may not read it, which says nothing of what is in it."""
    try:
        file.open("rb").close()
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def tables(file: Path) -> Mapping[str, Any]:
    """Of a configuration, right or wrong. OSError, ValueError."""
    return tomllib.loads(file.read_bytes().decode("utf-8-sig"))


def _path_in(tables: Mapping[str, Any], key: str, default: Path) -> Path:
    paths = tables.get("paths", {})
    path = paths.get(key, str(default)) if isinstance(paths, dict) else None
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ValueError(f"its paths.{key} is not an absolute path")
    return Path(path)
