"""Accounts of the system: which groups one is in, and becoming the one that the daemon runs as.

Groups are asked of the system's databases at each call, never of the caller.

A process goes on claiming the groups it began with; a group somebody was taken out of counts no more from the next call
on. The databases may be on the network (NSS), so they are asked on threads of their own, with a deadline: a directory
that hangs holds up whoever needs a role, and nobody else.

Whoever works on the daemon's files while it is down becomes its account: root would make files that the daemon cannot
use afterwards, and may do more than is needed. Privileges are given up for good: this process does not come back. Knows
no configuration: it is told which directory.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from edged.words.value_types import ACCOUNT
from storage.words.errors import said
from storage.words.message import Message, message

T = TypeVar("T")

AS_ROOT: Final = message("host.as-root", "as root, or with sudo: to this account it is closed")

PATIENCE_S: Final = 5.0
"""A directory service that needs longer is out of order; who calls is told so."""
THREADS: Final = 2
"""One that hangs holds one; more than these wait, and give up after their patience."""


@dataclass(frozen=True, slots=True)
class HostAccount:
    """One account, as the system knows it now."""

    name: str
    """Its number, in words, where it has none."""
    groups: frozenset[str] = frozenset()
    """Of the groups that were asked about, those it is in."""
    known: bool = True
    """The system has an account of that number."""


def otherwise(instead: Message) -> Message:
    """What whoever may not read a file of edged's is told. `instead`: what is told the account of edged itself.

    To anybody else its modes may be just right.
    """
    return instead if os.geteuid() == 0 or account(os.geteuid()).name == ACCOUNT else AS_ROOT


def account(uid: int, groups: Collection[str] = ()) -> HostAccount:
    """Blocking. An account that the system does not know is in no group; nor is anybody in a group it does not know."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return HostAccount(f"uid {uid}", known=False)
    if not groups:
        return HostAccount(entry.pw_name)
    held = set(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return HostAccount(entry.pw_name, frozenset(group for group in groups if _number(group) in held))


def group(gid: int) -> str:
    """Blocking: its name; its number, which no group is called, where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def unknown(groups: Collection[str]) -> tuple[str, ...]:
    """Blocking: those that the system does not know."""
    return tuple(group for group in groups if _number(group) is None)


def members(groups: Collection[str]) -> frozenset[int]:
    """Blocking: uids of the accounts that the databases list in one of these groups, also as their own group.

    A directory that does not let itself be listed leaves some out; they are found when they call.
    """
    found: set[int] = set()
    numbers = set()
    for group in groups:
        try:
            entry = grp.getgrnam(group)
        except KeyError:
            continue
        numbers.add(entry.gr_gid)
        found |= {uid for name in entry.gr_mem if (uid := number_of(name)) is not None}
    return frozenset(found | {entry.pw_uid for entry in pwd.getpwall() if entry.pw_gid in numbers})


def _number(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def number_of(name: str) -> int | None:
    """Blocking: of an account, by its name; None where the system has none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


class AccountDirectory:
    """The threads that ask."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "accounts")

    async def ask(self, work: Callable[[], T]) -> T:
        """What the blocking `work` answers; TimeoutError where it takes too long, OSError where it cannot be asked."""
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Waits for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


UMASK: Final = 0o027
"""As the daemon's: nothing for others."""


class _Barred(Exception):
    """`said`: why, in a sentence."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


class NoStateDirectory(_Barred):
    """There is nothing whose owner one could become."""


class NotAllowed(_Barred):
    """This account may not become another one."""


def become_owner(state: Path) -> None:
    """Drop to the owner of the state directory, and make files as the daemon does. NoStateDirectory, NotAllowed."""
    try:
        owner = state.stat()
    except OSError as error:
        raise NoStateDirectory(
            message(
                "host.no-state-directory",
                "there is no state directory {state} ({reason})",
                state=str(state),
                reason=said(error),
            )
        ) from None
    os.umask(UMASK)
    name = account(owner.st_uid).name
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise NotAllowed(message("host.belongs-to", "{state} belongs to {account}", state=str(state), account=name))
    try:
        groups = os.getgrouplist(name, owner.st_gid)
    except (KeyError, OSError):
        groups = [owner.st_gid]
    os.setgroups(groups)
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
