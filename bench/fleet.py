"""What one mosquitto does for a fleet: at rest, when it is restarted, killed, or away for as long as queues grow.

    .venv/bin/python -m bench.fleet [--boxes 200] [--cameras 16] [--minutes 5] [--off 3] [--hours 8] [--tls]

Boxes are the daemon's own reporter, link, outbox and database, several to a process (`bench.fleetbox`), a centre
listens to all of them, and the broker is set up as docs/mosquitto shows (`bench.fleetcentre`). Phases: `--minutes` at
rest; SIGTERM and start; SIGKILL and start; stopped for `--off` minutes, in which each box enters what `--hours` would
have brought; SIGKILL while as much is on its way. Times run from when the broker accepts connections again. Databases
lie in /dev/shm where there is one, because real boxes do not share a disk; the broker's lies in `--state`. Needs
mosquitto, and /proc.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import mean
from typing import Final

from bench import fleetbox, fleetcentre, gauges
from bench.fleetbook import Book, after
from bench.fleetcentre import AUTOSAVE_S, DROPPED, GIVEN, HANDED, TAKEN, Broker, Watch

SPREAD_S: Final = 20.0
"""In which the boxes begin, first of all."""
REST_S: Final = AUTOSAVE_S + 10
"""Between phases: connections are good ones again, and the broker has written down its sessions."""
AMID_S: Final = 3.0
"""After arrears began to be sent the broker is killed."""
LOOKS: Final = 40
WITHIN_S: Final = 900.0
AT_REST: Final = "at rest"
Column = dict[str, str]


class Fleet:
    """The processes, and the figures of each phase."""

    def __init__(self, book: Book, broker: Broker, watch: Watch) -> None:
        self._book = book
        self._broker = broker
        self._watch = watch
        self._before = (0, 0, 0)
        self._deepest = self._used = self._missing = 0
        self._since_s = 0.0
        self._pids: list[int] = []
        self.columns: dict[str, Column] = {}

    def begin(self, processes: list[BaseProcess]) -> None:
        """All of them come for the first time."""
        self._pids = [process.pid or 0 for process in processes]
        until(lambda: all(self._book.entered), "databases are made")
        self._book.asked.value, began_s = 1, time.monotonic()
        self._back(began_s)
        self._book.loading.value = 1

    def at_rest(self, minutes: float) -> None:
        self._starts()
        time.sleep(minutes * 60)
        self._note(AT_REST, {}, minutes * 60)

    def interrupted(
        self, name: str, sign: signal.Signals, *, off_s: float = 0.0, hours: float = 0.0, amid: bool = False
    ) -> None:
        """The broker goes, and comes back. `hours`: of events that come up meanwhile, or just before with `amid`."""
        self._starts()
        if amid:
            self._enter(hours)
            time.sleep(AMID_S)
        gone_s = time.monotonic()
        self._broker.stop(sign)
        if hours and not amid:
            self._enter(hours)
        time.sleep(max(2.0 if hours else 0.0, gone_s + off_s - time.monotonic()))
        deepest = sum(self._book.depth)
        self._broker.start()
        back_s = time.monotonic()
        self._watch.begin()
        self._back(back_s, gone_s)
        over_s = time.monotonic()
        online, shown, empty = (
            after(cells, back_s) for cells in (self._book.online, self._book.shown, self._book.empty)
        )
        tries = self._book.tries_a_second(back_s)
        column = {
            "broker away, s": f"{back_s - gone_s:.2f}",
            "half of the boxes back, s": f"{_share(online, 0.5):.1f}",
            "95 of 100 back, s": f"{_share(online, 0.95):.1f}",
            "all back, s": f"{online[-1]:.1f}",
            "the centre has heard all state of all, s": f"{shown[-1]:.1f}",
            "all outboxes empty, s": f"{empty[-1]:.1f}",
            "attempts to connect in one second, at most": f"{max(tries):,}",
            "attempts to connect, all": f"{sum(tries):,}",
        }
        if hours:
            column["events that waited"] = f"{deepest:,}"
        self._note(name, column, over_s - back_s)

    def _enter(self, hours: float) -> None:
        self._book.arrears_h.value = hours
        self._book.asked.value += 1
        until(lambda: min(self._book.entered) == self._book.asked.value, "events are entered")

    def end(self) -> int:
        """No more events; how many of them never came."""
        self._book.loading.value = 0
        time.sleep(3)
        until(lambda: not sum(self._book.depth), "outboxes are empty")
        time.sleep(3)
        return self._book.missing

    def _starts(self) -> None:
        book = self._book
        self._watch.begin()
        self._before = (book.messages.value, book.doubled.value, book.disordered.value)
        self._used = self._cpu()
        self._since_s = time.monotonic()

    def _missed(self) -> int:
        """The least of some looks: between kinds, events on their way leave holes, too."""
        looks = []
        for _ in range(LOOKS):
            time.sleep(0.25)
            looks.append(self._book.holes)
        return min(looks)

    def _cpu(self) -> int:
        return sum(gauges.spent_ns(pid) or 0 for pid in self._pids)

    def _back(self, since_s: float, gone_s: float | None = None) -> None:
        """Until all boxes are online, shown at the centre, and have nothing left to say."""
        book, self._deepest = self._book, 0
        deadline = time.monotonic() + WITHIN_S
        later_than = since_s if gone_s is None else gone_s
        while True:
            counts = [len(after(cells, later_than)) for cells in (book.online, book.shown, book.empty)]
            self._deepest = max(self._deepest, *book.depth)
            if min(counts) == book.boxes:
                return
            if time.monotonic() > deadline:
                raise SystemExit(f"after {WITHIN_S:g} s of {book.boxes}: {counts} online, shown, empty")
            time.sleep(0.1)

    def _note(self, name: str, column: Column, seconds: float) -> None:
        watch, book = self._watch, self._book
        missing = self._missed()
        messages, doubled, disordered = (
            now - before
            for now, before in zip(
                (book.messages.value, book.doubled.value, book.disordered.value), self._before, strict=True
            )
        )
        lasted_s = time.monotonic() - self._since_s
        if name == AT_REST:
            self._deepest = max(book.depth)
        self.columns[name] = {
            **column,
            "broker, share of one core, mean": f"{_mean(watch.cpu):.1%}",
            "broker, share of one core, worst second": f"{max(watch.cpu, default=0):.0%}",
            "messages a second to the centre, mean": f"{watch.counts[HANDED] / seconds:,.0f}",
            "messages a second to the centre, most": f"{max(watch.rates[HANDED], default=0):,.0f}",
            "MQTT packets a second in, mean": f"{watch.counts[TAKEN] / seconds:,.0f}",
            "MQTT packets a second in, most": f"{max(watch.rates[TAKEN], default=0):,.0f}",
            "MQTT packets a second out, most": f"{max(watch.rates[GIVEN], default=0):,.0f}",
            "memory of the broker (PSS), MB": f"{watch.memory_kib / 1024:.1f}",
            "most events in one outbox": f"{self._deepest:,}",
            "most messages that waited in the broker": f"{watch.queued:,}",
            "messages at the centre": f"{messages:,}",
            "events that never came": f"{missing - self._missing:,}",
            "events that came twice": f"{doubled:,}",
            "events that overtook one of their kind": f"{disordered:,}",
            "dropped by the broker": f"{watch.counts[DROPPED]:,}",
            "boxes and centre, share of two cores": f"{(self._cpu() - self._used) / 1e9 / lasted_s / 2:.0%}",
        }
        self._missing = missing
        print(f"{name}: done, load {os.getloadavg()[0]:.1f}", flush=True)

    def table(self) -> None:
        """Phases side by side."""
        names = list(self.columns)
        rows = list(dict.fromkeys(row for name in reversed(names) for row in self.columns[name]))
        print("| |" + "".join(f" {name} |" for name in names) + "\n| --- |" + " ---: |" * len(names))
        for row in rows:
            print(f"| {row} |" + "".join(f" {self.columns[name].get(row, '')} |" for name in names))


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {WITHIN_S:g} s: {what}")
        time.sleep(0.1)


def _share(times: list[float], share: float) -> float:
    """When so many of them had come, at least."""
    return times[min(len(times) - 1, max(0, -int(-share * len(times) // 1) - 1))]


def _mean(values: list[float]) -> float:
    return mean(values) if values else 0.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--boxes", type=int, default=200)
    options.add_argument("--cameras", type=int, default=16)
    options.add_argument("--minutes", type=float, default=5.0, help="at rest")
    options.add_argument("--off", type=float, default=3.0, help="minutes that the broker is away for")
    options.add_argument("--hours", type=float, default=8.0, help="of events that come up meanwhile")
    options.add_argument("--processes", type=int, default=4, help="that share the boxes")
    options.add_argument("--tls", action="store_true", help="certificates on both sides, as docs/mosquitto has it")
    options.add_argument("--state", type=Path, help="an existing directory on a disk, for the broker")
    chosen = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    memory = Path("/dev/shm")  # noqa: S108
    context = multiprocessing.get_context("spawn")
    book = Book(chosen.boxes, chosen.cameras, chosen.processes)
    with (
        tempfile.TemporaryDirectory(dir=chosen.state, prefix="fleet-broker-") as state,
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="fleet-boxes-") as folder,
    ):
        broker = Broker(Path(state), chosen.boxes, tls=chosen.tls)
        processes: list[BaseProcess] = [context.Process(target=fleetcentre.listen, args=(book, broker.way))]
        processes += [
            context.Process(target=fleetbox.run, args=(book, process, broker.way, Path(folder), SPREAD_S))
            for process in range(chosen.processes)
        ]
        broker.start()
        try:
            for process in processes:
                process.start()
            with Watch(broker) as watch:
                measured(Fleet(book, broker, watch), processes, chosen.minutes, chosen.off * 60, chosen.hours)
        finally:
            for process in processes:
                process.kill()
                process.join()
            broker.stop(signal.SIGTERM)


def measured(fleet: Fleet, processes: list[BaseProcess], minutes: float, off_s: float, hours: float) -> None:
    fleet.begin(processes)
    time.sleep(REST_S)
    fleet.at_rest(minutes)
    fleet.interrupted("SIGTERM", signal.SIGTERM)
    time.sleep(REST_S)
    fleet.interrupted("SIGKILL", signal.SIGKILL)
    time.sleep(REST_S)
    fleet.interrupted(f"away for {off_s / 60:g} min, {hours:g} h of events", signal.SIGTERM, off_s=off_s, hours=hours)
    time.sleep(REST_S)
    fleet.interrupted("SIGKILL amid them", signal.SIGKILL, hours=hours, amid=True)
    missing = fleet.end()
    fleet.table()
    print(f"\n{missing:,} events never came to the centre; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
