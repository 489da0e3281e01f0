"""Where commands of the centre arrive: judged, taken once, done, answered. Lives on the event loop.

What arrives waits in a short line, and more than that is dropped: a flood costs a little CPU and one leaf a minute.
Refusals are on record as those of people are. Answers go to keys that are known, and only so many to each, so that
whoever replays what they sent makes no box shout. What was taken is on record before it is done, and done by a task of
its own: one that hangs holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from edged.access.journal import ActEntry, ActJournal
from edged.centre.handlers import LIMITS, RATE, CommandHandlers, Declined, Stopping
from edged.site.rounds import SiteState
from mqtt import commands
from mqtt.commands import Commander, Reason, Refusal, Reply, SignedCommand, State, ValidCommand, Verb, plain, validate
from mqtt.contract.messages import Payload
from storage.store.facade import Store
from storage.tickets.commands_table import ROLE, CommandEntry, Taken
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, Replayed, StoreError, TooOften
from storage.words.message import as_message, joined, message

log = logging.getLogger("edged.centre")

WAITING_MAX: Final = 32
"""Messages that wait to be judged; 16 kB each at the most that are looked at."""
PAUSE_S: Final = 0.02
"""After each message: at most 50 a second, some percent of a core."""
DOING_MAX: Final = 8
"""At a time. A restart is taken beyond that: it is what helps where they hang."""
ANSWERS_MAX: Final = 10
"""Refusals that a key is answered, and that become events, at once; before it is one in so long:"""
ANSWER_EVERY_MS: Final = 1000
EVENT_EVERY_MS: Final = 60_000
"""An event lasts until the centre has got it, and ranks before alarms: whoever replays must not crowd those out."""
UNPROVEN: Final = "somebody without a key that this box knows"
SETTLE_AGAIN_S: Final = 10.0
_NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(slots=True)
class TokenBucket:
    """How many refusals of a key may still be told."""

    every_ms: int
    at_ms: int
    left: float = ANSWERS_MAX

    def take(self, now_ms: int) -> bool:
        self.left = min(ANSWERS_MAX, self.left + max(0, now_ms - self.at_ms) / self.every_ms)
        self.at_ms = now_ms
        if self.left < 1:
            return False
        self.left -= 1
        return True


class CentreCommands:
    """`mqtt.client.Orders`: hears what comes under `dn/cmd/`."""

    def __init__(
        self,
        site: SiteState,
        store: Store,
        journal: ActJournal,
        deeds: CommandHandlers,
        say: Callable[[Payload], object],
        clock: Clock,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`say`: an answer, to whoever listens."""
        self._site = site
        self._store = store
        self._journal = journal
        self._deeds = deeds
        self._say = say
        self._clock = clock
        self._pause_s = pause_s
        self._waiting: deque[tuple[str, bytes, bool]] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._allowances: dict[tuple[str, int], TokenBucket] = {}
        self._doing: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def topic_filter(self) -> str:
        return commands.command_topic(self._site.config.site.node, "+")

    def heard(self, topic: str, payload: bytes, retained: bool) -> None:
        """Whatever it is, it is only laid down here."""
        if len(self._waiting) >= WAITING_MAX:
            self._journal.refused(ActEntry("command", "refused", "none", UNPROVEN, {"code": "flood"}))
            return
        self._waiting.append((topic.rpartition("/")[2], payload, retained))
        self._idle.clear()
        self._wake.set()

    def start(self) -> None:
        """What an earlier run left is told first."""
        self._task = asyncio.create_task(self._run(), name="orders of the centre")

    async def close(self) -> None:
        """What is being done is left; the next run tells that it was interrupted."""
        tasks = [task for task in (self._task, *self._doing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """All that was heard is judged, and all that was taken is done."""
        await self._idle.wait()
        while self._doing:
            await asyncio.wait(self._doing)

    async def _run(self) -> None:
        await self._settle()
        while True:
            while self._waiting:
                try:
                    await self._consider(*self._waiting.popleft())
                except Exception:
                    log.exception("a command could not be dealt with")
                await asyncio.sleep(self._pause_s)
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def _settle(self) -> None:
        while True:
            try:
                settled = await asyncio.wrap_future(self._store.commands.settle())
            except StoreError as error:
                log.warning("what became of commands cannot be told yet: %s", error)
                await asyncio.sleep(SETTLE_AGAIN_S)
                continue
            for taken, state, words in settled:
                reason = Reason.INTERRUPTED if state == State.INTERRUPTED else None
                self._answer(taken.told, State(state), reason, words)
            return

    async def _consider(self, verb: str, payload: bytes, retained: bool) -> None:
        config, now_ms = self._site.config, self._clock.now().wall_ms
        judged = validate(verb, payload, retained, config.site.node, config.known_keys(), now_ms)
        if isinstance(judged, Refusal):
            await self._refuse(verb, judged)
        elif len(self._doing) >= DOING_MAX and judged.verb is not Verb.RESTART:
            await self._turn_down(
                judged,
                Reason.BUSY,
                message("centre.busy", "{count} commands are being done; try again later", count=DOING_MAX),
            )
        else:
            await self._take(judged)

    async def _take(self, order: ValidCommand) -> None:
        told, commander = _entry(order.commander, order.command), order.commander
        try:
            taken = await asyncio.wrap_future(
                self._store.commands.take(told, commander.name, LIMITS.get(order.verb, ()), RATE)
            )
        except Replayed as error:
            await self._turn_down(order, Reason.REPLAYED, error.what, error.state)
        except TooOften as error:
            await self._turn_down(order, Reason.TOO_OFTEN, joined((error.what, error.action)))
        except StoreError as error:
            await self._turn_down(
                order,
                Reason.BUSY,
                message(
                    "centre.not-on-record", "it cannot be put on record, so it is not done: {reason}", reason=error.what
                ),
            )
        else:
            self._answer(told, State.ACCEPTED, None, message("centre.accepted", "on record, and being done"))
            self._begin(self._do(order, taken))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="command of the centre")
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _do(self, order: ValidCommand, taken: Taken) -> None:
        try:
            words, result = await self._deeds.do(order)
        except Stopping:
            return  # the next run tells that it is done
        except Declined as declined:
            await self._fail(order, taken, declined.reason, declined.words)
        except TooOften as error:
            await self._fail(order, taken, Reason.TOO_OFTEN, joined((error.what, error.action)))
        except OrderRefused as error:
            await self._fail(order, taken, Reason.NOT_POSSIBLE, joined((error.what, error.action)))
        except StoreError as error:
            await self._fail(order, taken, Reason.FAILED, error.what)
        except Exception:
            log.exception("%s, as the centre commanded, failed", order.verb)
            await self._fail(
                order, taken, Reason.FAILED, message("centre.failed", "edged failed to do it; see its journal")
            )
        else:
            with suppress(StoreError):  # then the next run tells that it was interrupted, which nobody can rule out
                await asyncio.wrap_future(self._store.commands.done(taken, words, result))
            self._answer(taken.told, State.DONE, None, words, result)

    async def _fail(self, order: ValidCommand, taken: Taken, reason: Reason, words: str) -> None:
        with suppress(StoreError):
            await asyncio.wrap_future(self._store.commands.rejected(taken, order.commander.name, reason, plain(words)))
        self._answer(taken.told, State.REJECTED, reason, plain(words))

    async def _turn_down(self, order: ValidCommand, reason: Reason, words: str, state: str = "") -> None:
        """`state`: it was taken before, and this became of it."""
        await self._refuse(order.verb, Refusal(reason, plain(words), order.commander, order.command), state)

    async def _refuse(self, verb: str, refusal: Refusal, state: str = "") -> None:
        named = f"command {verb}" if verb in set(Verb) else "command"
        commander, command = refusal.commander, refusal.command
        who, role = (UNPROVEN, "none") if commander is None else (commander.name, ROLE)
        self._journal.refused(ActEntry(named, "refused", role, who, {"code": refusal.reason.value}))
        if commander is None or command is None or not self._may(commander, ANSWER_EVERY_MS):
            return
        told = _entry(commander, command)
        if state:
            self._answer(told, State(state), refusal.reason, refusal.words)
            return
        if self._may(commander, EVENT_EVERY_MS):
            with suppress(StoreError):  # the answer goes out all the same
                await asyncio.wrap_future(self._store.commands.refused(told, refusal.reason, refusal.words))
        self._answer(told, State.REJECTED, refusal.reason, refusal.words)

    def _may(self, commander: Commander, every_ms: int) -> bool:
        now_ms = self._clock.now().boottime_ms
        allowance = self._allowances.setdefault((commander.key_id, every_ms), TokenBucket(every_ms, now_ms))
        return allowance.take(now_ms)

    def _answer(
        self, told: CommandEntry, state: State, reason: Reason | None, words: str, result: Mapping[str, Any] = _NOTHING
    ) -> None:
        known = as_message(words)
        self._say(
            Reply(
                ts=0,
                epoch=self._store.run,
                seq=0,
                id=told.id,
                verb=told.verb,
                requester=told.requester,
                state=state.value,
                reason="" if reason is None else reason.value,
                text=str(words),
                code=known.code,
                values=known.data,
                clock_synced=self._site.overview().synced,
                result=dict(result),
            )
        )


def _entry(commander: Commander, command: SignedCommand) -> CommandEntry:
    return CommandEntry(commander.key_id, command.counter, command.id, command.verb, command.requester)
