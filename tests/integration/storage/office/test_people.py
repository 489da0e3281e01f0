"""Persons and posts in a real database: who holds what now, by whose word; the same after the database was lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import pytest

from storage.office import people_table
from storage.office.people_table import PersonStep, PostRow
from tests.integration.storage.recovery.test_lost_database import gone, rebuilt
from tests.support.office import WALL_MS, Office

T = TypeVar("T")
CHEN, LIN, WANG = 1, 2, 3
TWO: Final = (1001, 1002)


@pytest.fixture
def box(memory: Path) -> Iterator[Office]:
    office = Office(memory)
    yield office
    office.store.close()


def in_one(box: Office, fact: Callable[[sqlite3.Connection], T]) -> T:
    return box.store._held.database.submit(fact).result()


def enter(box: Office, step: PersonStep, **told: int | str | None) -> int:
    return in_one(box, lambda connection: people_table.enter(connection, step, WALL_MS, TWO, **told))


def posts(box: Office) -> list[PostRow]:
    return box.store._held.database.read(lambda connection: list(people_table.posts(connection)))


def story(box: Office) -> None:
    for number, account in ((CHEN, 1001), (LIN, 1002), (WANG, None)):
        enter(box, PersonStep.ADDED, person=number, unit="第一課", account=account)
    enter(box, PersonStep.HOLDS, person=CHEN, post="主任", unit="")
    enter(box, PersonStep.HOLDS, person=WANG, post="課長", unit="第一課")
    enter(box, PersonStep.DEPUTISES, person=LIN, post="主任", unit="", holder=CHEN, from_ms=0, to_ms=9)


def test_who_holds_what_by_whose_word(box: Office) -> None:
    story(box)
    assert [(one.person, one.post, one.unit, one.by, one.holder) for one in posts(box)] == [
        (CHEN, "主任", "", frozenset(TWO), None),
        (WANG, "課長", "第一課", frozenset(TWO), None),
        (LIN, "主任", "", frozenset(TWO), CHEN),
    ]
    enter(box, PersonStep.DEPUTISES_NO_MORE, person=LIN, post="主任", unit="")
    enter(box, PersonStep.HOLDS_NO_MORE, person=WANG, post="課長", unit="第一課")
    assert [one.person for one in posts(box)] == [CHEN]


def test_who_has_left_holds_nothing_and_nobody_stands_for_him(box: Office) -> None:
    story(box)
    enter(box, PersonStep.LEFT, person=CHEN)
    assert [one.person for one in posts(box)] == [WANG]
    enter(box, PersonStep.TIED, person=WANG, account=1001)


def test_an_account_is_of_one_person(box: Office) -> None:
    story(box)
    with pytest.raises(sqlite3.IntegrityError):
        enter(box, PersonStep.TIED, person=WANG, account=1001)


def test_a_lost_database_loses_no_person_and_no_post(box: Office) -> None:
    story(box)
    enter(box, PersonStep.HOLDS_NO_MORE, person=WANG, post="課長", unit="第一課")
    before = posts(box), box.store._held.database.read(lambda db: list(people_table.persons(db)))
    box.store.ledger.mirror_now()
    box.store.close()
    gone(box.state / "edged.db")
    box.start()
    rebuilt(box)
    assert (posts(box), box.store._held.database.read(lambda db: list(people_table.persons(db)))) == before
