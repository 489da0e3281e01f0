"""Which cameras are read by one process: at most `MEMBERS_MAX`, and who has harmed a group is read alone.

Eight cameras that are read in one loop take a quarter of the memory of eight processes, and less processor time. What
that costs of L4 is bounded: a session that fails ends alone; what ends the process ends all its sessions, which connect
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

from recorder.supervisor.processes import ChildProcess, Forkserver, NoProcess, WorkerProcess
from recorder.supervisor.state import Exited
from recorder.words.address import Target
from recorder.words.messages import PLACE

log = logging.getLogger("edged.process")

MEMBERS_MAX: Final = 8
"""Each more is one more that loses what it holds with the others, and the process itself is shared well enough."""
NUMBERS: Final = 1 << 8 * PLACE.size
"""Of places, with 0 for nobody's."""
STRIKES_MAX: Final = 2
"""The first time may be chance: the box may be out of memory."""
HUNG_S: Final = 5.0
"""Nothing is heard of any session of a group that says something each second for every one."""
ENDING_S: Final = 1.0
"""From the end of its sockets to the end of a process, on a box that is busy with what came back meanwhile."""


class Group:
    """One process and the sessions it reads. Lives on the event loop."""

    def __init__(self, process: ChildProcess, intake: socket.socket, page: mmap.mmap) -> None:
        self.process = process
        self.intake = intake
        self.page = page
        self.members: dict[int, GroupPlace] = {}
        """By their numbers: those that are read there, and those that still connect."""
        self.heard_s = float("-inf")
        self.ended = asyncio.Event()
        self.at_turn = 0
        """Once it has ended: whose turn it was; 0: nobody's."""

    @property
    def has_room(self) -> bool:
        return len(self.members) < MEMBERS_MAX and not self.process.is_ending

    def close(self) -> None:
        """Nobody is read there any more."""
        self.process.kill()
        self.intake.close()
        self.page.close()


class GroupPlace:
    """One session's. See `processes.Place`."""

    def __init__(self, groups: Groups, group: Group, number: int, camera: str) -> None:
        self._groups = groups
        self._group = group
        self._loop = asyncio.get_running_loop()
        self.number = number
        self.camera = camera
        self.read_since_s: float | None = None
        """None while it connects."""

    @property
    def intake(self) -> int:
        return self._group.intake.fileno()

    def handed_over(self) -> bool:
        self.read_since_s = self._loop.time()
        return not self._group.process.is_ending

    def heard(self) -> None:
        self._group.heard_s = self._loop.time()

    def suspect(self) -> None:
        silent_since_s = float("inf") if self.read_since_s is None else max(self.read_since_s, self._group.heard_s)
        if self._loop.time() - silent_since_s >= HUNG_S:
            self._group.process.kill()

    def leave(self) -> None:
        self._groups.leave(self._group, self.number)

    async def verdict(self) -> Exited:
        group, code = self._group, None
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await group.ended.wait()
                code = await asyncio.shield(group.process.code)
        return Exited(code, by_another=group.at_turn not in (0, self.number))


class Groups:
    """All groups of a daemon."""

    def __init__(self, forkserver: Forkserver) -> None:
        self._forkserver = forkserver
        self._groups: list[Group] = []
        """Those that run, each with somebody in it."""
        self._strikes: dict[str, int] = {}
        self.leftovers: set[str] = set()
        """Cameras of which a process was killed and is still there: one waits for a disk, and nobody knows whose. They
        are read alone, since the next process that is ended would take others with it."""
        self._number = 0
        self._turn = asyncio.Lock()

    async def enter(self, camera: str, target: Target) -> GroupPlace | None:
        """A place; None for a camera that is to be read alone. Raises NoProcess.

        The group takes in who comes at once: it may end whenever the loop turns.
        """
        if target.scheme != "rtsp" or camera in self.leftovers or self._strikes.get(camera, 0) >= STRIKES_MAX:
            return None
        async with self._turn:
            group = next((one for one in self._groups if one.has_room), None) or await self._make()
            place = GroupPlace(self, group, self._free_number(group), camera)
            group.members[place.number] = place
            return place

    def leave_behind(self, camera: str, worker: WorkerProcess) -> None:
        """Its session is over, and this process is still there."""
        self.leftovers.add(camera)
        worker.leave_behind(lambda: self.leftovers.discard(camera))

    def leave(self, group: Group, number: int) -> None:
        """A session is over. A group without any is not kept: the next one begins with nothing left behind."""
        group.members.pop(number, None)
        if not group.members:
            self._close(group)

    def _free_number(self, group: Group) -> int:
        """They begin again after some years of sessions that end each second."""
        while True:
            self._number = self._number % (NUMBERS - 1) + 1
            if self._number not in group.members:
                return self._number

    async def _make(self) -> Group:
        try:
            with os.fdopen(os.memfd_create("turn", os.MFD_CLOEXEC), "r+b", buffering=0) as file:
                file.truncate(mmap.PAGESIZE)
                page = mmap.mmap(file.fileno(), mmap.PAGESIZE)
                intake, process = await self._forkserver.make_group()
                along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file.fileno()))]
                with suppress(OSError):  # it is gone: whoever is to be handed over there learns that
                    intake.sendmsg([b"page"], along)
        except OSError as error:
            raise NoProcess(str(error)) from error
        group = Group(process, intake, page)
        if process.gone:
            group.close()
            raise NoProcess("a process that was to read cameras ended at once")
        process.on_exit = lambda: self._has_ended(group)
        self._groups.append(group)
        return group

    def _has_ended(self, group: Group) -> None:
        if group.members:
            (group.at_turn,) = PLACE.unpack_from(group.page, 0)
            self._blame(group.members.get(group.at_turn))
        self._close(group)
        group.ended.set()

    def _blame(self, place: GroupPlace | None) -> None:
        """None: in nobody's turn it was no camera. The box may be out of memory, and eight processes need more."""
        if place is None:
            log.warning("a process that reads cameras ended in no camera's turn")
            return
        camera = place.camera
        self._strikes[camera] = strikes = self._strikes.get(camera, 0) + 1
        log.warning("%s: the process that read it ended in its turn", camera)
        if strikes == STRIKES_MAX:
            log.warning("%s: it is read by a process of its own from now on", camera)

    def _close(self, group: Group) -> None:
        if group in self._groups:
            self._groups.remove(group)
            group.close()
