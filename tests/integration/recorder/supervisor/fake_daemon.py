"""A parent of fake workers, to be signalled and killed; run as a module, with the number of workers.

Says in one JSON line with the pids once all workers record. At SIGTERM or SIGINT it makes one worker more, ends all in
order, and says how each ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recorder.supervisor.processes import Forkserver, WorkerProcess
from recorder.supervisor.state import HungUp, Misbehaved
from recorder.words.messages import Ended, FromWorker, Granted, Opening, Start, Stats, Stop, Terms

TERMS = Terms("volume", "/volume", 0, 1, 1, synced=False)


class Child:
    """One worker and what it said."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.said: list[FromWorker | Misbehaved | HungUp] = []
        self.worker: WorkerProcess

    async def born(self, forkserver: Forkserver, behaviour: str = "obedient") -> Child:
        self.worker = await forkserver.spawn(self.wake.set)
        self.worker.send(Start("cam", f"fake://x/{behaviour}", "", "", "boot", 1, "", 1000, 100, TERMS))
        return self

    async def until(self, kind: type[FromWorker]) -> None:
        """Hear it until it says a message of this kind."""
        while not any(isinstance(said, kind) for said in self.said):
            self.wake.clear()
            said = self.worker.take()
            if said is None:
                assert not self.worker.over
                await self.wake.wait()
                continue
            self.said.append(said)
            if isinstance(said, Opening):
                self.worker.send(Granted(said.seq))

    async def until_reports(self, more: int) -> None:
        """Hear so many more of its reports."""
        for _ in range(more):
            self.said.clear()
            await self.until(Stats)

    async def end_when(self, done: Callable[[], bool]) -> int | None:
        """Hear its reports until it is time to end it."""
        while not done():
            await self.until_reports(1)
        return await self.end()

    async def end(self) -> int | None:
        self.worker.send(Stop())
        await self.until(Ended)
        while not self.worker.over:
            self.wake.clear()
            if self.worker.take() is None and not self.worker.over:
                await self.wake.wait()
        return (await self.worker.reap()).code


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def tell(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def run(forkserver: Forkserver, workers: int) -> None:
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    children = [await Child().born(forkserver) for _ in range(workers)]
    for child in children:
        await child.until(Opening)
    pids = {"workers": [child.worker.pid for child in children], "helpers": children_of(os.getpid())}
    tell(pids)
    await asked.wait()
    children.append(await Child().born(forkserver))
    await children[-1].until(Opening)
    codes = [await child.end() for child in children]
    tell({"codes": codes, "helpers": children_of(os.getpid())})


def main() -> None:
    forkserver = Forkserver("tests.integration.recorder.supervisor.fake_workers:main")
    forkserver.start()
    if "--signal-early" in sys.argv:
        # The helper has only just been started and still imports.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        os.killpg(0, signal.SIGINT)
        os.killpg(0, signal.SIGTERM)
        signal.sigtimedwait([signal.SIGINT], 1)
        signal.sigtimedwait([signal.SIGTERM], 1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT])
    try:
        asyncio.run(run(forkserver, int(sys.argv[1])))
    finally:
        forkserver.close()


if __name__ == "__main__":
    main()
