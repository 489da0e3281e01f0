"""The state of the version before: unpacked, handed to a daemon, and what that daemon says about it.

`tests/fixtures/version_before/make` made the state at commit e4b2f7f8, and wrote down what the daemon of that
commit said about it; tests/integration/storage/store/test_version_before.py asks the daemon of today the same. Both ask
through this module, and only through the programs `edged` and `edgectl`, so that it outlives every move of a module.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.configuration import Setup
from tests.support.daemon import Answer, Daemon

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "version_before"
STATEMENT: Final = "hall.json"
"""A proof of retention, beside the exports."""
STATE: Final = FIXTURE / "state.tar.xz"
EXPECTED: Final = FIXTURE / "expected.json"
VOLUMES: Final = ("volume", "second")
"""Folders beside the configuration."""
EXPORTS: Final = "stick"
"""The folder that the exports were written to."""
NEW: Final = re.compile(r"(^|_)(code|values)$|_told$|^office_request$")
"""Names of fields that it did not know: beside sentences, and by which request a copy is made;"""
NEW_OF_PINS: Final = "origin"
"""who placed a pin."""
HERE: Final = "@HERE@"
"""Stands in the configuration of the fixture for the folder that it lies in."""
QUESTIONS: Final = {
    "segments": "/v1/segments",
    "gaps": "/v1/gaps",
    "destroyed": "/v1/destroyed",
    "pins": "/v1/pins",
    "ended": "/v1/pins?ended=1",
    "faults": "/v1/faults?all=1",
    "alarms": "/v1/alarms",
    "acts": "/v1/acts",
    "ledger": "/v1/ledger?from=1970-01-01T00:00:00Z",
    "exports": "/v1/exports",
    "boots": "/v1/boots",
    "volumes": "/v1/volumes",
    "references": "/v1/references",
    "retention": "/v1/retention",
    "maintenance": "/v1/maintenance",
}


@dataclass(frozen=True, slots=True)
class End:
    """Where the fixture ends. What comes after that was made by whoever took it over."""

    wall: str
    """RFC 3339, UTC."""
    last: Mapping[str, int]
    """The number of the last segment of each camera."""
    leaves: int
    boots: int


class Taken(Daemon):
    """A daemon on a state that is there already, with the configuration that lies beside it."""

    def configure(self, setup: Setup) -> None:
        """The configuration is the one of the fixture."""
        self.setup = setup


def unpack(folder: Path, state: Path = STATE) -> None:
    """The fixture, in a folder of its own, owned by whoever runs this. Hard links stay hard links."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(state) as archive:
        members = archive.getmembers()
        for member in members:
            member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        archive.extractall(folder, members, numeric_owner=True)  # noqa: S202 - we made it
    config = folder / "edged.toml"
    config.write_text(config.read_text("utf-8").replace(HERE, str(folder)), "utf-8")


def database() -> bytes:
    """The database of the fixture alone."""
    with tarfile.open(STATE) as archive:
        file = archive.extractfile("state/edged.db")
        assert file is not None
        return file.read()


def at_home(folder: Path) -> None:
    """As if its disks had always been mounted there. A daemon finds them out by itself, once it is started.

    Checks without a daemon look for a disk only where the daemon last met it.
    """
    with closing(sqlite3.connect(folder / "state" / "edged.db")) as connection, connection:
        for number, path in connection.execute("SELECT number, path FROM volumes").fetchall():
            there = str(folder / Path(path).name)
            connection.execute("UPDATE volumes SET path = ? WHERE number = ?", (there, number))


def taken(folder: Path, *, sabotage: str = "", environment: Mapping[str, str] | None = None) -> Taken:
    """The daemon for what was unpacked there; not started."""
    return Taken(folder, Setup([]), sabotage=sabotage, environment=environment)


def must(answer: Answer) -> Any:
    """The document of a question that was answered."""
    assert answer.code == 0, (answer.code, answer.stdout[-2000:], answer.stderr[-2000:])
    return answer.document


def said(daemon: Daemon, end: End) -> dict[str, Any]:
    """What a daemon that took the fixture over says about it. Left out: times that run, and what came after the end."""
    told = {name: _asked(daemon, path) for name, path in QUESTIONS.items()}
    numbers = [fault["id"] for fault in told["faults"]["faults"]]
    steps = {number: _asked(daemon, f"/v1/faults/{number}") for number in numbers}
    return {
        "segments": [
            one | {"path": _within(one["path"])}
            for one in told["segments"]["segments"]
            if one["seq"] <= end.last[one["camera"]]
        ],
        "gaps": [gap for gap in told["gaps"]["gaps"] if gap["end"] is not None and gap["end"] <= end.wall],
        "destroyed": told["destroyed"],
        "pins": [_without(pin, "until", "left_s", "origin") for pin in told["pins"]["pins"]],
        "ended": [_without(pin, "until", "left_s", "origin") for pin in told["ended"]["pins"]],
        "faults": {number: _fault(document) for number, document in steps.items()},
        "alarms": [_lasting(alarm) for alarm in told["alarms"]["alarms"] if alarm["since"] <= end.wall],
        "acts": [_without(act, "until") for act in told["acts"]["acts"]],
        "leaves": [
            f"{leaf['number']} {leaf['kind']} {leaf['hash']}"
            for leaf in told["ledger"]["ledger"]
            if leaf["number"] <= end.leaves
        ],
        "generations": [
            {name: one[name] for name in ("origin", "first", "key")} for one in told["ledger"]["generations"]
        ],
        "exports": [_without(one, "office_request") for one in told["exports"]["exports"]],
        "boots": told["boots"]["boots"][: end.boots],
        "volumes": [
            {"id": one["id"], "path": Path(one["path"]).name, "state": one["state"]}
            for one in told["volumes"]["volumes"]
        ],
        "references": told["references"]["references"],
        "bounds": {
            one["camera"]: {name: one[name] for name in ("floor_s", "ceiling_s", "oldest")}
            for one in told["retention"]["retention"]
        },
        "waiting": told["retention"]["waiting"],
        "maintenance": _without(told["maintenance"]["maintenance"] or {}, "until", "left_s", "held"),
    }


def _asked(daemon: Daemon, path: str) -> Any:
    """What `edgectl … --json` prints, without a Python that starts for each question."""
    document = daemon.ask(path)
    assert document is not None, path
    assert "error" not in document, (path, document)
    return as_before(document)


def as_before(value: Any) -> Any:
    """Without what that version did not know, such as the codes of sentences."""
    if isinstance(value, list):
        return [as_before(one) for one in value]
    if isinstance(value, dict):
        new = {name for name in value if NEW.search(name) or (name == NEW_OF_PINS and "placer" in value)}
        return {name: as_before(one) for name, one in value.items() if name not in new}
    return value


def _within(path: str) -> str:
    """Volume, camera, day and name of a file, wherever the volume lies."""
    return "/".join(Path(path).parts[-4:])


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _fault(document: Mapping[str, Any]) -> dict[str, Any]:
    """A ticket and its steps."""
    return {"fault": _without(document["fault"], "age_s", "stands"), "steps": document["steps"]}


def _lasting(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """What stays of an alarm, whether its condition comes back or not."""
    return {name: alarm[name] for name in ("key", "severity", "since", "occurrence", "acknowledged")}


def footage(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file of footage, also those beside pins: its SHA-256, and how many names it has."""
    found = {}
    for volume in VOLUMES:
        for path in sorted((folder / volume).rglob("*.mp4")):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(folder))] = (digest, path.stat().st_nlink)
    return found


def schema(database: Path) -> tuple[str, str]:
    """The schema of a database, without comments and line breaks, and its SHA-256."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
        statements = [re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql)).strip() for (sql,) in rows]
    text = "\n".join(statements)
    return text, hashlib.sha256(text.encode()).hexdigest()


def expected() -> tuple[End, dict[str, Any]]:
    """Where the fixture ends, and what the version before said about it."""
    document: dict[str, Any] = json.loads(EXPECTED.read_text("utf-8"))
    return End(**document["end"]), document
