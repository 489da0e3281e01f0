"""What each verb of the centre does. None deletes, shortens, releases, shows or fetches anything (S14).

Lives on the event loop; what blocks goes to a thread. A deed answers with a sentence and a result, or is
`Declined`.

A key of the centre acts as people with accounts do: it places pins and asks for acts. A key is one person to those
who count two: whoever else approves is another one, and a key approves nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from edged.access.acts import EXTEND, Acts, person
from edged.access.callers import Caller, Details, MayAsk
from edged.centre import diagnostics
from edged.centre.reports import Reporter
from edged.host.logs import Tail
from edged.site import documents as site_documents
from edged.site.rounds import SiteState
from edged.site.versions import versions
from edged.words import times
from edged.words.roles import Verb as RoleVerb
from mqtt.commands import (
    AlarmAck,
    CameraReconnect,
    Commander,
    Commanders,
    ConsistencyProof,
    Order,
    PinExtend,
    PinPlace,
    Reason,
    Verb,
    instant_ms,
)
from recorder.words.address import without_login
from storage.pins.rules import KEYS_FIRST, Ground, Interval
from storage.pins.rules import PinOrder as Wanted
from storage.store.facade import Store
from storage.tickets.commands import ROLE
from storage.tickets.commands_table import Limit, Rate
from storage.words.clock import Clock

log = logging.getLogger("edged.orders")
MS: Final = timedelta(milliseconds=1)
RECONNECT_EVERY_MS: Final = 60_000
"""Of one camera: each time it misses a second or two."""
WORDS_MAX: Final = 200
"""Characters of a reason in `status`."""
ALARMS_MAX: Final = 50
NUMBER_BYTES: Final = 6
"""Of its fingerprint; what comes of it is a whole number that every reader of JSON takes exactly."""
LIMITS: Final[Mapping[Verb, tuple[Limit, ...]]] = {
    Verb.RESTART: (Limit(1, 10 * 60_000), Limit(3, 24 * 3_600_000)),
}
"""A restart costs each camera some seconds."""
RATE: Final = Rate(10, 10_000)
"""Of one key, whatever it commands: what was taken is in the ledger for good, and its events, which last until the
centre has got them, rank before alarms. Nobody at a desk types faster."""
Result = tuple[str, Mapping[str, Any]]
"""A sentence, and what a program reads."""


class Declined(Exception):
    """Nothing was done."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


class Stopping(Exception):
    """Done once edged runs anew."""


@dataclass
class CommandHandlers:
    """Of one daemon. `stop`: it ends in order, and systemd starts it again."""

    site: SiteState
    store: Store
    acts: Acts
    reporter: Reporter
    clock: Clock
    tail: Tail
    stop: Callable[[], object]
    _reconnected_ms: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tail.beside(lambda: self.site.config)

    async def do(self, order: Order) -> Result:
        """Declined, Stopping, StoreError."""
        match order.args:
            case PinPlace() as args:
                return await self._place(args, order.commander)
            case PinExtend() as args:
                return await self._extend(args, order.commander)
            case AlarmAck() as args:
                return await self._acknowledge(args)
            case CameraReconnect() as args:
                return await self._reconnect(args)
            case ConsistencyProof() as args:
                return await asyncio.to_thread(self._prove, args)
        plain: Mapping[Verb, Callable[[], Awaitable[Result]]] = {
            Verb.REBIRTH: self._rebirth,
            Verb.STATUS: self._status,
            Verb.DIAGNOSTICS: self._diagnose,
            Verb.RESTART: self._restart,
        }
        return await plain[order.verb]()

    async def _rebirth(self) -> Result:
        said = self.reporter.rebirth()
        return "status, birth and all state are said again", {"messages": said}

    async def _status(self) -> Result:
        seen = self.site.overview()
        told = site_documents.status(seen)
        standing = [alarm for alarm in seen.alarms if alarm.raised]
        result = {
            "verdict": told.verdict,
            "action": told.action[:WORDS_MAX],
            "version": told.version,
            "started_ms": seen.started_ms,
            "clock_synced": seen.synced,
            "recovering": told.recovering,
            "cameras": [
                {"id": one.id, "state": one.state, "reason": without_login(one.reason)[:WORDS_MAX]}
                for one in told.cameras
            ],
            "volumes": [{"id": one.id, "state": one.state} for one in told.volumes],
            "alarms_raised": len(standing),
            "alarms": [
                {
                    "key": one.key,
                    "occurrence": one.occurrence,
                    "severity": one.severity.value,
                    "acknowledged": one.acknowledged,
                }
                for one in standing[:ALARMS_MAX]
            ],
        }
        return str(told.verdict), result

    async def _place(self, args: PinPlace, commander: Commander) -> Result:
        limits = self.site.config.pins
        until_ms, now_ms = None if args.until is None else instant_ms(args.until), self.clock.now().wall_ms
        wanted = Wanted(
            cameras=tuple(dict.fromkeys(args.cameras)),
            interval=Interval(instant_ms(args.start), instant_ms(args.end)),
            ground=Ground(args.ground),
            reference=args.reference,
            case=args.case,
            approver=args.approver,
            span_ms=limits.default // MS if until_ms is None else until_ms - now_ms,
        )
        placer = person(caller(commander, {}))
        standing, _ = await asyncio.to_thread(self.store.pins.place, wanted, placer, limits.limits())
        pin = standing.pin.id
        result = {
            "pin": pin,
            "state": standing.pin.state.value,
            "until": times.timestamp(standing.until_ms),
            "segments": standing.segments,
            "bytes": standing.bytes,
        }
        return f"placed, and provisional until somebody at the box approves it: edgectl pin approve {pin}", result

    async def _extend(self, args: PinExtend, commander: Commander) -> Result:
        who = caller(commander, {"pin": args.pin})
        limits = self.site.config.pins.limits()

        def ask() -> str:
            age_ms = self.store.pins.find(args.pin).age_ms
            span_ms = age_ms + instant_ms(args.until) - self.clock.now().wall_ms
            self.store.pins.check_extension(args.pin, span_ms, limits)
            return self.acts.ask(EXTEND, {"pin": args.pin, "span_ms": span_ms, "reason": args.reason}, who).id

        act = await asyncio.to_thread(ask)
        words = f"asked for; it is extended once somebody at the box approves: edgectl approve {act}"
        return words, {"pin": args.pin, "act": act}

    async def _acknowledge(self, args: AlarmAck) -> Result:
        is_new = await asyncio.wrap_future(self.store.alarms.acknowledge(args.key, args.occurrence))
        await self.site.look_at_alarms()
        words = "acknowledged" if is_new else "it was acknowledged before"
        return words, {"key": args.key, "occurrence": args.occurrence}

    async def _reconnect(self, args: CameraReconnect) -> Result:
        now_ms, before_ms = self.clock.now().boottime_ms, self._reconnected_ms.get(args.camera)
        if before_ms is not None and now_ms - before_ms < RECONNECT_EVERY_MS:
            raise Declined(Reason.TOO_OFTEN, f"camera {args.camera} was told to reconnect less than a minute ago")
        if args.camera not in self.site.priorities():
            raise Declined(Reason.NOT_POSSIBLE, f"no camera {args.camera} is recorded on this box")
        self._reconnected_ms[args.camera] = now_ms
        if not await self.site.reconnect(args.camera):
            raise Declined(Reason.NOT_POSSIBLE, f"camera {args.camera} has no runner now")
        return f"camera {args.camera} is connected anew", {"camera": args.camera}

    def _prove(self, args: ConsistencyProof) -> Result:
        found = self.store.commands.consistency(args.origin, args.first_size, args.second_size)
        result = {
            "origin": found.origin,
            "first_size": found.first_size,
            "first_root": found.first_root.hex(),
            "second_size": found.second_size,
            "second_root": found.second_root.hex(),
            "path": [one.hex() for one in found.path],
        }
        return f"{found.origin}: {found.second_size} leaves begin with those {found.first_size}", result

    async def _diagnose(self) -> Result:
        seen = self.site.overview()
        depth = await asyncio.to_thread(self.store.post.depth)
        more = {
            "versions": versions().model_dump(exclude={"schema_"}),
            "pid": seen.pid,
            "run": self.store.run,
            "boot": seen.boot_id,
            "uptime_s": (seen.now.boottime_ms - seen.started_boottime_ms) / 1000,
            "clock_synced": seen.synced,
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  (counted, not looked at)
            "outbox": {rank.name.lower(): {"events": one.events, "bytes": one.bytes} for rank, one in depth.items()},
        }
        lines, earlier = self.tail.lines(), self.tail.held()
        return "as it is now", await asyncio.to_thread(diagnostics.report, self.site.config, lines, more, earlier)

    async def _restart(self) -> Result:
        if not os.environ.get("NOTIFY_SOCKET"):
            words = "edged does not run as a service of systemd here, so nobody would start it again"
            raise Declined(Reason.NOT_POSSIBLE, words)
        log.warning("the centre commands a restart")
        self.stop()
        raise Stopping


def number(commander: Commander) -> int:
    """In place of the number of an account; no account has it."""
    return KEYS_FIRST + int(commander.key_id[: 2 * NUMBER_BYTES], 16)


def caller(commander: Commander, ids: Details) -> Caller:
    """For what asks who acts. Its signature vouches for it, as a login does for a person."""
    own = number(commander)
    return Caller(own, own, commander.name, commander.name, ROLE, ids)


def or_key(may: MayAsk, keys: Callable[[], Commanders]) -> MayAsk:
    """Whether an account, or a key of the centre, may still ask for what it asked for."""

    async def may_ask(uid: int, verb: RoleVerb) -> bool:
        if uid < KEYS_FIRST:
            return await may(uid, verb)
        known = (one for one in keys().values() if number(one) == uid)
        return verb is RoleVerb.PIN_EXTEND and any(Verb.PIN in one.verbs for one in known)

    return may_ask
