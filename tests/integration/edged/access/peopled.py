"""A daemon that real accounts may reach, which hold its roles by their groups."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from edged.words.roles import Role
from tests.support.configuration import Setup, Watched
from tests.support.daemon import Daemon
from tests.support.people import Answer, Call, Town, calls_by, table

START_S: Final = 60.0
CAMERA: Final = Watched("lobby", "test://?size=160x90&fps=5&gop=1")


class Office(NamedTuple):
    """One box with people."""

    town: Town
    people: dict[str, int]
    groups: dict[Role, list[str]]
    daemon: Daemon

    def ask(self, who: str, *calls: Call, login: str | None = "") -> list[Answer]:
        """As that person, who logged in as himself, as `login`, or, None, did not."""
        began = self.people[who] if login == "" else None if login is None else self.people[login]
        return calls_by(self.people[who], began, self.daemon.socket, calls)

    def setup(self, floor: str = "1m", ceiling: str = "1h") -> Setup:
        return Setup([CAMERA], segment="2s", floor=floor, ceiling=ceiling, more=table(self.groups))

    def alarms(self) -> dict[str, str]:
        return {one["key"]: one["text"] for one in self.daemon.ask("/v1/alarms")["alarms"] if one["cleared"] is None}

    def floor(self) -> float:
        return float(self.daemon.ask("/v1/cameras")["cameras"][0]["floor_s"])


@contextmanager
def opened(
    town: Town, people: dict[str, int], groups: dict[Role, list[str]], *, sabotage: str = ""
) -> Iterator[Office]:
    """It records one camera."""
    folder = Path(tempfile.mkdtemp(prefix="edged-people-"))
    setup = Office(town, people, groups, Any).setup()  # type: ignore[arg-type]
    try:
        with Daemon(folder, setup, sabotage=sabotage) as daemon:
            for place in (folder, daemon.socket.parent):
                place.chmod(0o755)
            daemon.wait_for_states("recording", ["lobby"], START_S)
            yield Office(town, people, groups, daemon)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
