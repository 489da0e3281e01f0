"""Whether the office's own templates can be used: each is tried with an invented request, twice: as it is received, and
decided. Blocking; takes a third of a second each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from edged.office.request import Decide, Decision, Hand, Request, Sign, Signature, Stretch
from edged.office.story import Case, DatedAct
from edged.papers.annexes import form_values, own_names
from edged.papers.paper_case import PaperCase
from edged.papers.render import TemplateUnusable, own_template, render_own
from edged.profiles.loader import Profile
from edged.profiles.procedures import Procedure, StepKind
from storage.ages.history import Point
from storage.office.table import RequestRow
from storage.words.message import NOTHING, Message

NUMBER: Final = "115-0042"
_DAY: Final = date(2026, 11, 25)
_AT: Final = Point(1, 0, 1_795_000_000_000)
_FOOTAGE: Final = (Stretch("camera", _AT.wall_ms, _AT.wall_ms + 60_000),)


@dataclass(frozen=True, slots=True)
class CheckedForm:
    """A form that the text does not contain, and the office's template of it."""

    row: str
    form: str
    """As the text calls it; "" where it names none."""
    file: str = ""
    """ "": there is none, and 暫用格式 is printed."""
    unusable: Message = NOTHING
    unshown: tuple[str, ...] = ()
    """What of a request it does not show, by the words of the form."""


def check_templates(profile: Profile, directory: Path | None) -> tuple[CheckedForm, ...]:
    """Of each row whose form is not in the text."""
    rows = (one for one in profile.procedures if own_names(one))
    return tuple(_checked(profile, one, own_template(directory, own_names(one))) for one in rows)


def strange(profile: Profile, directory: Path | None) -> tuple[str, ...]:
    """Files there that are nobody's template."""
    wanted = {name for one in profile.procedures for name in own_names(one)}
    found = () if directory is None or not directory.is_dir() else directory.glob("*.html")
    return tuple(sorted(one.name for one in found if one.name not in wanted))


def _checked(profile: Profile, procedure: Procedure, file: Path | None) -> CheckedForm:
    if file is None:
        return CheckedForm(procedure.row, procedure.form)
    try:
        render_own(file, _values(profile, procedure, decided=False))
        values = _values(profile, procedure, decided=True)
        page = unescape(render_own(file, values))
    except TemplateUnusable as error:
        return CheckedForm(procedure.row, procedure.form, str(file), error.why)
    return CheckedForm(procedure.row, procedure.form, str(file), unshown=tuple(_unshown(values, page)))


def _unshown(values: dict[str, Any], page: str) -> Iterator[str]:
    if NUMBER not in page:
        yield "收文號"
    for one in values["fields"]:
        if one["text"] not in page:
            yield one["label"]
    for step in values["chain"]:
        if any(one["text"] not in page for one in step["signed"]):
            yield step["post"]


def _values(profile: Profile, procedure: Procedure, *, decided: bool) -> dict[str, Any]:
    """Each text is one that stands nowhere else."""
    words = {one.name: one.choices[0] if one.choices else f"〔{one.name}〕" for one in procedure.fields}
    request = Request(procedure.row, _FOOTAGE, frozenset(procedure.may))
    acts: list[DatedAct] = []
    if decided:
        hands = [Hand(number, step.post) for number, step in enumerate(procedure.chain, 1)]
        granted = Decision(frozenset(procedure.may), _FOOTAGE, hands[-1])
        request = Request(
            procedure.row,
            _FOOTAGE,
            frozenset(procedure.may),
            signatures=tuple(Signature(number, hand) for number, hand in enumerate(hands)),
            decision=granted,
        )
        acts = [
            DatedAct(Decide(hand, granted.uses, _FOOTAGE) if step.kind is StepKind.DECIDE else Sign(hand), _AT)
            for step, hand in zip(procedure.chain, hands, strict=True)
        ]
    row = RequestRow(NUMBER, True, procedure.row, _DAY.toordinal(), _AT, 1, request.status.value, 1)
    told = PaperCase(
        case=Case(row, procedure, request, tuple(acts)),
        profile=profile,
        words=words,
        shown=words,
        names={number: f"〔{number}〕" for number in range(1, len(procedure.chain) + 1)},
        cameras={},
        zone=ZoneInfo("Asia/Taipei"),
        today=_DAY,
    )
    return form_values(told)
