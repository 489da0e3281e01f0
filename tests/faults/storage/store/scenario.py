"""A day at a box in a nutshell, played by hand on the real storage, and what was answered while it went on.

Everything is told to `Told` at the moment at which somebody may rely on it: a segment that was committed, fragments
that were synced, what a sweep may take and what it has taken. Whatever befalls the disks, `broken` says afterwards
which of these answers no longer holds. The hands behave as a worker and its runner do: what fails is given up and
salvaged, or asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

from storage.approvals.table import Person
from storage.pins.rules import DAY_MS, Ground, Interval, Limits, PinOrder
from storage.retention.plan import Policy
from storage.segments.segment_file import SegmentFile
from storage.volumes.volume import VolumeSpec
from storage.words.errors import StoreError
from storage.words.layout import segment_path
from storage.words.message import Message
from storage.words.model import GapCause, Segment, Severity
from tests.support import promises, tiny_mp4
from tests.support.office import BOUNDS, DEADLINE_S, WALL_MS, Clock, Office, Recording
from tests.support.promises import Box
from tests.support.tiny_mp4 import FRAGMENT_FRAMES, FRAGMENT_MS

T = TypeVar("T")
Key = tuple[str, int]
"""Camera and number of a segment."""

CAMERAS: Final = ("lobby", "stairs")
PLACER: Final = Person(1001, "chen")
APPROVER: Final = Person(1002, "lin")
LIMITS: Final = Limits(180 * DAY_MS, 100.0)
FRAME_MS: Final = FRAGMENT_MS // FRAGMENT_FRAMES
TRIES: Final = 3
"""A fact that was not stored is told again."""


@dataclass(slots=True)
class Told:
    """What somebody may rely on."""

    committed: dict[Key, Segment] = field(default_factory=dict)
    written: dict[Key, int] = field(default_factory=dict)
    """Frames that reached the file."""
    synced: dict[Key, int] = field(default_factory=dict)
    """Frames that a power cut must leave."""
    may_go: set[Key] = field(default_factory=set)
    gone: set[Key] = field(default_factory=set)
    pinned: dict[str, frozenset[Key]] = field(default_factory=dict)
    releasing: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    """Key and what became of it."""
    wall_ms: int = WALL_MS
    """What everybody's clock says."""

    def held(self) -> set[Key]:
        """What a pin keeps, for sure."""
        return {key for pin, keys in self.pinned.items() if pin not in self.releasing for key in keys}

    def lost_ms(self, box: Box) -> int:
        """The most of any one segment that was written and is not there any more."""
        found = {(row["camera_id"], row["seq"]): row["video_frames"] for row in box.segments()}
        lost = [frames - found.get(key, 0) for key, frames in self.written.items() if key not in self.may_go]
        return max(lost, default=0) * FRAME_MS


class Event(Protocol):
    """Something that was answered."""

    def tell(self, told: Told) -> None: ...


@dataclass(frozen=True, slots=True)
class Committed:
    segment: Segment

    def tell(self, told: Told) -> None:
        told.committed[self.segment.camera, self.segment.seq] = self.segment


@dataclass(frozen=True, slots=True)
class Written:
    key: Key
    frames: int
    synced: bool

    def tell(self, told: Told) -> None:
        told.written[self.key] = self.frames
        if self.synced:
            told.synced[self.key] = self.frames


@dataclass(frozen=True, slots=True)
class MayGo:
    """A sweep begins, and these are past their floor."""

    keys: frozenset[Key]

    def tell(self, told: Told) -> None:
        told.may_go |= self.keys


@dataclass(frozen=True, slots=True)
class Gone:
    """A sweep has ended, and these are destroyed for good."""

    keys: frozenset[Key]

    def tell(self, told: Told) -> None:
        told.gone |= self.keys


@dataclass(frozen=True, slots=True)
class Pinned:
    pin: str
    keys: frozenset[Key]

    def tell(self, told: Told) -> None:
        told.pinned[self.pin] = self.keys


@dataclass(frozen=True, slots=True)
class Releasing:
    """Asked for and about to be approved."""

    pin: str

    def tell(self, told: Told) -> None:
        told.releasing.add(self.pin)


@dataclass(frozen=True, slots=True)
class Released:
    pin: str

    def tell(self, told: Told) -> None:
        told.released.add(self.pin)


@dataclass(frozen=True, slots=True)
class Alarmed:
    """An alarm was raised, acknowledged or cleared: the centre has to hear of it (S8)."""

    key: str
    what: str

    def tell(self, told: Told) -> None:
        told.alarms.append((self.key, self.what))


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed."""

    wall_ms: int

    def tell(self, told: Told) -> None:
        told.wall_ms = self.wall_ms


def fold(events: list[Event]) -> Told:
    told = Told()
    for event in events:
        event.tell(told)
    return told


def broken(told: Told, box: Box) -> list[str]:
    """Which answers no longer hold, with what was left open worked off."""
    rows = {(row["camera_id"], row["seq"]): row for row in box.segments() if row["name"] is None}
    faults = []
    for key, segment in told.committed.items():
        row = rows.get(key)
        if row is None or row["state"] != "committed":
            if key not in told.may_go:
                faults.append(f"S6: {key} was committed, and now it is {row['state'] if row else 'not there'}")
        elif (row["bytes"], row["sha256"]) != (segment.bytes, segment.sha256):
            faults.append(f"S4: {key} was committed with another size or hash")
    for key, frames in told.synced.items():
        row = rows.get(key)
        found = row["video_frames"] if row is not None and row["state"] == "committed" else 0
        if found < frames and key not in told.may_go:
            faults.append(f"S6: {key} had {frames} frames synced, and has {found}")
    lasting = {row["id"] for row in box.look("SELECT id FROM pins WHERE state IN ('provisional', 'approved')")}
    faults += [f"S2: pin {pin} was answered, and is lost" for pin in told.pinned.keys() - told.releasing - lasting]
    faults += [f"S2: pin {pin} was released, and lasts" for pin in told.released & lasting]
    unheld = {key for key in told.held() if key in rows and not rows[key]["pins"]}
    faults += [f"S2: {key} is pinned, and its row does not say so" for key in unheld]
    faults += [f"S8: alarm {key} was {what}, and no event tells of it" for key, what in _untold(told, box)]
    back = told.gone & rows.keys()
    return [*faults, *(f"S5: {key} was destroyed, and is {rows[key]['state']} again" for key in back)]


def _untold(told: Told, box: Box) -> Counter[tuple[str, str]]:
    """Of a database that was lost, the event that its successor began with tells instead."""
    if box.look("SELECT 1 FROM rebuilds"):
        return Counter()
    events = box.look("SELECT body ->> 'key' AS key, body ->> 'what' AS what FROM outbox WHERE kind = 'alarm'")
    return Counter(told.alarms) - Counter((event["key"], event["what"]) for event in events)


class OfficeAt(Office):
    """An office whose state and volumes lie where they are told to."""

    def __init__(self, state: Path, disk: Path, clock: Clock | None = None, *others: Path) -> None:
        self.clock = clock or Clock()
        self.state = state
        self.disk = disk
        for one in (disk, *others):
            one.mkdir(parents=True, exist_ok=True)
        self.specs = tuple(VolumeSpec(one, None, None, None) for one in (disk, *others))
        self.store = self.open()

    def box(self) -> Box:
        """What is looked at from outside."""
        return Box(self.state, {status.id: status.path for status in self.store.volumes()})


def key_of(recording: Recording) -> Key:
    return recording.opening.camera, recording.opening.seq


class Hands:
    """A worker and a runner for each camera. `note` hears of each answer at once; `trouble` is what did not work."""

    def __init__(self, office: Office, note: Callable[[Event], None]) -> None:
        self.office = office
        self.note = note
        self.trouble: list[Exception] = []
        self._given_up: set[Key] = set()
        self._files: list[SegmentFile] = []
        self.held: set[Key] = set()

    def ask(self, act: Callable[[], T]) -> T | None:
        """Again, if it failed; None if it always does."""
        for _ in range(TRIES):
            try:
                return act()
            except (StoreError, OSError) as error:
                self.trouble.append(error)
        return None

    def tick(self, ms: int) -> None:
        self.note(Ticked(self.office.clock.tick(ms).wall_ms))

    def enrol(self) -> None:
        for camera in CAMERAS:
            self.ask(partial(self.office.enrol, camera))

    def begin(self, camera: str) -> Recording | None:
        """A row, then a file with its head."""
        try:
            return self._record(camera)
        except (StoreError, OSError, AssertionError) as error:  # no volume is there
            self.trouble.append(error)
            self.miss(camera, GapCause.IO_ERROR)
            tail = self.ask(lambda: self.office.store.tail(camera))
            if tail is not None and tail.next_seq > 1:
                self.salvage(camera, tail.next_seq - 1)
            return None

    def _record(self, camera: str) -> Recording:
        office, opening = self.office, self.office.opening(camera)
        office.store.open_segment(opening).result(DEADLINE_S)
        relative = segment_path(camera, opening.start.wall_ms, opening.seq)
        file = SegmentFile.create(office.disk, opening.volume, relative)
        self._files.append(file)
        try:
            file.write(tiny_mp4.head(office.story(opening).to_json()))
        except BaseException:
            self._let_go(file)
            raise
        return Recording(opening, file)

    def die(self) -> None:
        """Whoever writes is gone."""
        for file in self._files:
            self._let_go(file)

    def _let_go(self, file: SegmentFile) -> None:
        if not file.abandon():
            self.trouble.append(OSError("what was written is not confirmed"))

    def write(self, recording: Recording | None, fragments: int = 1, *, sync: bool = True, late: bool = False) -> None:
        """Fragments, synced or not. `late`: the next segment has begun. What cannot be written is given up."""
        if recording is None or key_of(recording) in self._given_up:
            return
        key = key_of(recording)
        try:
            recording.write(fragments)
            self.note(Written(key, recording.fragments * FRAGMENT_FRAMES, synced=False))
            if sync:
                recording.file.sync()
                self.note(Written(key, recording.fragments * FRAGMENT_FRAMES, synced=True))
        except OSError as error:
            self.give_up(recording, error)
        if not late:
            self.tick(fragments * FRAGMENT_MS)

    def commit(self, recording: Recording | None) -> None:
        """The file, then its row."""
        if recording is None or key_of(recording) in self._given_up:
            return
        try:
            closing = recording.close()
        except OSError as error:
            self.give_up(recording, error)
            return
        segment = self.ask(lambda: self.office.store.commit_segment(closing).result(DEADLINE_S))
        if segment is not None:
            self.note(Committed(segment))

    def give_up(self, recording: Recording, error: OSError | None = None) -> None:
        """Its worker lets go of it, dying or not, and what there is of it is salvaged."""
        if error is not None:
            self.trouble.append(error)
        self._given_up.add(key_of(recording))
        self._let_go(recording.file)
        self.miss(recording.opening.camera, GapCause.IO_ERROR)
        self.salvage(*key_of(recording))

    def salvage(self, camera: str, seq: int) -> None:
        salvaged = self.ask(lambda: self.office.salvage(camera, seq))
        for segment in salvaged.segments if salvaged else ():
            self.note(Committed(segment))
        if salvaged is not None and salvaged.left:
            self.trouble.append(OSError(*salvaged.left))

    def pause(self) -> None:
        """Nothing comes for a while."""
        for camera in CAMERAS:
            self.miss(camera, GapCause.DROPPED)

    def miss(self, camera: str, cause: GapCause) -> None:
        """From the end of what is recorded the camera is not."""
        self.ask(lambda: self.office.store.begin_gap(camera, None, cause, "").result(DEADLINE_S))

    def alarm(self, key: str) -> None:
        """It stands from now on."""
        raised = self.office.store.alarms.raised
        if self.ask(
            lambda: raised(key, Severity.WARNING, Message("the cable is loose"), Message("push")).result(DEADLINE_S)
        ):
            self.note(Alarmed(key, "raised"))

    def calm(self, key: str) -> None:
        """Somebody has seen it, and it is over."""
        alarms = self.office.store.alarms
        if self.ask(lambda: alarms.acknowledge(key).result(DEADLINE_S)):
            self.note(Alarmed(key, "acknowledged"))
        if self.ask(lambda: alarms.cleared(key).result(DEADLINE_S)):
            self.note(Alarmed(key, "cleared"))

    def sweep(self) -> None:
        """What is past its ceiling goes."""
        now_ms = self.office.clock.wall_ms  # it is never stepped here
        ours = self.ask(lambda: self.office.store.segments(None, None, None)) or []
        past = [
            one
            for one in ours
            if now_ms - one.end.wall_ms >= BOUNDS.floor_s * 1000 and (one.camera, one.seq) not in self.held
        ]
        self.note(MayGo(frozenset((one.camera, one.seq) for one in past)))
        report = self.ask(lambda: self.office.store.sweep(lambda: Policy(dict.fromkeys(CAMERAS, BOUNDS))))
        if report is None:
            return
        self.trouble += [OSError(words) for words in report.failed]
        left = self.ask(lambda: self.office.store.segments(None, None, None))
        if left is not None and not report.failed:
            there = {(one.camera, one.seq) for one in left}
            self.note(Gone(frozenset((one.camera, one.seq) for one in past) - there))

    def pin(self, camera: str) -> str | None:
        """All that is there of a camera, as evidence; its id, once that is answered."""
        ours = self.ask(lambda: self.office.store.segments(camera, None, None))
        if not ours:
            return None
        interval = Interval(ours[0].start.wall_ms + 1, ours[-1].end.wall_ms - 1)
        order = PinOrder((camera,), interval, Ground.LAW, "刑事訴訟法 133", "115-0042", "主任", 30 * DAY_MS)
        placed = self.ask(lambda: self.office.store.pins.place(order, PLACER, LIMITS))
        if placed is None:
            return None
        within = [one for one in ours if interval.touches(one.start.wall_ms, one.end.wall_ms - one.start.wall_ms)]
        keys = frozenset((one.camera, one.seq) for one in within)  # one whose first sync failed has no length
        self.held |= keys
        self.note(Pinned(placed[0].pin.id, keys))
        return placed[0].pin.id

    def release(self, pin: str | None) -> None:
        """By two persons."""
        if pin is None:
            return
        store = self.office.store

        def deed() -> None:
            act = store.acts.ask("pin-release", {"pin": pin}, PLACER)
            store.acts.approve(act.id, APPROVER, lambda act: store.pins.releasing(pin, act.asker.name, "closed"))
            store.pins.follow_up()

        self.note(Releasing(pin))
        self.held.clear()
        try:
            deed()
        except (StoreError, OSError) as error:
            self.trouble.append(error)
            return
        self.note(Released(pin))

    def crash(self) -> None:
        """SIGKILL, and up again at once, with new files before the old ones are looked after."""
        self.die()
        self.office.store.close(clean=False)
        self.start()

    def start(self) -> None:
        self.ask(self.office.start)
        self.enrol()

    def recover(self) -> None:
        report = self.ask(self.office.store.recover)
        self.trouble += [OSError(words) for words in (report.left if report else ())]


def play(hands: Hands) -> None:
    """Two cameras, cuts, a worker that dies, the ring turning, a daemon that is killed; nothing is left in progress."""
    office, (first, second) = hands.office, CAMERAS
    hands.enrol()
    for camera in CAMERAS:
        recording = hands.begin(camera)
        for _ in range(2):
            hands.write(recording, 2)
            following = hands.begin(camera)  # a cut: the old one is closed a moment later
            hands.write(recording, sync=False, late=True)
            hands.commit(recording)
            recording = following
        hands.write(recording)
        hands.commit(recording)
    hands.alarm(f"camera.down:{second}")
    hands.ask(lambda: office.store.heartbeat().result(DEADLINE_S))
    dying = hands.begin(second)
    hands.write(dying, 2)
    hands.write(dying, sync=False)
    if dying is not None:
        hands.give_up(dying)
    hands.pause()
    pin = hands.pin(first)
    hands.tick(BOUNDS.ceiling_s * 1000)
    hands.ask(lambda: office.store.heartbeat().result(DEADLINE_S))
    recording = hands.begin(first)
    hands.write(recording, 2)
    hands.sweep()
    hands.commit(recording)
    left = [hands.begin(camera) for camera in CAMERAS]
    for one in left:
        hands.write(one, 2)
        hands.write(one, sync=False)
    hands.crash()
    recordings = [hands.begin(camera) for camera in CAMERAS]
    hands.recover()
    for recording in recordings:
        hands.write(recording, 2)
        hands.write(recording, sync=False)  # what the commit has to sync
        hands.commit(recording)
    hands.pause()
    hands.calm(f"camera.down:{second}")
    hands.release(pin)
    hands.sweep()


def worked_off(hands: Hands, told: Told, box: Box) -> list[str]:
    """What does not hold once the next start, which records at once, has worked off what was left."""
    hands.enrol()
    fresh = hands.begin(CAMERAS[0])
    hands.write(fresh, 2)
    hands.recover()
    again = hands.office.store.recover()
    hands.commit(fresh)
    hands.pause()
    hands.held = told.held()
    hands.sweep()
    faults = [f"recovery: {error!r}" for error in hands.trouble]
    if (again.adopted, again.unproven, again.quarantined, again.without_file, again.garbage) != (0,) * 5:
        faults.append(f"a second recovery found more to do: {again}")
    return [*faults, *promises.at_rest(box), *broken(told, box)]
