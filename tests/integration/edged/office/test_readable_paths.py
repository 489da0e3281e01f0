"""What lies on a box, and who can read it: each path that a real daemon makes, tried by real accounts.

And what its processes hold open: nothing of footage or of persons lies elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from edged.health import watch
from tests.integration.edged.office.storied import (
    AS_PEOPLE,
    CAMERA,
    HASTE,
    NOBODY,
    SOON_S,
    StoriedBox,
    directory,
)
from tests.support.daemon import shortened
from tests.support.office_story import CLERK
from tests.support.people import Terminal

PROFILE: Final = "dahu-township"
SABOTAGE: Final = HASTE + shortened((watch, "KEEP_EVERY_S", 0.5))
pytestmark = AS_PEOPLE

FILE: Final = 0o640
CLOSED: Final = 0o600
DIRECTORY: Final = 0o750


class Place(NamedTuple):
    """Paths below one of the roots, by a pattern."""

    root: str
    pattern: str
    mode: int
    holds: str
    """Nothing, names, words or footage, and in which form."""


PLACES: Final = (
    Place("run", "", 0o755, "nothing"),
    Place("run", "control.sock", 0o666, "nothing: whoever calls is let in by the guard"),
    Place("state", "", DIRECTORY, "nothing"),
    Place("state", r"ballast", CLOSED, "nothing: zeroes"),
    Place("state", r"edged\.db(-wal|-shm)?", FILE, "names and words that people typed; of requests ciphertext"),
    Place("state", r"edged\.lock", FILE, "nothing: the number of a process"),
    Place("state", r"edged\.head\.json", FILE, "nothing: ages of boots"),
    Place("state", r"ledger\.checkpoint", FILE, "nothing: a signed head"),
    Place("state", r"ledger\.key", CLOSED, "the key that signs"),
    Place("state", r"office\.keys?", CLOSED, "the keys of words of persons"),
    Place("state", r"health\.json", FILE, "nothing: how sharp and how bright pictures are"),
    Place("state", r"references", DIRECTORY, "nothing"),
    Place("state", r"references/[a-z]+\.json", FILE, "footage: a small grey picture of each camera"),
    Place("state", r"exports", DIRECTORY, "nothing"),
    Place("state", r"exports/E-[\w-]+", 0o700, "nothing"),
    Place("state", r"exports/E-[\w-]+/\d+\.(hashes|headers)", FILE, "nothing: hashes and sizes of pictures"),
    Place("volume", "", DIRECTORY, "nothing"),
    Place("volume", r"\.edged-volume\.json", FILE, "nothing: which volume it is"),
    Place("volume", r"\.ledger", DIRECTORY, "nothing"),
    Place("volume", r"\.ledger/[\w.-]+", FILE, "nothing: leaves, with commitments of names and words"),
    Place("volume", r"\.office", DIRECTORY, "nothing"),
    Place("volume", r"\.office/[\w.-]+", DIRECTORY, "nothing"),
    Place("volume", r"\.office/[\w.-]+/(form|name|scan)-\d+", FILE, "words and names as ciphertext"),
    Place("volume", r"\.pins", DIRECTORY, "nothing"),
    Place("volume", r"\.pins/P-[\w-]+", DIRECTORY, "nothing"),
    Place("volume", r"\.pins/P-[\w-]+/pin\.json", FILE, "names and words: placer, case, approver"),
    Place("volume", r"\.pins/P-[\w-]+/lobby_[\w.-]+\.mp4", FILE, "footage"),
    Place("volume", r"lobby", DIRECTORY, "nothing"),
    Place("volume", r"lobby/[\d-]+", DIRECTORY, "nothing"),
    Place("volume", r"lobby/[\d-]+/\w+\.\w+-\d+\.mp4(\.part)?", FILE, "footage"),
    Place("viewings", "", 0o711, "nothing: numbers of requests, which nobody can list"),
    Place("viewings", r"\d+-\d+", DIRECTORY, "nothing: of the one who shows it"),
    Place("viewings", r"\d+-\d+/[\w-]+\.(mp4|vtt)", FILE, "footage, while the viewing is open"),
)
"""All that there is. A mode of what has an access list shows the mask of that list in place of its group."""
RARE: Final = (
    r"edged\.db\.before: the database of the version before, while script/install tries the new one",
    r"edged\.db\.damaged-…: a damaged database that was set aside, as it was",
    r"….mp4.quarantined: a file that cannot be read",
)
"""Paths that this test does not make, in the same directories and by the same umask."""
HOW_TO_ADD: Final = "say in PLACES what it holds and which mode it has, and think about who may read it"
ELSEWHERE: Final = re.compile(r"/(dev|proc|sys)/.*|/memfd:.*|(pipe|socket|anon_inode):.*")
"""Of what processes hold open, what is no file of a disk."""


def _paths(box: StoriedBox) -> Iterator[tuple[str, str, Path]]:
    """All that there is: its root, where it lies below it, and itself."""
    daemon = box.daemon
    viewings = daemon.state.with_name("state-viewings")
    roots = {"run": daemon.socket.parent, "state": daemon.state, "volume": daemon.volume, "viewings": viewings}
    for name, root in roots.items():
        yield name, "", root
        for path in root.rglob("*"):
            yield name, str(path.relative_to(root)), path


def _readable(paths: Sequence[Path]) -> set[Path]:
    """By whoever this process is; what it may not even get to is not."""
    return {path for path in paths if _is_read(path)}


def _is_read(path: Path) -> bool:
    try:
        if stat.S_ISSOCK(path.lstat().st_mode):
            return False
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW))
    except OSError:
        return False
    return True


async def _busy(box: StoriedBox) -> str:
    """A viewing is open, an export is prepared, a view is kept, a paper lies there; the number of the request."""
    story = await box.story("D-agency")
    await story.receive()
    async for step in story.steps():
        await story.do(step)
        if step[1] == "view" and step[3]["step"] == "open":
            break
    at = f"/v1/requests/{story.number}"
    await box.done(CLERK, "POST", f"{at}/scans", b"%PDF- paper")
    copied = await box.done(
        CLERK,
        "POST",
        f"{at}/copy",
        {"version": (await story.now())["version"], "secrecy": "密", "declassify": "結案後"},
    )
    await box.done(CLERK, "POST", f"/v1/exports/{copied['export']['id']}/prepare")
    await box.done(CLERK, "POST", f"/v1/references/{CAMERA}/set", {"reason": ""})
    box.daemon.until((box.daemon.state / watch.FILE).exists, SOON_S, "what was learned of pictures is kept")
    return story.number


async def test_nobody_reads_what_lies_on_a_box_but_who_shows_it(box: StoriedBox) -> None:
    number = await _busy(box)
    others = {str(role): Terminal(box.town.account(role[:4], groups)) for role, groups in NOBODY.items()}
    try:
        copy = directory(box, number)
        own = {copy, *copy.iterdir()}
        assert any(path.suffix == ".mp4" for path in own)
        every, common = [path for _, _, path in _paths(box)], {box.daemon.socket.parent}
        for who, terminal in {**box.people, **others}.items():
            assert terminal.do(_readable, every) == common | (own if who == CLERK else set()), who
        _check_places(box)
        assert _open_elsewhere(box) == set(), "edged keeps something outside of what PLACES tells of"
        at = f"/v1/requests/{number}"
        over = {"version": (await box.done(CLERK, "GET", at))["request"]["version"], "step": "end", "not_filmed": True}
        await box.done(CLERK, "POST", f"{at}/view", over)
        assert box.people[CLERK].do(_readable, every) == common
        _check_the_trial(box, others["auditor"])
    finally:
        for terminal in others.values():
            terminal.close()


def _check_places(box: StoriedBox) -> None:
    """Each path is told of, and has the mode that is told."""
    unknown, wrong, met = list[str](), list[str](), set[Place]()
    for root, relative, path in _paths(box):
        place = next((one for one in PLACES if one.root == root and re.fullmatch(one.pattern, relative)), None)
        if place is None:
            unknown.append(str(path))
            continue
        met.add(place)
        mode, owner = stat.S_IMODE(path.lstat().st_mode), path.lstat().st_uid
        if (mode, owner) != (place.mode, os.geteuid()):
            wrong.append(f"{path}: {mode:04o} of {owner} in place of {place.mode:04o}")
    assert unknown == [], HOW_TO_ADD
    assert wrong == []
    assert [one.pattern for one in PLACES if one not in met] == [], "these are not made any more, or not here"


def _open_elsewhere(box: StoriedBox) -> set[str]:
    """What processes of the daemon hold open that lies neither there nor in the program."""
    roots = (box.daemon.folder, Path(sys.prefix), Path(sys.base_prefix))
    found = set()
    for pid in box.daemon.processes():
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(link)  # noqa: PTH115  (of an open file, not of a path)
            except OSError:
                continue
            if not ELSEWHERE.fullmatch(target) and not any(Path(target).is_relative_to(root) for root in roots):
                found.add(target)
    return found


def _check_the_trial(box: StoriedBox, stranger: Terminal) -> None:
    """Negative control: what lies open is read."""
    planted = box.daemon.volume / CAMERA / "open.mp4"
    planted.write_bytes(b"footage")
    for one in (box.daemon.volume, planted.parent, planted):
        one.chmod(0o755)
    assert stranger.do(_readable, [planted]) == {planted}
