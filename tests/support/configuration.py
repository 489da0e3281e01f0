"""A configuration for the daemon under test, as a person would write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Watched:
    """One [[cameras]] table. `password` goes into a file of its own; `more` is TOML, taken as it is."""

    id: str
    url: str
    username: str | None = None
    password: str | None = None
    more: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the configuration says; lengths as they are written there."""

    cameras: Sequence[Watched]
    segment: str = "10s"
    floor: str = "1m"
    ceiling: str = "1h"
    max_bytes: str = "4GB"
    mqtt_port: int | None = None
    node: str = "test-node"
    volumes: Sequence[Path] = ()
    """Where there are several, or one that is not the daemon's own."""
    more: str = ""
    """TOML tables, taken as they are."""
    profile: str | None = None

    def toml(self, *, state: Path, socket: Path, volume: Path) -> str:
        """JSON strings are TOML strings."""
        lines = [
            f'[site]\nnode = {json.dumps(self.node)}\noffice = "test"\nname = "測試"\ntimezone = "Asia/Taipei"',
            "" if self.profile is None else f"profile = {json.dumps(self.profile)}",
            f"[paths]\nstate = {json.dumps(str(state))}\nsocket = {json.dumps(str(socket))}",
            *(
                f'[[volumes]]\npath = {json.dumps(str(path))}\nreserve = "1%"\nmax_bytes = {json.dumps(self.max_bytes)}'
                for path in self.volumes or [volume]
            ),
            f'[recording]\nsegment = {json.dumps(self.segment)}\nmax_loss = "2s"',
            f"[retention]\nmin = {json.dumps(self.floor)}\nmax = {json.dumps(self.ceiling)}",
        ]
        for camera in self.cameras:
            lines.append(f"[[cameras]]\nid = {json.dumps(camera.id)}\nurl = {json.dumps(camera.url)}")
            if camera.username is not None:
                lines.append(f"username = {json.dumps(camera.username)}")
            if camera.password is not None:
                lines.append(f"password_file = {json.dumps(camera.id + '.password')}")
            lines.append(camera.more)
        if self.mqtt_port is not None:
            lines.append(f'[mqtt]\nhost = "127.0.0.1"\nport = {self.mqtt_port}')
        lines.append(self.more)
        return "\n".join(lines) + "\n"
