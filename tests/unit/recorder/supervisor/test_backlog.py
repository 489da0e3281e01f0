"""recorder.supervisor.backlog: facts are entered once and in order, wait unless they are untrue, and are never
lost unsaid."""

from __future__ import annotations

import asyncio
import errno
import logging
from dataclasses import dataclass, field

import pytest

from recorder.supervisor.backlog import MAX_WAITING, PendingFacts, Result
from recorder.supervisor.state import NotSpawned
from recorder.words.messages import Closed, Granted, Opening, Refused, Terms
from storage.words.errors import DatabaseDamaged, NotOpen, UnknownCamera, WriteFailed
from storage.words.message import NOTHING
from storage.words.model import GapCause, Moment

TERMS = Terms("volume", "/volume", 60, 3600, 1, synced=True)
LATER: list[Exception] = [
    WriteFailed("the database could not be written", "check the disk"),
    DatabaseDamaged("edged.db is damaged", "check the disk"),
    OSError(errno.EIO, "Input/output error"),
    ZeroDivisionError("a defect"),
]


def closed(seq: int) -> Closed:
    return Closed(seq, 1, 1, 1, "ab" * 32, 1, "cd" * 32, 1)


def opening(seq: int) -> Opening:
    return Opening(seq, 1, 1, TERMS)


@dataclass
class Notebook:
    """Notes what is entered, and fails as it is told: by the number of a segment, or for everything."""

    entered: list[object] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)
    error: Exception | None = None
    slow: bool = False

    async def _note(self, fact: object, seq: int = 0) -> None:
        if self.slow:
            await asyncio.sleep(0)
        if (error := self.error or self.errors.get(seq)) is not None:
            raise error
        self.entered.append(fact)

    async def terms(self, camera: str) -> Terms | GapCause:
        return TERMS

    async def tail(self, camera: str) -> tuple[int, str]:
        return 1, ""

    async def open(self, camera: str, opening: Opening) -> Granted | Refused:
        await self._note(("open", opening.seq), opening.seq)
        return Granted(opening.seq)

    async def close(self, camera: str, closed: Closed) -> None:
        await self._note(("close", closed.seq), closed.seq)

    async def salvage(self, camera: str, seq: int, cause: GapCause, detail: str) -> bool:
        raise NotImplementedError

    async def gap(self, camera: str, at: Moment | None, cause: GapCause, detail: str) -> None:
        await self._note(cause)

    async def hole(self, camera: str, start: Moment, end: Moment, detail: str) -> None:
        raise NotImplementedError


async def test_a_session_begins_on_the_terms_of_now_not_of_when_the_catalog_was_asked() -> None:
    """Of what changes later the runner hears; until here nobody listens."""
    full: list[Terms | GapCause] = [TERMS, GapCause.FLOOR_PROTECT]

    class Changing(Notebook):
        async def terms(self, camera: str) -> Terms | GapCause:
            return full[0]

        async def tail(self, camera: str) -> tuple[int, str]:
            del full[0]
            return 1, ""

    begun = await PendingFacts("lobby", Changing()).start()
    assert isinstance(begun, NotSpawned)
    assert begun.cause is GapCause.FLOOR_PROTECT


@pytest.mark.parametrize("error", LATER, ids=lambda error: type(error).__name__)
async def test_a_fact_waits_for_all_that_is_no_contradiction_and_is_complained_of_once(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Notebook(error=error)
    books = PendingFacts("lobby", keeper)
    assert await books.close(closed(1)) is Result.WAITS
    assert await books.gap(None, GapCause.DROPPED, NOTHING) is Result.WAITS
    for _ in range(5):
        await books.settle()
    assert books.waiting
    keeper.error = None
    await books.settle()
    assert keeper.entered == [("close", 1), GapCause.DROPPED]
    assert not books.waiting
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


@pytest.mark.parametrize("error", [NotOpen("it is destroyed", ""), UnknownCamera("never enrolled", "")])
async def test_what_storage_calls_untrue_is_dropped_by_name_and_only_that(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Notebook(error=WriteFailed("busy", ""))
    books = PendingFacts("lobby", keeper)
    await books.close(closed(1))
    keeper.error, keeper.errors = None, {1: error}
    assert await books.close(closed(2)) is Result.ENTERED, "an innocent fact that comes along with an untrue one"
    assert not books.waiting
    assert "lobby: segment 1 is dropped" in caplog.text
    keeper.errors = {3: error}
    assert await books.close(closed(3)) is Result.UNTRUE


async def test_too_many_facts_cost_the_oldest_by_name(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Notebook(error=WriteFailed("busy", ""))
    books = PendingFacts("lobby", keeper)
    for seq in range(1, MAX_WAITING + 2):
        await books.close(closed(seq))
    assert [r.getMessage() for r in caplog.records if "dropped" in r.getMessage()] == [
        f"lobby: segment 1 is dropped, because {MAX_WAITING} facts wait already"
    ]
    keeper.error = None
    await books.settle()
    assert keeper.entered == [("close", seq) for seq in range(2, MAX_WAITING + 2)]


async def test_no_segment_overtakes_what_the_store_cannot_take_now() -> None:
    """A gap that is entered after the segment that ended it would last."""
    keeper = Notebook(errors={0: OSError(errno.ENOSPC, "No space left on device")})
    books = PendingFacts("lobby", keeper)
    await books.gap(None, GapCause.DROPPED, NOTHING)
    answer, why = await books.open(opening(2))
    assert answer == Refused(2, GapCause.DISK_FULL)
    assert "No space left" in why
    keeper.errors = {}
    assert (await books.open(opening(3)))[0] == Granted(3)
    assert keeper.entered == [GapCause.DROPPED, ("open", 3)]


async def test_a_fact_that_meets_a_defect_does_not_end_the_recording() -> None:
    keeper = Notebook(errors={1: ZeroDivisionError("a defect")})
    books = PendingFacts("lobby", keeper)
    assert await books.close(closed(1)) is Result.WAITS
    assert (await books.open(opening(2)))[0] == Granted(2)
    assert await books.close(closed(2)) is Result.ENTERED
    assert books.waiting


async def test_a_session_that_begins_settles_beside_the_runner() -> None:
    """Each fact is entered once; none is taken for another's turn."""
    keeper = Notebook(error=WriteFailed("busy", ""), slow=True)
    books = PendingFacts("lobby", keeper)
    for seq in (1, 2, 3):
        await books.close(closed(seq))
    keeper.error = None
    await asyncio.gather(books.settle(), books.start(), books.close(closed(4)))
    assert keeper.entered == [("close", seq) for seq in (1, 2, 3, 4)]


async def test_recording_is_said_to_be_entered_again_only_when_segments_are(caplog: pytest.LogCaptureFixture) -> None:
    keeper = Notebook(errors={1: WriteFailed("busy", ""), 2: WriteFailed("busy", "")})
    books = PendingFacts("lobby", keeper)
    for seq in (1, 2):
        assert isinstance((await books.open(opening(seq)))[0], Refused)
        await books.gap(None, GapCause.IO_ERROR, NOTHING)
    assert len(caplog.records) == 1
    await books.open(opening(3))
    assert len(caplog.records) == 2
