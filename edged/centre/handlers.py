"""What each verb of the centre does. None deletes, shortens, releases, shows or fetches anything (S14).

Lives on the event loop; what blocks goes to a thread. A handler answers with a sentence and a result, or is
`Declined`.

A key of the centre acts as people with accounts do: it places pins and asks for acts. A key is one person to those
who count two: whoever else approves is another one, and a key approves nothing.

Diagnostics are what the centre may know of a box to help it: versions, configuration, the last lines of its log,
threads, depths. No secret, no address within a camera, no name of a person. What does not fit is left out, oldest lines
first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from edged.access.acts import EXTEND, Acts, person
from edged.access.callers import Caller, Details, MayAsk
from edged.centre.reports import Reporter
from edged.config.model import Config
from edged.host.journal import Tail
from edged.host.versions import versions
from edged.overview import shown_camera
from edged.site import verdict
from edged.site.rounds import SiteState
from edged.words import units
from edged.words.roles import Verb as RoleVerb
from mqtt.commands import (
    AlarmAck,
    CameraReconnect,
    Commander,
    Commanders,
    ConsistencyProof,
    PinExtend,
    PinPlace,
    Reason,
    ValidCommand,
    Verb,
    instant_ms,
)
from recorder.words.address import without_login
from storage.approvals.service import Arguments
from storage.pins.rules import KEYS_FIRST, Ground, Interval, PinOrder
from storage.store.facade import Store
from storage.tickets.commands_table import ROLE, Limit, Rate
from storage.words.clock import Clock
from storage.words.message import message

log = logging.getLogger("edged.centre")
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

    async def do(self, order: ValidCommand) -> Result:
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
        return message("centre.rebirth", "status, birth and all state are said again"), {"messages": said}

    async def _status(self) -> Result:
        seen = self.site.overview()
        word, action = verdict.of(seen)
        standing = [alarm for alarm in seen.alarms if alarm.raised]
        result = {
            "verdict": word,
            "action": action[:WORDS_MAX],
            "version": seen.version,
            "started_ms": seen.started_ms,
            "clock_synced": seen.synced,
            "recovering": seen.recovering,
            "cameras": [
                {"id": one.id, "state": one.state.value, "reason": without_login(one.reason)[:WORDS_MAX]}
                for one in (shown_camera(camera.id, seen) for camera in seen.config.cameras)
            ],
            "volumes": [{"id": one.id, "state": one.state.value} for one in seen.measured.volumes],
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
        return word, result

    async def _place(self, args: PinPlace, commander: Commander) -> Result:
        limits = self.site.config.pins
        until_ms, now_ms = None if args.until is None else instant_ms(args.until), self.clock.now().wall_ms
        wanted = PinOrder(
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
            "until": units.timestamp(standing.until_ms),
            "segments": standing.segments,
            "bytes": standing.bytes,
        }
        words = message(
            "centre.pin-placed",
            "placed, and provisional until somebody at the box approves it: edgectl pin approve {pin}",
            pin=pin,
        )
        return words, result

    async def _extend(self, args: PinExtend, commander: Commander) -> Result:
        who = caller(commander, {"pin": args.pin})
        limits = self.site.config.pins.limits()

        def ask() -> str:
            age_ms = self.store.pins.find(args.pin).age_ms
            span_ms = age_ms + instant_ms(args.until) - self.clock.now().wall_ms
            self.store.pins.check_extension(args.pin, span_ms, limits)
            arguments: Arguments = {"pin": args.pin, "span_ms": span_ms, "reason": args.reason}
            return self.acts.ask(EXTEND, arguments, who, RoleVerb.PIN_EXTEND).id

        act = await asyncio.to_thread(ask)
        words = message(
            "centre.pin-extend",
            "asked for; it is extended once somebody at the box approves: edgectl approve {act}",
            act=act,
        )
        return words, {"pin": args.pin, "act": act}

    async def _acknowledge(self, args: AlarmAck) -> Result:
        is_new = await asyncio.wrap_future(self.store.alarms.acknowledge(args.key, args.occurrence))
        await self.site.look_at_alarms()
        if is_new:
            words = message("centre.acknowledged", "acknowledged")
        else:
            words = message("centre.acknowledged-before", "it was acknowledged before")
        return words, {"key": args.key, "occurrence": args.occurrence}

    async def _reconnect(self, args: CameraReconnect) -> Result:
        now_ms, before_ms = self.clock.now().boottime_ms, self._reconnected_ms.get(args.camera)
        if before_ms is not None and now_ms - before_ms < RECONNECT_EVERY_MS:
            raise Declined(
                Reason.TOO_OFTEN,
                message(
                    "centre.reconnected-just-now",
                    "camera {camera} was told to reconnect less than a minute ago",
                    camera=args.camera,
                ),
            )
        if args.camera not in self.site.priorities():
            raise Declined(
                Reason.NOT_POSSIBLE,
                message("centre.no-camera", "no camera {camera} is recorded on this box", camera=args.camera),
            )
        self._reconnected_ms[args.camera] = now_ms
        if not await self.site.reconnect(args.camera):
            raise Declined(
                Reason.NOT_POSSIBLE,
                message("centre.no-runner", "camera {camera} has no runner now", camera=args.camera),
            )
        return message("centre.reconnected", "camera {camera} is connected anew", camera=args.camera), {
            "camera": args.camera
        }

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
        return message(
            "centre.proven",
            "{origin}: {second} leaves begin with those {first}",
            origin=found.origin,
            second=found.second_size,
            first=found.first_size,
        ), result

    async def _diagnose(self) -> Result:
        seen = self.site.overview()
        depth = await asyncio.to_thread(self.store.outbox.depth)
        more = {
            "versions": asdict(versions()),
            "pid": seen.pid,
            "run": self.store.run,
            "boot": seen.boot_id,
            "uptime_s": (seen.now.boottime_ms - seen.started_boottime_ms) / 1000,
            "clock_synced": seen.synced,
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  (counted, not looked at)
            "outbox": {rank.name.lower(): {"events": one.events, "bytes": one.bytes} for rank, one in depth.items()},
        }
        lines, earlier = self.tail.lines(), self.tail.held()
        return message("centre.as-it-is", "as it is now"), await asyncio.to_thread(
            report, self.site.config, lines, more, earlier
        )

    async def _restart(self) -> Result:
        if not os.environ.get("NOTIFY_SOCKET"):
            words = message(
                "centre.no-service", "edged does not run as a service of systemd here, so nobody would start it again"
            )
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


THREADS_MAX: Final = 200
BYTES_MAX: Final = 32 << 10
"""Of the whole, as JSON: a slow line takes it in half a minute."""
LINE_MAX: Final = 400
"""Characters of a line of the log, once nothing in it is secret."""
SECRET_MIN: Final = 3
"""A shorter password is blanked out as a whole word only: within others it would blank out everything."""
_STARS: Final = "***"
_LOGIN: Final = r"(?<=://)[^/\s]+(?=@)"
"""Whatever stands where an address has a login."""
_LETTER: Final = "[0-9A-Za-z_-]"
"""Of a word. Chinese puts no blanks between words: beside its letters one begins and ends anywhere."""


def secrets_of(configs: Iterable[Config], lines: Iterable[str]) -> re.Pattern[str]:
    """What must be read nowhere: passwords wherever they stand; users, and what lies behind a camera's host and port,
    as whole words; each also as an address writes it. `edged`, the account of every box, tells nobody anything.

    Only of what is in these lines at all: a pattern of all that 256 cameras have takes seconds.
    """
    within: set[str] = set()
    words: set[str] = set()
    paths: set[str] = set()
    for config in configs:
        logins = [(one.username, one.password) for one in config.cameras]
        logins += [(config.mqtt.username, config.mqtt.password)] if config.mqtt else []
        for user, password in logins:
            secret = password.get_secret_value()
            (within if len(secret) >= SECRET_MIN else words).add(secret)
            words.add(user or "")
        for camera in config.cameras:
            parts = urlsplit(camera.url)
            paths |= {parts.path, parts.query, f"{parts.path}?{parts.query}"}
    found = {word: re.escape(word) for word in _written(paths - {"/", "?", "/?"})}
    found = {word: f"{pattern}{_end(word)}" for word, pattern in found.items()}
    found |= {word: f"{_begin(word)}{re.escape(word)}{_end(word)}" for word in _written(words - {"edged"})}
    found |= {word: re.escape(word) for word in _written(within)}
    text = "\n".join(lines).lower()
    longest = sorted((word for word in found if word.lower() in text), key=len, reverse=True)
    return re.compile("|".join([_LOGIN, *(found[word] for word in longest)]), re.IGNORECASE)


def _written(words: Iterable[str]) -> set[str]:
    """In each way in which a line may have them."""
    kinds = (str, unquote, quote, lambda word: quote(word, safe=""), lambda word: " ".join(word.split()))
    return {kind(word) for word in words for kind in kinds} - {""}


def _begin(word: str) -> str:
    return f"(?<!{_LETTER})" if re.match(_LETTER, word) else ""


def _end(word: str) -> str:
    return f"(?!{_LETTER})" if re.match(_LETTER, word[-1]) else ""


def redacted(config: Config) -> dict[str, Any]:
    """As it is in force; of cameras only where they are, not what lies behind."""
    plain = config.model_dump(mode="json")
    for camera in plain["cameras"]:
        parts = urlsplit(camera["url"])
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        camera["url"] = f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}/"
    for table in (*plain["cameras"], plain["mqtt"] or {}):
        if table.get("username"):
            table["username"] = _STARS
    return plain


def report(
    config: Config, lines: Sequence[str], more: dict[str, Any], earlier: Iterable[Config] = ()
) -> dict[str, Any]:
    """All of it, in at most `BYTES_MAX`. `more`: versions and depths. `earlier`: what held when lines were logged."""
    threads = sorted(thread.name for thread in threading.enumerate())
    found: dict[str, Any] = {**more, "threads": threads[:THREADS_MAX], "config": redacted(config), "log": []}
    if _size(found) > BYTES_MAX:
        found["config"] = {"left_out": "too large"}
    room = BYTES_MAX - _size(found)
    kept: deque[str] = deque()
    secrets = secrets_of([config, *earlier], lines)
    for whole in reversed(lines):
        line = secrets.sub(_STARS, whole)[:LINE_MAX]
        room -= _size(line) + 2
        if room < 0:
            break
        kept.appendleft(line)
    found["log"] = list(kept)
    return found


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
