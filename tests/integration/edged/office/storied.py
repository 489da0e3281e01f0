"""A daemon of one profile with real footage, a broker and people who log in; and stories of requests told at it, with a
look at what is to be had after each step.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import av
import av.subtitles.stream  # a terminal loads nothing more, where Python lies out of its reach
import pytest

from edged.alarms import tracking
from edged.cli.client import DaemonClient
from edged.cli.export import ExportFolder
from edged.documents import exports as documents
from edged.evidence import verify
from edged.profiles.loader import profile
from edged.profiles.procedures import FieldKind, Procedure, Use
from edged.site import office_watch
from edged.words.roles import Role
from tests.support.brokers import Centre, Heard, mosquitto
from tests.support.configuration import Setup, Watched
from tests.support.counter import OfficeClient, Reply
from tests.support.daemon import Daemon, shortened
from tests.support.fsck import fsck_clean
from tests.support.office import in_memory
from tests.support.office_story import APPLICANT, CLERK, PERSONS, SECOND, TEXTS, Step, Story, staffed
from tests.support.people import Call, Terminal, Town, called, can_be_others, table

CAMERA: Final = "lobby"
SIZE: Final = (1280, 800)
ZONE: Final = ZoneInfo("Asia/Taipei")
SECTION: Final = {APPLICANT: "第一課"}
UNITS: Final = {"nangang-school": "教務處"}
"""Of the camera, by profile."""
ROLES: Final = {"chen": Role.OPERATOR, "lin": Role.OPERATOR, "wang": Role.AUTHORITY, "hsu": Role.AUTHORITY}
"""Whoever else there is signs by posts alone."""
NOBODY: Final = {Role.AUDITOR: ["adm"], Role.TECHNICIAN: ["daemon"]}
"""Groups of every Debian, which nobody here is in."""
SEGMENTS: Final = 2
SOON_S: Final = 60.0
"""Nothing here is measured: a loaded machine may take its time."""
HASTE: Final = shortened((office_watch, "LOOK_EVERY_S", 0.5), (tracking, "CLEAR_AFTER_S", 1.0))
SCAN: Final = b"\xff\xd8\xff\xe0 a paper as it was scanned \xff\xd9"
PRIVATE: Final = (
    *dict.fromkeys(text for text in TEXTS.values() if len(text) > 3),
    *(f"{who}君" for who in PERSONS),
    "王大明",
    "a paper as it was scanned",
)
"""What stories tell of persons and reasons: it is read in the office, and nowhere else."""
NUMBER: Final = re.compile(r"\b1\d\d-\d{4}\b")
"""Of a request."""
SNAPSHOT: Final = f"/v1/cameras/{CAMERA}/snapshot?purpose=maintenance"
AS_PEOPLE: Final = pytest.mark.skipif(not can_be_others(), reason="nobody can be somebody else here: needs root")


def rows(name: str) -> list[str]:
    return [one.row for one in profile(name).procedures]


def procedure(name: str, row: str) -> Procedure:
    found = profile(name).procedure(row)
    assert found is not None
    return found


@dataclass
class StoriedBox(OfficeClient):
    """One whose callers are real accounts, each at a terminal of their own."""

    profile: str
    daemon: Daemon
    centre: Centre
    town: Town
    people: Mapping[str, Terminal]
    stick: Path
    """Where the clerk may write."""

    @property
    def units(self) -> frozenset[str]:
        return frozenset({UNITS.get(self.profile, "")})

    def account(self, who: str) -> str:
        return f"{self.town.mark}-{who}"

    async def ask(self, who: str, method: str, path: str, body: object = None) -> Reply:
        return self.asked(who, method, path, body)

    def asked(self, who: str, method: str, path: str, body: object = None) -> Reply:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Reply.of(*self.people[who].do(called, self.daemon.socket, Call(method, path, data)))

    @property
    def today(self) -> str:
        return str(datetime.now(ZONE).date())

    async def interval(self) -> str:
        """What was recorded first, in whole seconds, as one writes it on a form."""
        found = (await self.done(CLERK, "GET", f"/v1/segments?camera={CAMERA}"))["segments"]
        texts = found[0]["start"], found[SEGMENTS - 1]["end"]
        begin, end = (datetime.fromisoformat(text).astimezone(ZONE) for text in texts)
        begin += timedelta(seconds=1)
        assert end - begin > timedelta(seconds=2), found
        return f"{begin:%Y-%m-%d %H:%M:%S} ~ {end:%Y-%m-%d %H:%M:%S}"

    async def story(self, row: str) -> Story:
        return Story(self, procedure(self.profile, row), self.today, await self.interval(), CAMERA)

    def alarms(self) -> dict[str, str]:
        """Those that stand: what they say, by key."""
        told = self.daemon.ask("/v1/alarms") or {"alarms": []}
        return {one["key"]: one["text"] for one in told["alarms"] if one["cleared"] is None}

    def until(self, holds: Callable[[], object], what: str) -> None:
        self.daemon.until(holds, SOON_S, what)

    def until_alarm(self, key: str, *, stands: bool = True) -> None:
        self.until(lambda: (key in self.alarms()) == stands, f"{key} {'stands' if stands else 'is over'}")

    async def pins(self, number: str, origin: str) -> list[Any]:
        """Of a case, that last."""
        listed = (await self.done(CLERK, "GET", "/v1/pins"))["pins"]
        return [one for one in listed if (one["case"], one["origin"]) == (number, origin)]

    def told(self, markers: tuple[str, ...]) -> list[str]:
        """Where one of these can be read: at the centre, in the journal, beside footage, in the state directory."""
        spelt = [*markers, *(json.dumps(one).strip('"') for one in markers)]
        heard = [(one.topic, one.topic.encode() + one.payload) for one in self.centre.heard]
        return self.daemon.places_of(dict.fromkeys(spelt), heard)


@contextmanager
def opened(name: str, sabotage: str = HASTE) -> Iterator[StoriedBox]:
    """It records, and its office is not opened."""
    with ExitStack() as stack:
        folder = stack.enter_context(in_memory())
        folder.chmod(0o755)
        town = stack.enter_context(Town())
        groups = NOBODY | {role: [town.group(role[:4])] for role in (Role.OPERATOR, Role.AUTHORITY)}
        uids = {
            who: town.account(who, groups[ROLES[who]] if who in ROLES else [])
            for who in dict.fromkeys([*ROLES, *PERSONS])
        }
        people = {who: Terminal(uid) for who, uid in uids.items()}
        for one in people.values():
            stack.callback(one.close)
        stick = folder / "stick"
        stick.mkdir(mode=0o700)
        os.chown(stick, uids[CLERK], -1)
        broker = stack.enter_context(mosquitto(folder))
        centre = stack.enter_context(Centre(broker.port))
        unit = UNITS.get(name)
        camera = Watched(CAMERA, f"test://?size={SIZE[0]}x{SIZE[1]}&fps=12", more=f'unit = "{unit}"' if unit else "")
        setup = Setup(
            [camera], segment="2s", floor="92d", ceiling="365d", mqtt_port=broker.port, more=table(groups), profile=name
        )
        daemon = Daemon(folder / "box", setup, sabotage=sabotage)
        for place in (daemon.folder, daemon.socket.parent):
            place.chmod(0o755)
        stack.enter_context(daemon)
        box = StoriedBox(name, daemon, centre, town, people, stick)
        daemon.until(daemon.status, SOON_S, "it answers")
        box.until(lambda: box.asked(CLERK, "GET", "/v1/requests").ok, "requests can be received")
        yield box


async def staff(box: StoriedBox) -> None:
    """The office is opened, unless it is, and there is something to look at."""
    if not (await box.done(CLERK, "GET", "/v1/requests"))["open"]:
        await staffed(box, box.profile, SECTION)
    box.until(lambda: len(box.daemon.files()) >= SEGMENTS, "there is footage")


async def recorded(box: StoriedBox) -> dict[str, str]:
    """When the first segment began and ended."""
    first = (await box.done(CLERK, "GET", f"/v1/segments?camera={CAMERA}"))["segments"][0]
    return {"start": first["start"], "end": first["end"]}


def export_of(span: Mapping[str, str]) -> dict[str, Any]:
    """As `edgectl export` asks for it."""
    return {
        "cameras": [CAMERA], **span, "reason": "because", "destroy_by": None, "whole_segments": False,
        "max_file_bytes": 1 << 30, "dry_run": False,
    }  # fmt: skip


async def check_silence(box: StoriedBox) -> None:
    """Of all that was told there, nothing is heard or read outside the office; and all is sound by the checks that
    users get.
    """
    story = await box.story(rows(box.profile)[0])
    await story.receive()
    (pin,) = await box.pins(story.number, "request")
    every = (await box.done(CLERK, "GET", "/v1/requests?all"))["requests"]
    closed = sum(one["status"] == "closed" for one in every)
    box.centre.wait_for(lambda one: counted(one) == closed > 0, f"{closed} requests are closed")
    assert not [one.topic for one in box.centre.heard if pin["id"].encode() in one.payload], "what it holds stays here"
    assert box.told(PRIVATE) == []
    naming = {one.topic for one in box.centre.heard if NUMBER.search(one.payload.decode())}
    assert all("/alarm" in topic for topic in naming), "the centre knows cases by what is due in them"
    fsck_clean(box.daemon)


def counted(heard: Heard) -> int:
    """Requests that are closed, as the centre hears it; -1: of something else."""
    told = json.loads(heard.payload) if heard.topic.endswith("/up/office") else {}
    return int(told.get("requests_closed") or -1)


# --- a story, and what is to be had after each step


async def tell(box: StoriedBox, row: str) -> str:
    """From receipt to close; its number."""
    story = await box.story(row)
    await _received(box, story, await story.receive())
    path = f"/v1/requests/{story.number}/scans"
    scan = (await box.done(CLERK, "POST", path, SCAN))["scan"]
    read = box.people[CLERK].do(called, box.daemon.socket, Call("GET", f"{path}/{scan}"))
    assert (read.status, read.kind, read.body) == (200, "image/jpeg", SCAN)
    async for step in story.steps():
        signer = step[3].get("signer", {})
        if signer.get("person"):
            signer["scan"] = scan
        await _looked(box, story, step, await story.do(step))
    return story.number


async def _received(box: StoriedBox, story: Story, shown: Any) -> None:
    outside = [one["name"] for one in shown["request"]["fields"] if not one["applies"] and one["value"]]
    assert [one["field"] for one in shown["remarks"]] == outside
    assert [(one["code"], one["values"]["number"]) for one in shown["slip"]] == [("office.slip", story.number)]
    held, pins = shown["request"]["held"], await box.pins(story.number, "request")
    assert len(held) == any(one.kind is FieldKind.CAMERAS for one in story.row.fields)
    assert [one["pin"] for one in held] == [one["id"] for one in pins]
    for one in pins:
        assert (one["state"], one["ground"], one["until"], one["segments"] > 0) == ("approved", "internal", None, True)


async def _looked(box: StoriedBox, story: Story, step: Step, done: Any) -> None:
    _, verb, _, body = step
    signature = f"request.signature:{story.number}"
    match verb:
        case "grant" if story.row.by_word:
            box.until_alarm(signature)
        case "sign" if story.row.by_word and not body.get("keeping"):
            box.until_alarm(signature, stands=False)
        case "view" if body["step"] == "open":
            seen(box, story.number, done)
        case "view" if body["step"] == "end":
            assert not directory(box, story.number).exists()
        case "copy" if body.get("keep"):
            assert (done["pin"]["case"], done["pin"]["origin"]) == (story.number, "person")
        case "copy" if not body.get("asks"):
            taken(box, story, done["export"])
        case "receipt":
            (copy,) = done["request"]["copies"]
            lists = box.stick.glob("*/proof/manifest.json")
            assert copy["receipt"]["fingerprint"] in {sha256(one.read_bytes()).hexdigest() for one in lists}
        case "close":
            assert done["request"]["status"] == "closed"
            assert await box.pins(story.number, "request") == []
            kept = await box.pins(story.number, "person")
            assert [one["state"] for one in kept] == ["approved"] * (Use.HOLD in story.row.may)


def directory(box: StoriedBox, number: str) -> Path:
    """Of a viewing copy."""
    return box.daemon.state.with_name("state-viewings") / number


def seen(box: StoriedBox, number: str, view: Any) -> None:
    """All that was granted can be looked at."""
    assert view["lacking"] == []
    for text in played_by_the_clerk_alone(box, directory(box, number), view["files"]):
        assert f"申請案號 {number}" in text


def played_by_the_clerk_alone(box: StoriedBox, place: Path, files: Sequence[Any]) -> Iterator[str]:
    """The subtitles of each film that lies there."""
    assert files
    for path in (Path(one["path"]) for one in files):
        beside = path.with_suffix(".vtt")
        assert path.parent == place
        assert box.people[CLERK].do(first_picture, path) == SIZE
        for other in (SECOND, APPLICANT):
            assert not any(box.people[other].do(can_read, one) for one in (place, path, beside))
        yield box.people[CLERK].do(beside.read_text, "utf-8")


def first_picture(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.width, frame.height


def can_read(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True


def taken(box: StoriedBox, story: Story, begun: Any) -> None:
    """What leaves is whole and proven, and bears the number of its request wherever somebody looks."""
    folder = leave(box, begun)
    check = verify.Check(verify.Folder(folder), None).run()
    assert [code for code, _ in check.lines if verify.SENTENCES[code][0] == "x"] == []
    manifest = json.loads((folder / "proof/manifest.json").read_bytes())
    about = (manifest["office_request"], manifest["office_row"], manifest["case"]["text"])
    assert about == (story.number, story.row.row, story.number)
    assert manifest["reason"]["text"] == f"{story.row.row} {story.row.clauses[0]}"
    assert story.number in (folder / "index.html").read_text("utf-8")
    assert f"申請案號 {story.number}" in (folder / f"{CAMERA}.vtt").read_text("utf-8")
    assert first_picture(folder / f"{CAMERA}.mp4") == SIZE


def leave(box: StoriedBox, begun: Any) -> Path:
    """An export goes to where the clerk may write; its folder."""
    root = box.stick / str(begun["folder"])
    box.people[CLERK].do(copied, box.daemon.socket, begun["id"], root)
    return root


def copied(socket: Path, export: str, root: Path) -> None:
    """By the calls of `edgectl export`, into its folder."""
    daemon, base, folder = DaemonClient(socket), f"/v1/exports/{export}", ExportFolder(root)
    root.mkdir(mode=0o700)
    prepared = documents.Prepared.model_validate_json(daemon.follow(f"{base}/prepare", b"", _silent))
    _fetched(daemon, base, folder, prepared.files)
    sealed = documents.Sealed.model_validate_json(daemon.follow(f"{base}/seal", b"", _silent))
    _fetched(daemon, base, folder, sealed.files)
    daemon.post(f"{base}/finish")


def _fetched(daemon: DaemonClient, base: str, folder: ExportFolder, files: list[documents.ExportFile]) -> None:
    for one in files:

        def octets(offset: int, path: str = one.path) -> Iterator[bytes]:
            return daemon.octets(f"{base}/file", path_=path, offset=offset)

        folder.fetch(one, octets, _silent)


def _silent(_: object) -> None:
    pass
