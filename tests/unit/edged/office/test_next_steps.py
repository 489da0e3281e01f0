"""Each line of what is to be done is told while it is to be done, and goes with the act that it asks for."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest

from edged.office import next_steps as module
from edged.office.next_steps import next_steps
from edged.office.request import (
    Act,
    Amend,
    Appoint,
    ApproveHold,
    AskHold,
    AskSupplement,
    Close,
    Decide,
    Disposal,
    Dispose,
    Door,
    EndViewing,
    Examine,
    FileCase,
    OpenViewing,
    Receipt,
    Reply,
    Request,
    SeePaper,
    Sign,
    SignEntry,
    Supplemented,
    Take,
    Withdraw,
    receive,
)
from edged.profiles.procedures import Procedure, Unit, Use
from tests.unit.edged.office.test_request import (
    APPLICANT,
    CHIEF,
    CLERK,
    COMPANION,
    GRANT,
    HEAD,
    LOBBY,
    NOTHING,
    ONCE,
    OTHER,
    PUBLIC,
    SIGNED,
    STAFF,
    UNITS,
    URGENT,
    VIEW,
    after,
    by,
)

LOGGED: Final = PUBLIC.model_copy(update={"register_form": "附件5", "companion_by_login": True})
CAPTURED: Final = PUBLIC.model_copy(update={"may": [Use.VIEW, Use.HOLD], "hold_by": STAFF.hold_by})
POSTS: Final = ("管理人員", "主管")
BOTH: Final = frozenset({Use.VIEW, Use.COPY})
LOOK: Final = OpenViewing(day=1, operator=CLERK, companion=by(COMPANION, "行政課"), present=1)
LOOK_ONCE: Final = replace(LOOK, companion=by(COMPANION, "財政暨行政課"))
ENDED: Final = EndViewing(not_filmed=True)
REFUSED: Final = Decide(by(CHIEF, "鄉長"), frozenset(), ())
GIVEN: Final = Decide(by(CHIEF, "鄉長"), BOTH, (LOBBY,))
WORD: Final = Decide(by(CHIEF, "主任", Door.WORD), VIEW, (LOBBY,))
ON_PAPER: Final = replace(GRANT, hand=by(CHIEF, "主任", Door.PAPER))
SHOWN: Final = (*SIGNED, GRANT, Appoint(), LOOK, ENDED)
COPY: Final = Take(Use.COPY, (LOBBY,), "E-1")
KEEPING: Final = frozenset({Use.VIEW, Use.HOLD})
APPLIED: Final = (Sign(by(APPLICANT, "申請人")), Sign(by(HEAD, "課長")))
APPROVED: Final = (*APPLIED, Decide(by(CHIEF, "主任"), KEEPING, (LOBBY,)), ApproveHold(by(CHIEF, "主任")))
SEEN: Final = Decide(by(CHIEF, "主任"), VIEW, (LOBBY,))
LOOK_STAFF: Final = replace(LOOK, companion=by(COMPANION, "系統管理人"))
LATER: Final = Examine("agency", "符合", CLERK, document=False)


@dataclass(frozen=True, slots=True)
class Line:
    """It is told after some acts, and no more after another one."""

    code: str
    row: Procedure
    before: tuple[Act, ...]
    done: Act
    more: dict[str, Any] = field(default_factory=dict)


LINES: Final = (
    Line("mend", PUBLIC, (Amend(frozenset(), scope=()),), Amend(frozenset(), scope=(LOBBY,))),
    Line("check", PUBLIC, (), SIGNED[2]),
    Line("check", PUBLIC, (SIGNED[2],), LATER, {"applying": frozenset({"agency"})}),
    Line("sign", PUBLIC, SIGNED[:1], SIGNED[1]),
    Line("sign-units", UNITS, (), Sign(by(HEAD, "業管單位主管", unit="圖書館"))),
    Line("decide", PUBLIC, SIGNED, GRANT),
    Line("supplement", PUBLIC, (AskSupplement(by(CLERK, "管理人員")),), Supplemented()),
    Line("word", URGENT, (WORD,), Sign(by(CHIEF, "主任"))),
    Line("reply", PUBLIC, (*SIGNED, GRANT), Reply()),
    Line("reply", PUBLIC, (Withdraw(),), Reply()),
    Line("reply", NOTHING, (), Reply()),
    Line("paper", PUBLIC, (*SIGNED, ON_PAPER), SeePaper(OTHER)),
    Line("appoint", PUBLIC, (*SIGNED, GRANT), Appoint()),
    Line("here", LOGGED, (*SIGNED, GRANT, Appoint()), LOOK),
    Line("view", PUBLIC, (*SIGNED, GRANT, Appoint()), LOOK),
    Line("keep-approve", CAPTURED, (*SHOWN, AskHold((LOBBY,))), ApproveHold(by(CHIEF, "主任"))),
    Line("keep", CAPTURED, (*SHOWN, AskHold((LOBBY,)), ApproveHold(by(CHIEF, "主任"))), Take(Use.HOLD, (LOBBY,))),
    Line("viewing", PUBLIC, (*SIGNED, GRANT, Appoint(), LOOK), ENDED),
    Line("copy", ONCE, (GIVEN,), COPY),
    Line("hold-sign", STAFF, APPROVED[:-1], APPROVED[-1]),
    Line("hold-sign", STAFF, (*APPROVED[:2], SEEN, LOOK_STAFF, ENDED, AskHold((LOBBY,))), APPROVED[-1]),
    Line("hold", STAFF, APPROVED, Take(Use.HOLD, (LOBBY,), "P-1")),
    Line("hold", URGENT, (Decide(by(CHIEF, "主任"), frozenset({Use.HOLD}), (LOBBY,)),),
         Take(Use.HOLD, (LOBBY,), "P-1")),
    Line("receipt", ONCE, (GIVEN, COPY), Receipt()),
    Line("entry", LOGGED, (*SIGNED, GRANT, Appoint(), LOOK, ENDED, SignEntry(by(CLERK, "管理人員"), 7)),
         SignEntry(by(HEAD, "主管"), 7)),
    Line("entry", LOGGED, (*SIGNED, GRANT, Appoint(), LOOK, ENDED, Reply(), SignEntry(by(CLERK, "主管"), 7), Close()),
         SignEntry(by(HEAD, "管理人員"), 7)),
    Line("destroy", ONCE, (GIVEN, COPY, Receipt()), Dispose("E-1", Disposal.DESTROYED, ours=True),
         {"to_destroy": ("E-1",)}),
    Line("destroy", ONCE, (GIVEN, COPY, Receipt(), Reply(), Close()), Dispose("E-1", Disposal.FILED, ours=True),
         {"to_destroy": ("E-1",)}),
    Line("close-file", ONCE, (REFUSED, Reply()), FileCase("115-0301")),
    Line("close-file", ONCE, (REFUSED, Reply()), Close()),
    Line("close", ONCE, (REFUSED, Reply(), FileCase("115-0301")), Close()),
    Line("file", ONCE, (REFUSED, Reply(), Close()), FileCase("115-0301")),
)  # fmt: skip


def told(line: Line, request: Request) -> list[str]:
    lines = next_steps(line.row, request, **{"log_posts": POSTS, **line.more})
    return [one.code.removeprefix("office.todo.") for one in lines]


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.code} {line.row.row} {type(line.done).__name__}")
def test_a_line_goes_with_the_act_that_it_asks_for(line: Line) -> None:
    uses = VIEW | ((BOTH | KEEPING) & frozenset(line.row.may))
    units = frozenset({"圖書館"}) if line.row is UNITS else frozenset[str]()
    asked = receive(line.row, (LOBBY,), uses, applicant=APPLICANT if line.row is STAFF else None, units=units)
    before = after(line.row, asked, *line.before)
    assert line.code in told(line, before)
    assert told(line, after(line.row, before, line.done)).count(line.code) < told(line, before).count(line.code)


def test_a_post_that_signs_twice_is_told_with_whose_it_is() -> None:
    twice = STAFF.model_copy(
        update={"chain": [STAFF.chain[0], STAFF.chain[1], STAFF.chain[1].model_copy(update={"unit": Unit.MANAGING})]}
    )
    asked = receive(twice, (LOBBY,), VIEW, applicant=APPLICANT)
    (once,) = next_steps(STAFF, after(STAFF, asked, APPLIED[0]))
    (told,) = next_steps(twice, after(twice, asked, APPLIED[0]))
    assert (str(once), str(told)) == (
        "課長 signs (request sign)",
        "課長 (applicant's section) signs (request sign)",
    )


def test_there_is_a_case_for_each_line() -> None:
    calls = (one for one in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(one, ast.Call))
    codes = {
        str(one.args[0].value)
        for one in calls
        if isinstance(one.func, ast.Name)
        and one.func.id == "message"
        and isinstance(one.args[0], ast.Constant)
        and str(one.args[0].value).startswith("office.todo.")
    }
    assert codes == {f"office.todo.{line.code}" for line in LINES}


def test_for_a_copy_alone_no_time_is_appointed() -> None:
    row = ONCE.model_copy(update={"appointment": True})
    copied = after(row, receive(row, (LOBBY,), BOTH), replace(GIVEN, uses=frozenset({Use.COPY})))
    assert "office.todo.appoint" not in [one.code for one in next_steps(row, copied)]


def test_a_copy_that_waits_for_a_signature_is_not_to_be_destroyed() -> None:
    copied = after(ONCE, receive(ONCE, (LOBBY,), BOTH), GIVEN, COPY)
    assert "office.todo.destroy" not in [one.code for one in next_steps(ONCE, copied, to_destroy=("E-1",))]


def test_nothing_is_left_of_a_case_that_is_closed_and_filed() -> None:
    done = after(ONCE, receive(ONCE, (LOBBY,), BOTH), GIVEN, COPY, Receipt(), Reply(), FileCase("1"), Close())
    assert list(next_steps(ONCE, done)) == []
    assert list(next_steps(ONCE, done, to_destroy=("E-9",))) == [], "a copy of another request"
    kept = after(ONCE, receive(ONCE, (LOBBY,), BOTH), GIVEN, COPY, Receipt(kept=False), Reply(), FileCase("1"), Close())
    assert list(next_steps(ONCE, kept, to_destroy=("E-1",))) == [], "the office keeps none of it"
    withdrawn = after(PUBLIC, receive(PUBLIC, (LOBBY,), VIEW), *SIGNED, GRANT, Withdraw())
    assert [one.code for one in next_steps(PUBLIC, withdrawn)] == ["office.todo.reply"], "nothing is shown any more"
