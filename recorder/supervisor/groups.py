"""Which cameras are read by one process: at most `MEMBERS_MAX`, and who has harmed a group is read alone.

Reading eight cameras in one loop costs half the processor time and a fifth of the memory of eight processes. What it
costs of L4 is bounded: a session that fails ends alone; what ends the process ends all its sessions, which connect
again at once. Then the page that daemon and group share says whose turn it was, and who ended a group `STRIKES_MAX`
times is never again read beside others.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import socket
import struct
from contextlib import suppress
from typing import Final

from recorder.supervisor.processes import ChildProcess, Forkserver
from recorder.supervisor.state import Exited
from recorder.words.address import Target
from recorder.words.messages import PLACE

log = logging.getLogger("edged.process")

MEMBERS_MAX: Final = 8
"""More saves little more (bench/README.md), and each is one more that loses two seconds with the others."""
STRIKES_MAX: Final = 2
"""The first time may be chance: the box may be out of memory."""
HUNG_S: Final = 5.0
"""Nothing is heard of any session of a group that says something each second for every one."""
ENDING_S: Final = 0.2
"""From the end of its sockets to the end of a process."""


class Group:
    """One process and the sessions it reads. Lives on the event loop."""

    def __init__(self, process: ChildProcess, intake: socket.socket, page: mmap.mmap) -> None:
        self.process = process
        self.intake: socket.socket | None = intake
        self.members: dict[int, str] = {}
        """Cameras by the numbers of their places."""
        self.page = page
        self.heard_s = asyncio.get_running_loop().time()
        self.ended = asyncio.Event()
        self.at_turn: frozenset[int] = frozenset()
        """Once it has ended: whose turn it was; all, if it was nobody's."""

    @property
    def has_room(self) -> bool:
        return self.intake is not None and not self.process.gone and len(self.members) < MEMBERS_MAX

    def close(self) -> None:
        """No session is to come. The process ends with the last one."""
        intake, self.intake = self.intake, None
        if intake is not None:
            intake.close()


class GroupPlace:
    """One session's. See `processes.Place`."""

    def __init__(self, groups: Groups, group: Group, number: int) -> None:
        self._groups = groups
        self._group = group
        self.number = number

    @property
    def intake(self) -> int:
        return -1 if self._group.intake is None else self._group.intake.fileno()

    def heard(self) -> None:
        self._group.heard_s = asyncio.get_running_loop().time()

    def suspect(self) -> None:
        if asyncio.get_running_loop().time() - self._group.heard_s >= HUNG_S:
            self._group.process.kill()

    def leave(self) -> None:
        self._groups.leave(self._group, self.number)

    async def verdict(self) -> Exited:
        group = self._group
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await group.ended.wait()
        if not group.process.gone:
            return Exited(None)
        return Exited(await asyncio.shield(group.process.code), by_another=self.number not in group.at_turn)


class Groups:
    """All groups of a daemon."""

    def __init__(self, forkserver: Forkserver) -> None:
        self._forkserver = forkserver
        self._groups: list[Group] = []
        self._strikes: dict[str, int] = {}
        self._number = 0
        self._turn = asyncio.Lock()

    async def enter(self, camera: str, target: Target) -> GroupPlace | None:
        """A place; None for a camera that is to be read alone. Raises NoProcess."""
        if target.scheme != "rtsp" or self._strikes.get(camera, 0) >= STRIKES_MAX:
            return None
        async with self._turn:
            group = next((one for one in self._groups if one.has_room), None) or await self._make()
            self._number = self._number % (2**32 - 1) + 1
            group.members[self._number] = camera
            return GroupPlace(self, group, self._number)

    async def _make(self) -> Group:
        descriptor = os.memfd_create("turn", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, mmap.PAGESIZE)
            page = mmap.mmap(descriptor, mmap.PAGESIZE)
            intake, process = await self._forkserver.make_group()
            along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", descriptor))]
            with suppress(OSError):  # it is gone: its sessions will learn it
                intake.sendmsg([b"page"], along)
        finally:
            os.close(descriptor)
        group = Group(process, intake, page)
        process.on_exit = lambda: self._has_ended(group)
        self._groups.append(group)
        return group

    def leave(self, group: Group, number: int) -> None:
        """A session is over. A group without any is not kept: the next one begins with nothing left behind."""
        group.members.pop(number, None)
        if not group.members:
            group.close()
            if group in self._groups:
                self._groups.remove(group)

    def _has_ended(self, group: Group) -> None:
        (number,) = PLACE.unpack_from(group.page, 0)
        group.at_turn = frozenset({number} if number else group.members)
        group.close()
        if group in self._groups:
            self._groups.remove(group)
        for camera in (group.members[one] for one in group.at_turn if one in group.members):
            self._strikes[camera] = self._strikes.get(camera, 0) + 1
            log.warning("%s: the process that read it ended in its turn", camera)
        group.ended.set()
