"""A power cut at every instant of commit, destroy, salvage and start: what was answered holds, and all is worked off.

Every write and flush to the disks is logged below the file system (`tests.faults.storage.store.blocklog`). For each
prefix of that log, and for random parts of what was not flushed, the file system is built as the cut left it, mounted,
and taken over by a fresh storage in-process: no committed segment is lost, no destroyed one comes back, what was synced
is salvaged (S4, S5, S6, S9), and a second recovery has nothing left to do.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from storage.segments import segment_file
from storage.words.model import Closing
from tests.conftest import Profile
from tests.faults.storage.store.blocklog import Cut, Tape, rig
from tests.faults.storage.store.scenario import (
    Committed,
    Event,
    Hands,
    OfficeAt,
    Told,
    broken,
    fold,
    key_of,
    play,
    worked_off,
)
from tests.support import promises
from tests.support.disks import may_mount
from tests.support.loops import mounted
from tests.support.office import DEADLINE_S, Clock, Recording
from tests.support.tiny_mp4 import FRAGMENT_FRAMES, FRAGMENT_MS

pytestmark = pytest.mark.skipif(not may_mount(), reason="mounting needs root")

SEED: Final = 4
LAY_OUT_BYTES: Final = 64 << 10
"""Space is laid out ahead as on a real disk, only less of it."""
OFF_MS: Final = 5_000
EXAMPLES: Final = 5
"""Violations that are told in words; of a disk that keeps nothing there are hundreds."""


@dataclass(slots=True)
class Film:
    """What was asked of the disks while the scenario played, and what was answered when."""

    places: tuple[Path, ...]
    """Where the disks were mounted, and are again."""
    tape: Tape
    events: list[tuple[int, Event]]

    def told(self, cut: Cut) -> Told:
        """What somebody relied on when the power went."""
        mark = self.tape.marks_before(cut)
        return fold([event for number, event in self.events if number <= mark])


@dataclass(slots=True)
class Verdict:
    """Of all states tried."""

    states: int = 0
    violations: list[str] = field(default_factory=list)
    lost_ms: int = 0

    def __str__(self) -> str:
        return f"{self.states} states, {len(self.violations)} violations, worst loss {self.lost_ms / 1000:g} s"


def shoot(scratch: Path, disks: int) -> Film:
    """The scenario on logged disks: state and volume on one, or each on its own."""
    events: list[tuple[int, Event]] = []
    with rig(scratch, disks) as logged:
        office = office_on(logged.mounts)
        hands = Hands(office, lambda event: events.append((logged.mark(), event)))
        play(hands)
        box = office.box()
        office.store.close()
        assert hands.trouble == []
        told = fold([event for _, event in events])
        assert promises.at_rest(box) + broken(told, box) == []
        assert told.gone, "the ring has turned"
    return Film(logged.mounts, logged.tape(), events)


def office_on(mounts: Sequence[Path], clock: Clock | None = None) -> OfficeAt:
    return OfficeAt(mounts[0] / "state", mounts[-1] / "volume", clock)


def examine(film: Film, cuts: Sequence[Cut], until: Callable[[Verdict], bool] = lambda _: False) -> Verdict:
    """Build, mount and take over the disks as each cut left them, until that is enough."""
    verdict = Verdict()
    player = film.tape.player()
    files = [place.with_suffix(".img") for place in film.places]
    for cut in cuts:
        for file, image in zip(files, player.images(cut), strict=True):
            file.write_bytes(image)
        faults = take_over(film, cut, files, verdict)
        verdict.states += 1
        verdict.violations += [f"{cut}: {fault}" for fault in faults]
        if until(verdict):
            break
    return verdict


def take_over(film: Film, cut: Cut, files: Sequence[Path], verdict: Verdict) -> list[str]:
    """What the next boot finds: it records at once, works off what was left, and has nothing more to do then."""
    told = film.told(cut)
    clock = Clock()
    clock.wall_ms = told.wall_ms
    clock.reboot(OFF_MS)
    with ExitStack() as undo:
        for file, place in zip(files, film.places, strict=True):
            undo.enter_context(mounted(file, place))
        try:
            office = office_on(film.places, clock)
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon would not start
            return [f"L1: it does not start: {error!r}"]
        try:
            box = office.box()
            faults = [] if cut.at == 0 else promises.at_any_instant(box)
            faults += worked_off(Hands(office, lambda event: event.tell(told)), told, box)
            verdict.lost_ms = max(verdict.lost_ms, told.lost_ms(box))
            office.store.close(clean=False)
            return faults + promises.fsck(box, clock)
        except Exception as error:  # noqa: BLE001 - as above
            return [f"recovery broke off: {error!r}"]
        finally:
            office.store.close(clean=False)


def chosen(tape: Tape, *, prefixes: int | None, subsets: int) -> list[Cut]:
    """All prefixes (or so many of those that end in a flush), and so many random parts of what was not flushed."""
    chance = random.Random(SEED)
    if prefixes is None:
        cuts = tape.prefixes()
    else:
        flushes = tape.at_flushes()
        cuts = chance.sample(flushes, min(prefixes, len(flushes)))
    return sorted([*cuts, *tape.subsets(subsets, chance)], key=lambda cut: cut.at)


@pytest.fixture(autouse=True)
def _laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_file, "SCARCE_BYTES", 0)
    monkeypatch.setattr(segment_file, "LAY_OUT_BYTES", LAY_OUT_BYTES)


@pytest.mark.parametrize("disks", [1, 2], ids=["one-disk", "state-apart"])
def test_power_cut_at_every_write(
    disks: int, memory: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    film = shoot(memory, disks)
    cuts = chosen(film.tape, prefixes=profile.cut_prefixes, subsets=profile.cut_subsets)
    verdict = examine(film, cuts)
    with capsys.disabled():
        print(f" {verdict}", end="")  # noqa: T201
    assert verdict.violations == [], "\n".join(verdict.violations[:EXAMPLES])


def without_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segment files are not synced. SQLite syncs its own."""

    def nothing(fd: int) -> None:
        """Lie."""

    lying = SimpleNamespace(**{**vars(os), "fsync": nothing, "fdatasync": nothing})
    monkeypatch.setattr(segment_file, "os", lying)


def row_before_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is committed before the file is complete and has its name."""

    def commit(hands: Hands, recording: Recording | None) -> None:
        if recording is not None:
            file, frames = recording.file, recording.fragments * FRAGMENT_FRAMES
            end = recording.opening.start.plus_ms(recording.fragments * FRAGMENT_MS)
            closing = Closing(*key_of(recording), end, file.bytes, file._digest.finish()[0], frames)
            hands.note(Committed(hands.office.store.commit_segment(closing).result(DEADLINE_S)))
            file.commit()

    monkeypatch.setattr(Hands, "commit", commit)


@pytest.mark.parametrize("bug", [without_sync, row_before_file])
def test_a_bug_shows(
    bug: Callable[[pytest.MonkeyPatch], None], memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The proof that the states tried are those that matter."""
    with pytest.MonkeyPatch.context() as planted:
        bug(planted)
        film = shoot(memory, 1)
    verdict = examine(film, chosen(film.tape, prefixes=40, subsets=10), until=shows)
    with capsys.disabled():
        print(f" {verdict}, such as {verdict.violations[:1]}", end="")  # noqa: T201
    assert shows(verdict)


def shows(verdict: Verdict) -> bool:
    return any(promise in violation for violation in verdict.violations for promise in ("S4", "S6"))
