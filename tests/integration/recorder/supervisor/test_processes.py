"""Worker processes from a real forkserver: signals to the group, the daemon's death, a helper that dies, leaks."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from recorder.supervisor import processes as process_module
from recorder.supervisor.processes import Forkserver, NoProcess
from recorder.supervisor.state import Exited, HungUp, Misbehaved
from recorder.words import messages
from recorder.words.messages import Closed, Connected, Ended, Granted, Opening, Start, Stats, Stop
from storage.words.model import GapCause
from tests.integration.edged.cli.dispositions import UNIGNORED, ignored
from tests.integration.recorder.supervisor.fake_daemon import TERMS, Child, children_of
from tests.support.resources import assert_nothing_is_left_open, descriptors

FAKES = "tests.integration.recorder.supervisor.fake_workers"
ROOT = Path(__file__).parents[4]
GONE_WITHIN_S = 2.0
"""What the issue promises after SIGKILL of the daemon."""
PATIENCE_S = 20.0
"""For what must happen but is not timed here: the machine may be busy."""


@pytest.fixture
async def forkserver() -> AsyncIterator[Forkserver]:
    server = Forkserver(f"{FAKES}:main")
    server.start()
    yield server
    server.close()


@contextmanager
def fake_daemon(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """In a session of its own, so that its group can be signalled."""
    command = [*UNIGNORED, sys.executable, "-m", "tests.integration.recorder.supervisor.fake_daemon", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as daemon:
        try:
            yield daemon
        finally:
            daemon.kill()


def told(daemon: subprocess.Popen[str]) -> dict[str, Any]:
    assert daemon.stdout is not None
    line = daemon.stdout.readline()
    assert line, "the fake daemon died"
    told: dict[str, Any] = json.loads(line)
    return told


def all_gone(pidfds: list[int], within_s: float) -> bool:
    """Whether all these processes end in time."""
    deadline = time.monotonic() + within_s
    left = set(pidfds)
    while left and (wait_s := deadline - time.monotonic()) > 0:
        left -= set(select.select(left, [], [], wait_s)[0])
    return not left


@pytest.mark.parametrize("workers", [1, 5])
def test_after_sigkill_of_the_daemon_nothing_is_left(workers: int) -> None:
    with fake_daemon(str(workers)) as daemon, ExitStack() as stack:
        pids = told(daemon)
        assert len(pids["workers"]) == workers
        pidfds = [os.pidfd_open(pid) for pid in (*pids["workers"], *pids["helpers"])]
        for pidfd in pidfds:
            stack.callback(os.close, pidfd)
        daemon.kill()
        assert all_gone(pidfds, GONE_WITHIN_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_ends_in_order(number: signal.Signals) -> None:
    """Workers commit, the same forkserver still makes processes."""
    with fake_daemon("2") as daemon:
        before = told(daemon)
        os.killpg(daemon.pid, number)
        after = told(daemon)
        assert after["codes"] == [0, 0, 0]
        assert after["helpers"] == before["helpers"]
        assert daemon.wait(PATIENCE_S) == 0


def test_signals_to_the_group_while_the_forkserver_still_imports() -> None:
    """Also under nohup."""
    with ignored(signal.SIGHUP), fake_daemon("1", "--signal-early") as daemon:
        before = told(daemon)
        os.killpg(daemon.pid, signal.SIGHUP)
        daemon.wait(PATIENCE_S)
        assert daemon.returncode == -signal.SIGHUP
        assert len(before["helpers"]) == 1


async def test_a_helper_starts_deaf_to_signals_of_the_group(forkserver: Forkserver) -> None:
    assert blocked_signals(helper_pid(forkserver)) >= process_module.SHIELDED
    mine = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert not mine & process_module.SHIELDED


async def test_what_was_said_before_a_death_with_orders_unread_is_heard(forkserver: Forkserver) -> None:
    """Linux says ECONNRESET first and the datagrams after: taking it for the end would lose a committed segment."""
    wake = asyncio.Event()
    worker = await forkserver.spawn(wake.set)
    worker.send(Start("cam", "fake://x/unread", "", "", "boot", 1, "", 1000, 100, TERMS))
    said: list[object] = []
    async with asyncio.timeout(PATIENCE_S):
        while not worker.over:
            wake.clear()
            heard = worker.take()
            if heard is None:
                await wake.wait() if not worker.over else None
                continue
            said.append(heard)
            if isinstance(heard, Opening):
                worker.send(Granted(heard.seq))
            elif isinstance(heard, Stats):
                # Taken up again only when it is dead: both the error and its last words are waiting then.
                worker.send(Stop())
                wait_for_end(worker.pid)
        assert await worker.reap() == Exited(0)
    kinds = [type(one) for one in said if not isinstance(one, HungUp)]
    assert kinds == [Connected, Opening, Stats, Closed, Ended]


async def test_a_forkserver_that_died_is_started_anew_and_its_workers_record_on(forkserver: Forkserver) -> None:
    async with asyncio.timeout(PATIENCE_S):
        first = await Child().born(forkserver)
        await first.until(Opening)
        helper = helper_pid(forkserver)
        os.kill(helper, signal.SIGKILL)  # and ask at once, while it may not be seen to be dead
        second = await Child().born(forkserver)
        await second.until(Opening)
        assert helper_pid(forkserver) != helper
        first.said.clear()
        await first.until(Stats)
        assert await second.end() == 0
        assert await first.end() is None  # nobody is left who could tell


async def test_a_forkserver_that_hangs_is_replaced(forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "FORKSERVER_TIMEOUT_S", 0.2)
    helper = helper_pid(forkserver)
    os.kill(helper, signal.SIGSTOP)
    with pytest.raises(NoProcess):
        await Child().born(forkserver)
    monkeypatch.undo()
    async with asyncio.timeout(PATIENCE_S):
        child = await Child().born(forkserver)
        await child.until(Opening)
        assert helper_pid(forkserver) != helper
        assert await child.end() == 0


async def test_a_spawn_given_up_half_way_leaves_nothing(forkserver: Forkserver) -> None:
    warm = await Child().born(forkserver)
    before = descriptors()
    for _ in range(3):
        task = asyncio.create_task(Child().born(forkserver))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(PATIENCE_S):
        again = await Child().born(forkserver)  # the one thread makes in order: all before is done
        await again.until(Opening)
        left = [warm.worker.pid, again.worker.pid]
        assert await again.end_when(lambda: children_of(helper_pid(forkserver)) == left) == 0
        assert children_of(helper_pid(forkserver)) == left[:1]
        assert_nothing_is_left_open(before)
        await warm.until(Opening)
        assert await warm.end() == 0


async def test_garbage_is_the_end_of_that_worker_only(forkserver: Forkserver) -> None:
    wake = asyncio.Event()
    worker = await forkserver.spawn(wake.set)
    worker.send(Start("cam", "fake://x/garbling", "", "", "boot", 1, "", 1000, 100, TERMS))
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(said := worker.take(), Misbehaved):
            if isinstance(said, Opening):
                worker.send(Granted(said.seq))
            if said is None:
                await wake.wait()
                wake.clear()
        assert said.cause is GapCause.BAD_DATA
        worker.kill()
        while not worker.over:
            wake.clear()
            if worker.take() is None and not worker.over:
                await wake.wait()
        assert await worker.reap() == Exited(-signal.SIGKILL)


def test_close_ends_workers_that_nobody_ended_and_leaves_nothing_behind() -> None:
    async def leave_running(forkserver: Forkserver) -> list[int]:
        children = [await Child().born(forkserver) for _ in range(2)]
        for child in children:
            await child.until(Opening)
        os.kill(children[0].worker.pid, signal.SIGSTOP)
        return [os.pidfd_open(child.worker.pid) for child in children]

    threads = threading.active_count()
    forkserver = Forkserver(f"{FAKES}:main")
    forkserver.start()
    pidfds = asyncio.run(leave_running(forkserver))
    forkserver.close()
    try:
        assert all_gone(pidfds, GONE_WITHIN_S)
    finally:
        for pidfd in pidfds:
            os.close(pidfd)
    assert forkserver.pid is None
    assert threading.active_count() == threads


def test_close_ends_those_too_whom_a_forkserver_made_that_died() -> None:
    async def leave_running(forkserver: Forkserver) -> int:
        intake, deaf = await forkserver.make_group()
        intake.close()
        os.kill(helper_pid(forkserver), signal.SIGKILL)
        await Child().born(forkserver)
        return os.pidfd_open(deaf.pid)

    forkserver = Forkserver(f"{FAKES}:main", f"{FAKES}:deaf")
    forkserver.start()
    pidfd = asyncio.run(leave_running(forkserver))
    forkserver.close()
    try:
        assert all_gone([pidfd], GONE_WITHIN_S)
    finally:
        os.close(pidfd)


async def test_without_a_descriptor_left_there_is_no_process(
    forkserver: Forkserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = messages.datagram

    def datagram(sock: socket.socket) -> tuple[bytes, int]:
        """As the kernel does it then: what comes along is closed."""
        data, fd = received(sock)
        if fd >= 0:
            os.close(fd)
        return data, -1

    warm = await Child().born(forkserver)
    monkeypatch.setattr(messages, "datagram", datagram)
    with pytest.raises(NoProcess, match="descriptor"):
        await Child().born(forkserver)
    monkeypatch.undo()
    async with asyncio.timeout(PATIENCE_S):
        await warm.until(Opening)
        assert await warm.end() == 0
        child = await Child().born(forkserver)
        await child.until(Opening)
        assert await child.end_when(lambda: children_of(helper_pid(forkserver)) == [child.worker.pid]) == 0


def helper_pid(forkserver: Forkserver) -> int:
    assert forkserver.pid is not None
    return forkserver.pid


def blocked_signals(pid: int) -> set[int]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    mask = int(next(line for line in status.splitlines() if line.startswith("SigBlk")).split()[1], 16)
    return {number for number in signal.valid_signals() if mask >> number - 1 & 1}


def wait_for_end(pid: int) -> None:
    pidfd = os.pidfd_open(pid)
    try:
        assert all_gone([pidfd], PATIENCE_S)
    finally:
        os.close(pidfd)
