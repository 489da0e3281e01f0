"""The story of a request as leaves tell it: its receipt and each act as JSON, and the request made anew from them.

A lost database loses no request: what stands of one is what the machine makes of its story. No word of a person is in
it; those lie encrypted beside. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edged.office import request as machine
from edged.office.request import Act, Request, Scope, advance, receive
from edged.profiles.procedures import Procedure, Use
from storage.ages.history import Point
from storage.office.service import StoredRequest
from storage.office.table import RequestRow

KINDS: Final[Mapping[str, type[Any]]] = {
    "amend": machine.Amend,
    "examine": machine.Examine,
    "sign": machine.Sign,
    "return": machine.Return,
    "ask-supplement": machine.AskSupplement,
    "supplemented": machine.Supplemented,
    "decide": machine.Decide,
    "ask-hold": machine.AskHold,
    "approve-hold": machine.ApproveHold,
    "extend": machine.Extend,
    "withdraw": machine.Withdraw,
    "reply": machine.Reply,
    "see-paper": machine.SeePaper,
    "appoint": machine.Appoint,
    "open-viewing": machine.OpenViewing,
    "end-viewing": machine.EndViewing,
    "cut-viewing": machine.CutViewing,
    "take": machine.Take,
    "receipt": machine.Receipt,
    "dispose": machine.Dispose,
    "sign-entry": machine.SignEntry,
    "file": machine.FileCase,
    "close": machine.Close,
}
"""Names of acts in leaves; only ever added to."""
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
Body = dict[str, Any]


class ReceiptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request was received with."""

    row: str
    asked: Scope
    uses: frozenset[Use]
    applicant: int | None
    units: frozenset[str]
    synchronised: bool = True
    """Whether the clock was: without it the day is what somebody typed (未校時)."""


def of_receipt(request: Request, *, synchronised: bool = True) -> Body:
    """Of a request that was just received."""
    return _plain(ReceiptBody(request.row, request.asked, request.uses, request.applicant, request.units, synchronised))


def of_act(act: Act) -> Body:
    return {"act": _NAMES[type(act)], **_plain(act)}


def received(procedure: Procedure, body: Mapping[str, Any]) -> Request:
    """ValueError: it is none, or of another row."""
    told = msgspec.convert(body, ReceiptBody)
    if told.row != procedure.row:
        raise ValueError(f"{told.row} is not {procedure.row}")
    return receive(procedure, told.asked, told.uses, told.applicant, told.units)


def act_of(body: Mapping[str, Any]) -> Act:
    """ValueError: none that this version knows."""
    rest = dict(body)
    kind = KINDS.get(str(rest.pop("act", "")))
    if kind is None:
        raise ValueError(f"{body.get('act')!r} is no act of a request")
    act: Act = msgspec.convert(rest, kind)
    return act


def replay(procedure: Procedure, receipt: Mapping[str, Any], acts: Iterable[Mapping[str, Any]]) -> Request:
    """The request as its story makes it. ValueError, Unfit: the story cannot be."""
    request = received(procedure, receipt)
    for body in acts:
        request = advance(procedure, request, act_of(body), request.version)
    return request


@dataclass(frozen=True, slots=True)
class DatedAct:
    """What somebody did, and when it was entered."""

    act: Act
    at: Point
    leaf: int = 0
    """Of the ledger."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request with the row that it goes by, and all that befell it: what its days and terms are counted from."""

    row: RequestRow
    procedure: Procedure
    request: Request
    acts: tuple[DatedAct, ...] = ()
    """The oldest first."""
    synchronised: bool = True
    """Whether the clock was when it was received: else the day is what somebody typed (未校時)."""

    @classmethod
    def of(cls, procedure: Procedure, kept: StoredRequest) -> Case:
        """ValueError, Unfit: its story cannot be."""
        request = replay(procedure, kept.receipt, (one.story for one in kept.acts))
        acts = tuple(DatedAct(act_of(one.story), one.at, one.leaf) for one in kept.acts)
        return cls(kept.row, procedure, request, acts, bool(kept.receipt.get("synchronised", True)))

    def made(self, version: int) -> Act:
        """The act that made this version."""
        return self.dated(version).act

    def dated(self, version: int) -> DatedAct:
        """What made this version; versions run from 1, that of the receipt. IndexError: no act did."""
        return self.acts[version - 2]

    def last(self, *kinds: type[Act]) -> DatedAct | None:
        """The last act of these kinds; None: there was none."""
        return next((one for one in reversed(self.acts) if isinstance(one.act, kinds)), None)


def _plain(value: object) -> Body:
    """As JSON; sets in order, so that the same is always told alike."""
    plain: Body = msgspec.to_builtins(value, order="sorted")
    return plain
