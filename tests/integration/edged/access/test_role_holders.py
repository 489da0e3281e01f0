"""Accounts that hold roles, on record: told when it changes, from the ledger's own memory, and nobody by name."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from edged.access import role_watch
from edged.access.role_watch import RoleHistory, changed
from edged.evidence import ledger_text
from edged.host import accounts
from edged.host.accounts import AccountDirectory, HostAccount
from edged.words.roles import Assignment, Role
from storage.ledger import table as ledger_table
from storage.ledger.table import Leaf
from tests.support.office import Office

ROLES: Assignment = {Role.OPERATOR: ("cctv",), Role.AUTHORITY: ("chiefs",), Role.VIEWER: ("cctv", "all")}


class System:
    """Groups that are played."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups: dict[str, set[int]] = {"cctv": {1001}, "chiefs": {1002}, "all": set()}
        monkeypatch.setattr(accounts, "members", self.members)
        monkeypatch.setattr(accounts, "unknown", lambda named: tuple(one for one in named if one not in self.groups))
        monkeypatch.setattr(accounts, "account", lambda uid: HostAccount(f"person{uid}"))

    def members(self, groups: Collection[str]) -> frozenset[int]:
        return frozenset(uid for group in groups for uid in self.groups.get(group, ()))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.store.close(clean=False)


@pytest.fixture
def directory() -> Iterator[AccountDirectory]:
    made = AccountDirectory()
    yield made
    made.close()


def started(office: Office, directory: AccountDirectory) -> RoleHistory:
    return RoleHistory(office.store.journal, office.store.ledger.leaves, directory)


def told(office: Office) -> list[tuple[int, list[str]]]:
    entries = office.store._database.read(lambda db: ledger_table.leaves(db, 0, 1000))
    bodies = [json.loads(entry.body) for entry in entries if entry.kind == Leaf.HOLDER]
    assert not any("person" in str(body) for body in bodies)
    return [(body["account"], body["roles"]) for body in bodies]


async def test_whoever_comes_to_hold_a_role_is_told_once(
    office: Office, system: System, directory: AccountDirectory
) -> None:
    watch = started(office, directory)
    await watch.poll(ROLES)
    await watch.poll(ROLES)
    first = [(1001, ["operator", "viewer"]), (1002, ["authority"])]
    assert told(office) == first
    system.groups["chiefs"].add(0)  # root writes himself into it
    await watch.poll(ROLES)
    assert told(office) == [*first, (0, ["authority"])]
    await started(office, directory).poll(ROLES)
    assert len(told(office)) == 3, "a start tells what changed and nothing else"


async def test_who_changes_while_edged_is_stopped_is_told(
    office: Office, system: System, directory: AccountDirectory
) -> None:
    await started(office, directory).poll(ROLES)
    office.store.close()
    system.groups["chiefs"] = {1003}
    office.start()
    await started(office, directory).poll(ROLES)
    assert told(office)[2:] == [(1002, []), (1003, ["authority"])]


async def test_who_is_both_holds_neither(office: Office, system: System, directory: AccountDirectory) -> None:
    system.groups["chiefs"].add(1001)
    watch = started(office, directory)
    await watch.poll(ROLES)
    assert told(office)[0] == (1001, ["viewer"])
    await watch.poll({**ROLES, Role.OPERATOR: ()})
    assert told(office)[2:] == [(1001, ["authority", "viewer"])], "what was narrowed made somebody an authority"


async def test_a_directory_that_is_away_takes_nobody_his_role(
    office: Office, system: System, directory: AccountDirectory
) -> None:
    watch = started(office, directory)
    await watch.poll(ROLES)
    cctv = system.groups.pop("cctv")
    system.groups["all"].add(1004)
    await watch.poll(ROLES)
    assert told(office)[2:] == [(1004, ["viewer"])]
    system.groups["cctv"] = cctv
    await watch.poll(ROLES)
    assert len(told(office)) == 3
    await watch.poll(None)
    assert [roles for _, roles in told(office)[3:]] == [[], [], []]


async def test_of_a_whole_directory_each_look_tells_some(
    office: Office, system: System, directory: AccountDirectory
) -> None:
    system.groups["all"] |= set(range(5000, 5000 + role_watch.EACH_LOOK))
    watch = started(office, directory)
    await watch.poll(ROLES)
    assert len(told(office)) == role_watch.EACH_LOOK
    await watch.poll(ROLES)
    assert len(told(office)) == role_watch.EACH_LOOK + 2


def test_what_is_new_is_told_and_what_is_gone_if_it_is() -> None:
    one, two = frozenset({"viewer"}), frozenset({"viewer", "operator"})
    assert changed({1: one, 2: two}, {1: one, 2: two}, lost=True) == []
    assert changed({1: one, 2: two}, {1: two, 2: one, 3: one}, lost=True) == [1, 2, 3]
    assert changed({1: one, 2: two}, {1: two, 2: one, 3: one}, lost=False) == [1, 3]


def test_in_words() -> None:
    body = {"account": 1002, "roles": ["authority", "viewer"], "who": "0" * 64}
    assert (
        ledger_text.sentence("holder", body, {"who": "lin"})
        == "account 1002, lin, holds authority and viewer by its groups"
    )
    assert "no role any more" in ledger_text.sentence("holder", {**body, "roles": []}, {})
