"""Which daemon edgectl talks to. Light: imported by every run."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from edged import exits
from edged.cli.client import CallError, Daemon
from edged.defaults import DEFAULT_CONFIG, DEFAULT_SOCKET


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
        return Daemon(self.socket or configured_socket(self.config), of_unit=self.socket is None)


def configured_socket(config: Path | None) -> Path:
    """[paths] socket of the configuration. The default file may be absent or unreadable: its owner is the daemon."""
    try:
        with (config or DEFAULT_CONFIG).open("rb") as file:
            paths = tomllib.load(file).get("paths", {})
    except (OSError, ValueError) as error:
        if config is None:
            return DEFAULT_SOCKET
        reason = error.strerror if isinstance(error, OSError) else "it is not TOML"
        action = f"edgectl config check {config}, or name the socket: --socket PATH"
        raise CallError(f"{config} cannot be read: {reason}", action, exits.CONFIG) from None
    socket = paths.get("socket") if isinstance(paths, dict) else None
    return Path(socket) if isinstance(socket, str) and socket else DEFAULT_SOCKET
