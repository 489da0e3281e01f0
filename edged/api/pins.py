"""The calls behind `edgectl pin`: add, list, approve; extending and releasing are acts of two persons."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from aiohttp import web

from edged.access.acts import EXTEND, Acts, Kind, doing, person
from edged.access.callers import Details, Route, get, instant, post
from edged.access.guard import caller, logged_in
from edged.api import approvals
from edged.api.base import answer, asked, carried_out
from edged.config.model import Config
from edged.documents import pins as documents
from edged.office.request import Unfit
from edged.office.service import OfficeService
from edged.words import units
from edged.words.roles import Verb
from edged.words.units import optional_timestamp, timestamp
from storage.approvals.service import Act, Arguments, Person
from storage.database.writer import TransactionPart
from storage.office.office_store import OfficeShut
from storage.pins.files import check_approver
from storage.pins.rules import (
    KEYS_FIRST,
    TEXT_MAX,
    Cost,
    Ground,
    Interval,
    Pin,
    PinOrder,
    PinState,
    PinStatus,
    Presence,
    why_over,
)
from storage.store.facade import Store
from storage.words.clock import Clock
from storage.words.errors import OrderRefused, OrderWrong
from storage.words.message import NOTHING, Message, as_message, message

log = logging.getLogger("edged.api")
RELEASE: Final = "pin-release"
MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class PinCalls:
    """All of them; `config` is what holds now."""

    store: Store
    acts: Acts
    clock: Clock
    config: Callable[[], Config]
    office: OfficeService

    def routes(self) -> Sequence[Route]:
        pins = self.store.pins
        extend, release = (doing(deed, lambda _: pins.follow_up()) for deed in (self._extend, self._release))
        self.acts.register(EXTEND, Kind(Verb.PIN_EXTEND, _extending, extend))
        self.acts.register(RELEASE, Kind(Verb.PIN_RELEASE, _releasing, release))
        return [
            get("/v1/pins", Verb.PIN_LIST, self.listed),
            post("/v1/pins", Verb.PIN_ADD, self.add, _plan),
            post("/v1/pins/{pin}/approve", Verb.PIN_APPROVE, self.approve, self.may_be),
            post("/v1/pins/{pin}/extend", Verb.PIN_EXTEND, self.extend),
            post("/v1/pins/{pin}/release", Verb.PIN_RELEASE, self.release),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        read = self.store.pins.ended if "ended" in request.query else self.store.pins.standing
        who, found = caller(request), await asyncio.to_thread(read)
        return answer(documents.PinList(pins=[document(one) for one in found if who.sees(one.pin.order.cameras)]))

    async def add(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.PinAddAsked), caller(request)
        order, limits, pins = self._order(wanted), self.config().pins.limits(), self.store.pins

        def work() -> documents.PinAdd:
            self._check_office(wanted, order)
            if wanted.dry_run:
                return documents.PinAdd(pin=None, cost=_cost(pins.cost(order, limits)))
            standing, cost = pins.place(order, person(who), limits)
            if wanted.request is not None:
                self.office.hold()
                standing = pins.find(standing.pin.id)
            return documents.PinAdd(pin=document(standing), cost=_cost(cost))

        return answer(await carried_out(work))

    def _check_office(self, wanted: documents.PinAddAsked, order: PinOrder) -> None:
        """With an open office a pin is of a request, or has a letter (W6, N2). OrderRefused.

        Where nobody can read the office, what is pinned is pinned all the same.
        """
        try:
            if wanted.request is not None:
                self.office.check_pin(wanted.request, order.cameras, order.interval)
            elif self.office.procedures and order.ground is Ground.INTERNAL and self.office.is_open:
                raise OrderRefused(
                    message(
                        "pin.needs-request",
                        "a pin names the request that it is of, or the law or letter that it rests on",
                    ),
                    message("pin.needs-request.action", "give --request NUMBER, or --ground law:… or investigation:…"),
                )
        except OfficeShut:
            log.warning("a pin is placed while the office cannot be read")
        except Unfit as error:
            raise OrderRefused(error.why, NOTHING) from None

    async def may_be(self, request: web.Request) -> Details:
        """Whether this person may approve it: before the leaf says that it is approved."""
        who, pin_id = person(logged_in(request)), request.match_info["pin"]
        await carried_out(lambda: check_approver(self.store.pins.find(pin_id).pin, who))
        return {}

    async def approve(self, request: web.Request) -> web.Response:
        who, pin_id = person(logged_in(request)), request.match_info["pin"]
        standing = await carried_out(lambda: self.store.pins.approve(pin_id, who))
        return answer(documents.PinApprove(pin=document(standing)))

    async def extend(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.PinExtendAsked), logged_in(request)
        pin_id = request.match_info["pin"]
        until_ms = _ms("until", wanted.until)

        def work() -> Act:
            standing = self.store.pins.find(pin_id)
            span_ms = _span_until(standing, until_ms, self.clock.now().wall_ms)
            self.store.pins.check_extension(pin_id, span_ms, self.config().pins.limits())
            arguments: Arguments = {"pin": pin_id, "span_ms": span_ms, "reason": _reason(wanted.reason)}
            return self.acts.ask(EXTEND, arguments, who)

        act = await carried_out(work)
        return answer(documents.PinExtend(act=approvals.act_document(self.acts, act, self.clock)))

    async def release(self, request: web.Request) -> web.Response:
        wanted, who = await asked(request, documents.PinReleaseAsked), logged_in(request)
        pin_id = request.match_info["pin"]

        def work() -> Act:
            self.store.pins.find(pin_id)
            return self.acts.ask(RELEASE, {"pin": pin_id, "reason": _reason(wanted.reason)}, who)

        act = await carried_out(work)
        return answer(documents.PinRelease(act=approvals.act_document(self.acts, act, self.clock)))

    def _order(self, wanted: documents.PinAddAsked) -> PinOrder:
        until_ms = None if wanted.until is None else _ms("until", wanted.until)
        span_ms = self.config().pins.default // MS if until_ms is None else until_ms - self.clock.now().wall_ms
        return PinOrder(
            cameras=tuple(dict.fromkeys(wanted.cameras)),
            interval=Interval(_ms("from", wanted.start), _ms("to", wanted.end)),
            ground=Ground(wanted.ground),
            reference=wanted.reference,
            case=wanted.request or wanted.case,
            approver=wanted.approver,
            span_ms=span_ms,
        )

    def _extend(self, act: Act, _second: Person) -> TransactionPart:
        span_ms = int(act.arguments["span_ms"])
        return self.store.pins.extending(str(act.arguments["pin"]), span_ms, self.config().pins.limits())

    def _release(self, act: Act, second: Person) -> TransactionPart:
        by = f"{act.asker.name}, {second.name}"
        return self.store.pins.releasing(str(act.arguments["pin"]), by, str(act.arguments["reason"]))


async def _plan(request: web.Request) -> Details:
    """A plan pins nothing."""
    return {"step": "plan"} if (await asked(request, documents.PinAddAsked)).dry_run else {}


def _extending(arguments: Arguments) -> Message:
    days = units.format_duration(timedelta(hours=round(int(arguments["span_ms"]) / 3_600_000)))
    return message(
        "approval.extend-pin",
        "extend pin {pin} to {span} from its placing: {reason}",
        pin=str(arguments["pin"]),
        span=days,
        reason=str(arguments["reason"]),
    )


def _releasing(arguments: Arguments) -> Message:
    return message(
        "approval.release-pin",
        "release pin {pin}, whose footage is then destroyed in its time: {reason}",
        pin=str(arguments["pin"]),
        reason=str(arguments["reason"]),
    )


def _span_until(standing: PinStatus, until_ms: int, now_ms: int) -> int:
    """From its placing to `until`, in running time: what has passed of it, and what is to come."""
    return standing.age_ms + until_ms - now_ms


def _ms(name: str, text: str) -> int:
    return instant(name, text) or 0


def _reason(text: str) -> str:
    if not text.strip() or len(text) > TEXT_MAX or not text.isprintable():
        raise OrderWrong(
            message("pin.reason-one-line", "the reason is not one line of 1 to {limit} characters", limit=TEXT_MAX),
            message("pin.reason-one-line.action", "say why in a few words"),
        )
    return text


def document(standing: PinStatus) -> documents.Pin:
    """As programs and screens get it."""
    pin, order = standing.pin, standing.pin.order
    reason = as_message(pin.ended_reason or "")
    if pin.state is PinState.LAPSED:  # edged said it itself; a person said the others
        before = PinState.PROVISIONAL if pin.approved_by is None else PinState.APPROVED
        told = why_over(before, order.span_ms)
        reason = told if told == reason else reason
    return documents.Pin(
        id=pin.id,
        origin=_origin(pin),
        state=pin.state.value,
        cameras=list(order.cameras),
        start=timestamp(order.interval.first_ms),
        end=timestamp(order.interval.last_ms),
        case=order.case,
        ground=order.ground.value,
        reference=order.reference,
        placer=pin.placer.name,
        approver=order.approver,
        approved_by=pin.approved_by,
        placed=timestamp(pin.placed.wall_ms),
        until=timestamp(standing.until_ms) if pin.state.lasts and not pin.is_request else None,
        left_s=standing.left_ms / 1000,
        span_s=order.span_ms / 1000,
        segments=standing.segments,
        bytes=standing.bytes,
        volumes=list(standing.volumes),
        unreachable=[
            documents.Unreachable(
                volume=share.volume,
                path=str(share.path),
                state="lost" if share.presence is Presence.LOST else "away",
                segments=share.segments,
                bytes=share.bytes,
            )
            for share in standing.unreachable
        ],
        adopted=pin.adopted,
        ended=optional_timestamp(pin.ended_ms),
        ended_by=pin.ended_by,
        reason=pin.ended_reason,
        reason_code=reason.code,
        reason_values=reason.data,
    )


def _origin(pin: Pin) -> Literal["person", "centre", "request"]:
    if pin.is_request:
        return "request"
    return "centre" if pin.placer.uid >= KEYS_FIRST else "person"


def _cost(cost: Cost) -> documents.Cost:
    return documents.Cost(
        segments=cost.segments,
        bytes=cost.bytes,
        new_bytes=cost.new_bytes,
        headroom_s=None if cost.headroom_ms is None else cost.headroom_ms / 1000,
        cameras=[
            documents.CameraCost(
                camera=one.camera,
                start=optional_timestamp(one.first_ms),
                end=optional_timestamp(one.last_ms),
                segments=one.segments,
                bytes=one.bytes,
                coming_bytes=one.coming_bytes,
            )
            for one in cost.cameras
        ],
        volumes=[
            documents.VolumeCost(
                volume=one.volume,
                path=str(one.path),
                new_bytes=one.new_bytes,
                pinned_bytes=one.pinned_bytes,
                limit_bytes=one.limit_bytes,
            )
            for one in cost.volumes
        ],
    )
