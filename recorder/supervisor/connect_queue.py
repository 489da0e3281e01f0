"""The queue before every connection: who may connect to a device now, and who waits.

Many cameras may lie behind one NVR. When it restarts all of them want to come back at once, from a box that can make
a few dozen processes a second at best. `ConnectOrder` decides, purely: times come in as values, and of what a device
is like it knows only how the attempts went. `ConnectQueue` makes coroutines wait for it. Keeps L4 (no device and no
channel holds up another for longer than `Pace.place_ms`) and leaves L1 its 15 s
(tests/unit/recorder/supervisor/test_connect_queue.py has the figures).

Within a device the first to come is the first to go, except that
- an attempt that hangs gives its place away after `place_ms`;
- a device that serves nobody (attempts fail, or hang) is tried by one after the other, `scout_ms` apart, until somebody
  gets in or is answered;
- cameras it refused while it served others (its limit of sessions) are tried one after the other, `refused_ms` apart,
  until one of them gets in, and hold up nobody who was not refused;
- an account that never got in is tried by one at a time, and one whose password is wrong once in `denied_ms`, however
  many cameras use it: devices lock accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from storage.words.clock import Clock
from storage.words.model import GapCause

NOBODY_HOME: Final = frozenset({GapCause.UNREACHABLE, GapCause.REFUSED, GapCause.STALLED, GapCause.DROPPED})
"""An attempt that ends so says that the device serves nobody, unless it serves somebody at this moment."""
ANSWERED: Final = frozenset(
    {
        GapCause.UNAUTHORISED,
        GapCause.NO_SUCH_STREAM,
        GapCause.UNSUPPORTED,
        GapCause.NO_KEYFRAME,
        GapCause.BAD_DATA,
    }
)
"""One that ends so says that it is there. Whatever else ends one says nothing about the device."""
MAX_DEVICES: Final = 1_000
"""Remembered at a time: reloads may name new ones for years. Those nobody uses are forgotten first."""
MAX_ACCOUNTS: Final = 64
"""Remembered of one device."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast we try. Times in ms of this boot's clock."""

    at_once: int = 12
    """Attempts under way on one device: as many as a slow NVR (1.5 s an answer) needs to serve 64 channels in 8 s."""
    spacing_ms: int = 100
    """Between two attempts on one device."""
    place_ms: int = 2_000
    """So long an attempt counts as under way: healthy ones are through by then, and hanging ones must not be waited
    for."""
    scout_ms: int = 1_000
    """Between two attempts on a device that serves nobody."""
    refused_ms: int = 1_000
    """Between two attempts of cameras that a device refused while it served others."""
    denied_ms: int = 60_000
    """After a wrong password."""
    overall_ms: int = 25
    """Between any two attempts: a process costs some 10 ms of a core until it has connected."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants to connect, and whom to."""

    camera: str
    device: str
    """What its connections share: scheme, host and port."""
    account: Hashable
    """What tells accounts apart, password included: a corrected one has done no wrong. No secret itself."""


@dataclass(slots=True)
class _Account:
    proven: bool = False
    """Somebody got in with it, and nobody was denied since."""
    denied_ms: int | None = None


@dataclass(slots=True)
class _Device:
    last_ms: int | None = None
    """When it was last tried."""
    down: bool = False
    trying: dict[int, int] = field(default_factory=dict)
    """Attempt to its beginning."""
    inside: set[int] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Cameras whose last attempt it refused while it served others."""
    full: bool = False
    """None of those got in since."""
    refused_tried_ms: int | None = None
    accounts: dict[Hashable, _Account] = field(default_factory=dict)


class ConnectOrder:
    """Attempts by number, from `ask` to `over`."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._devices: dict[str, _Device] = {}
        self._callers: dict[int, Caller] = {}
        self._waiting: dict[int, None] = {}
        """In the order they came."""
        self._last_ms: int | None = None
        self._number = 0

    def ask(self, caller: Caller) -> int:
        """Stand in line."""
        self._number += 1
        self._callers[self._number] = caller
        self._waiting[self._number] = None
        self._remember(caller)
        return self._number

    def admit(self, now_ms: int) -> int | None:
        """Who may go now; asked again until it is nobody."""
        if self._last_ms is not None and now_ms < self._last_ms + self._pace.overall_ms:
            return None
        number = next((n for n in self._waiting if self._earliest(self._callers[n], now_ms) <= now_ms), None)
        if number is None:
            return None
        caller = self._callers[number]
        device = self._devices[caller.device]
        del self._waiting[number]
        device.trying[number] = device.last_ms = self._last_ms = now_ms
        if caller.camera in device.refused:
            device.refused_tried_ms = now_ms
        return number

    def due_ms(self, now_ms: int) -> int | None:
        """When `admit` may have something to say at the latest; None while nobody waits."""
        if not self._waiting:
            return None
        first_ms = min(self._earliest(self._callers[number], now_ms) for number in self._waiting)
        return first_ms if self._last_ms is None else max(first_ms, self._last_ms + self._pace.overall_ms)

    def connected(self, number: int) -> None:
        """The stream is open."""
        caller = self._callers.get(number)
        if caller is None:
            return
        device = self._devices[caller.device]
        device.trying.pop(number, None)
        device.inside.add(number)
        device.down = False
        if caller.camera in device.refused:
            device.refused.discard(caller.camera)
            device.full = False
        device.accounts[caller.account] = _Account(proven=True)

    def over(self, number: int, cause: GapCause | None, now_ms: int) -> None:
        """The attempt failed, the session ended, or whoever asked has gone. Told twice, it is heard once."""
        caller = self._callers.pop(number, None)
        if caller is None:
            return
        device = self._devices[caller.device]
        was_tried = device.trying.pop(number, None) is not None
        self._waiting.pop(number, None)
        device.inside.discard(number)
        if was_tried and cause in NOBODY_HOME | ANSWERED:
            self._learn(device, caller, cause, now_ms)

    def _learn(self, device: _Device, caller: Caller, cause: GapCause | None, now_ms: int) -> None:
        """What a failed attempt says."""
        device.down = cause in NOBODY_HOME and not device.inside
        device.refused.discard(caller.camera)
        if cause is GapCause.REFUSED and device.inside:
            device.refused.add(caller.camera)
            device.full = True
        if cause is GapCause.UNAUTHORISED and not any(
            self._callers[number].account == caller.account for number in device.inside
        ):
            device.accounts[caller.account] = _Account(denied_ms=now_ms)

    def _earliest(self, caller: Caller, now_ms: int) -> int:
        pace, device = self._pace, self._devices[caller.device]
        times = [now_ms]
        left_ms = sorted(began_ms + pace.place_ms for began_ms in device.trying.values())
        if device.last_ms is not None:
            hangs = bool(left_ms) and left_ms[0] <= now_ms and not device.inside
            times.append(device.last_ms + (pace.scout_ms if device.down or hangs else pace.spacing_ms))
        if len(left_ms) >= pace.at_once:
            times.append(left_ms[-pace.at_once])
        account = device.accounts.get(caller.account) or _Account()
        if account.denied_ms is not None:
            times.append(account.denied_ms + pace.denied_ms)
        if not account.proven:
            own = [ms for n, ms in device.trying.items() if self._callers[n].account == caller.account]
            times += [began_ms + pace.place_ms for began_ms in own]
        if device.full and caller.camera in device.refused and device.refused_tried_ms is not None:
            times.append(device.refused_tried_ms + pace.refused_ms)
        return max(times)

    def _remember(self, caller: Caller) -> None:
        device = self._devices.setdefault(caller.device, _Device())
        accounts = device.accounts
        accounts.setdefault(caller.account, _Account())
        used = {other.account for other in self._callers.values() if other.device == caller.device}
        for account in [a for a in accounts if a not in used][: max(0, len(accounts) - MAX_ACCOUNTS)]:
            del accounts[account]
        if len(self._devices) > MAX_DEVICES:
            wanted = {other.device for other in self._callers.values()}
            for name in [name for name in self._devices if name not in wanted]:
                del self._devices[name]


class ConnectQueue:
    """The queue with a clock. Lives on the event loop; one for all cameras."""

    def __init__(self, clock: Clock, pace: Pace | None = None) -> None:
        self._clock = clock
        self._queue = ConnectOrder(pace or Pace())
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, caller: Caller) -> Slot:
        """Wait for one's turn. Who is cancelled leaves nothing behind."""
        number = self._queue.ask(caller)
        turn = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._look()
        try:
            await turn
        except asyncio.CancelledError:
            self.over(number, None)
            raise
        finally:
            self._waiting.pop(number, None)
        return Slot(self, number)

    def connected(self, number: int) -> None:
        self._queue.connected(number)
        self._look()

    def over(self, number: int, cause: GapCause | None) -> None:
        self._waiting.pop(number, None)
        self._queue.over(number, cause, self._clock.now().boottime_ms)
        self._look()

    def _look(self) -> None:
        """Let in whoever may go, and look again when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ms = self._clock.now().boottime_ms
        while (number := self._queue.admit(now_ms)) is not None:
            turn = self._waiting.pop(number, None)
            if turn is not None and not turn.done():
                turn.set_result(None)
        due_ms = self._queue.due_ms(now_ms)
        if due_ms is not None:
            wait_s = max(1, due_ms - now_ms) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)


class Slot:
    """One attempt that was let in, and the session it becomes. Says how it went; to be told `over` in the end."""

    def __init__(self, queue: ConnectQueue, number: int) -> None:
        self._queue = queue
        self._number = number

    def connected(self) -> None:
        """The stream is open."""
        self._queue.connected(self._number)

    def over(self, cause: GapCause | None) -> None:
        """It is over; `cause` as the gap has it, None where that says nothing about the device."""
        self._queue.over(self._number, cause)
