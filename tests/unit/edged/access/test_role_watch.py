"""What is the matter with roles, as alarms; accounts and groups as the system has them."""

from __future__ import annotations

import grp
import pwd

import pytest

from edged.access import role_watch
from edged.access.role_watch import RolesSeen, RoleWatch
from edged.alarms import conditions
from edged.host import accounts
from edged.host.accounts import AccountDirectory
from edged.words.roles import Assignment, Role
from storage.words.model import Severity

PEOPLE = {
    "chen": pwd.struct_passwd(("chen", "x", 1001, 1001, "", "/", "/bin/sh")),
    "lin": pwd.struct_passwd(("lin", "x", 1002, 2002, "", "/", "/bin/sh")),
    "wu": pwd.struct_passwd(("wu", "x", 1003, 1003, "", "/", "/bin/sh")),
}
GROUPS = {
    "cctv": grp.struct_group(("cctv", "x", 2001, ["chen", "lin", "gone"])),
    "chiefs": grp.struct_group(("chiefs", "x", 2002, ["chen"])),
    "hidden": grp.struct_group(("hidden", "x", 2003, [])),
}
ROLES: Assignment = {Role.OPERATOR: ("cctv", "hidden"), Role.AUTHORITY: ("chiefs",), Role.AUDITOR: ("ethics",)}


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lin has the group of the chiefs as her own. Wu is in two groups whose members nobody lists."""
    by_number = {entry.pw_uid: entry for entry in PEOPLE.values()}
    monkeypatch.setattr(pwd, "getpwuid", by_number.__getitem__)
    monkeypatch.setattr(pwd, "getpwnam", PEOPLE.__getitem__)
    monkeypatch.setattr(pwd, "getpwall", lambda: list(PEOPLE.values()))
    monkeypatch.setattr(grp, "getgrnam", GROUPS.__getitem__)

    def getgrouplist(name: str, own: int) -> list[int]:
        listed = [entry.gr_gid for entry in GROUPS.values() if name in entry.gr_mem]
        return [own, *listed, *([2002, 2003] if name == "wu" else [])]

    monkeypatch.setattr("os.getgrouplist", getgrouplist)


def test_an_account_is_in_its_own_group_and_in_those_it_was_put_into() -> None:
    assert accounts.account(1002, ("cctv", "chiefs", "ethics")).groups == {"cctv", "chiefs"}
    assert accounts.account(1003, ("cctv", "chiefs")).groups == {"chiefs"}
    assert accounts.account(4711, ("cctv",)) == accounts.HostAccount("uid 4711", known=False)
    assert accounts.members(("cctv", "ethics")) == {1001, 1002}
    assert accounts.members(("chiefs",)) == {1001, 1002}
    assert accounts.unknown(("cctv", "ethics")) == ("ethics",)


async def test_who_is_both_is_found_listed_or_by_calling() -> None:
    directory, now = AccountDirectory(), [ROLES]
    watch = RoleWatch(lambda: now[0], directory)
    assert await watch.poll(0) == RolesSeen(("chen", "lin"), ("ethics",), looked=True)
    watch.clash(1003)
    assert (await watch.poll(2)) == RolesSeen(("chen", "lin", "wu"), ("ethics",), 2, looked=True)
    now[0] = {Role.OPERATOR: ("cctv",), Role.AUTHORITY: ("hidden",)}
    assert await watch.poll(0) == RolesSeen((), (), looked=True), "nobody is, and nobody is suspected for ever"
    assert watch._suspects == set()
    directory.close()


def test_who_is_in_the_group_of_the_files_is_told_but_not_root_and_the_account_that_has_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grp, "getgrgid", {2001: GROUPS["cctv"]}.__getitem__)
    assert role_watch._readers(1001, 2001) == ("lin",)
    assert role_watch._readers(990, 2001) == ("chen", "lin")
    assert role_watch._readers(990, 4711) == (), "a group without a name"
    assert role_watch._readers(0, 0) == ()
    found = dict(conditions.role_troubles(RolesSeen(readers=("lin",))))
    assert found["roles.readers"].severity is Severity.CRITICAL
    assert found["roles.readers"].names == "lin"
    assert "lin" not in found["roles.readers"].text, "the centre is told the text"


async def test_suspects_are_bounded() -> None:
    directory = AccountDirectory()
    watch = RoleWatch(lambda: None, directory)
    for uid in range(role_watch.SUSPECTS_MAX + 5):
        watch.clash(uid)
    assert len(watch._suspects) == role_watch.SUSPECTS_MAX
    assert await watch.poll(0) == RolesSeen(looked=True)
    directory.close()


def test_alarms_name_what_is_to_be_done() -> None:
    found = dict(conditions.role_troubles(RolesSeen(("chen",), ("ethics",), 3)))
    assert set(found) == {"roles.clash", "roles.unknown-group", "journal.owed"}
    assert (found["roles.clash"].names, "chen" in found["roles.clash"].text) == ("chen", False)
    assert "ethics" in found["roles.unknown-group"].text
    assert found["journal.owed"].severity is Severity.CRITICAL
    assert not dict(conditions.role_troubles(RolesSeen()))
