"""Cases of one box: requests by the rows of its profile, each act checked and made durable before it counts.

Blocking; from any thread. What may be done is `request`'s; how it is kept is `storage.office`'s. A story that this
version cannot follow shows nobody anything: its request is told as unreadable, and all others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from edged.office import forms, legal_days, story
from edged.office.identity_numbers import plain_text
from edged.office.request import Act, Scope, Unfit, advance, receive
from edged.office.story import Case
from edged.profiles.procedures import Phase, Procedure, Use
from storage.office.keys import KeyGone, NotDecrypted
from storage.office.service import Requests, StoredRequest
from storage.office.table import RequestRow
from storage.words.message import Message, message

NO_WORDS: Final[Mapping[str, str]] = {}
NO_UNITS: Final = frozenset[str]()
CHECKED: Final = "check:"
"""Words of a case that no form asks for bear a prefix: what a check rests on, by its name;"""
PRESENT: Final = "present:"
"""who was at a viewing, by its number;"""
REASON: Final = "reason:"
"""why something was done, by the version that it made;"""
COPY: Final = "copy:"
"""what is said of a copy, by its id (`copy_word`)."""
LOST: Final = "lost:"
"""Stands among the words for a form that was lost with its key, and is not entered again yet."""
OWN_WORDS: Final = (CHECKED, PRESENT, REASON, COPY)


class CopyWord(StrEnum):
    RECEIVER = "receiver"
    """Who took it."""
    IDENTITY = "identity"
    """What showed who that is."""
    MEDIUM = "medium"
    DECLASSIFY = "declassify"
    """解密條件."""


def copy_word(copy: str, what: CopyWord) -> str:
    return f"{COPY}{copy}:{what}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request whose row this profile has not, or whose story this version cannot follow."""

    row: RequestRow
    why: Message


class Cases:
    """Of one daemon run."""

    def __init__(self, requests: Callable[[], Requests], procedures: Callable[[], Mapping[str, Procedure]]) -> None:
        """`requests` raises OfficeShut where they cannot be read. `procedures`: of the profile, by row."""
        self._requests = requests
        self._procedures = procedures
        self._known: dict[str, Case] = {}

    def receive(
        self,
        row: str,
        received: date,
        asked: Scope,
        uses: frozenset[Use],
        words: Mapping[str, str],
        *,
        applicant: int | None = None,
        units: frozenset[str] = NO_UNITS,
        number: str | None = None,
        synchronised: bool = True,
    ) -> Case:
        """收文. Whatever is asked for is received: what may not be had is refused in the end.

        `words`: the form, by field. `number`: of another box of the office. `synchronised`: whether the clock was, or
        the day is what somebody typed. Unfit: no such procedure, or a field that its form has not.
        """
        procedure = self.procedure(row)
        _check_words(procedure, words)
        begun = receive(procedure, asked, uses, applicant, units)
        kept = self._requests().receive(
            row,
            legal_days.roc_year(received),
            received.toordinal(),
            story.of_receipt(begun, synchronised=synchronised),
            begun.status.value,
            words,
            number=number,
        )
        return self.case(kept.number)

    def case(self, number: str) -> Case:
        """As it stands. UnknownId; Unfit: it cannot be read."""
        kept = self._requests().get(number)
        known = self._known.get(number)
        if known is None or known.row != kept.row:
            self._known[number] = known = self._made(kept)
        return known

    def _made(self, kept: StoredRequest) -> Case:
        procedure = self.procedure(kept.row.row)
        try:
            return Case.of(procedure, kept)
        except ValueError as error:
            raise Unfit(
                message(
                    "office.unreadable",
                    "request {number} cannot be read by this version, and nothing is shown by it ({reason})",
                    number=kept.row.number,
                    reason=error.args[0] if isinstance(error, Unfit) else type(error).__name__,
                )
            ) from error

    def act(self, number: str, version: int, *acts: Act, words: Mapping[str, str] = NO_WORDS) -> Case:
        """All of them or none; durable when it returns. `version`: of what whoever acts had before them. `words`: those
        that are new, by field or prefix. Unfit, UnknownId, ChangedMeanwhile: nothing has changed.
        """
        case = self.case(number)
        _check_words(case.procedure, words)
        after, steps = case.request, []
        for at, act in enumerate(acts, version):
            after = advance(case.procedure, after, act, at)
            steps.append((story.of_act(act), after.status.value))
        plain = {name: plain_text(text).strip() for name, text in words.items()}
        whole = {**self._words_so_far(number), **plain} if words else None
        if whole and not words.keys().isdisjoint(one.name for one in case.procedure.of_phase(Phase.APPLICATION)):
            whole.pop(LOST, None)
        self._requests().acts(number, version, steps, whole)
        return self.case(number)

    def is_lost(self, number: str) -> bool:
        """Whether what the form said was lost with its key, and is not entered again yet. UnknownId, WordsAway."""
        return LOST in self._words_so_far(number)

    def _words_so_far(self, number: str) -> dict[str, str]:
        try:
            return self._requests().words(number)
        except (KeyGone, NotDecrypted):  # what is entered again is all there is
            return {LOST: ""}

    def words(self, number: str) -> dict[str, str]:
        """The form as it is now, by field, and other words of the case. UnknownId, KeyGone, NotDecrypted, WordsAway."""
        told = self._requests().words(number)
        if LOST in told:
            raise KeyGone(
                message("office.form-lost", "the form of request {number} was lost with its key", number=number),
                message("office.form-lost.action", "enter it again from the paper: edgectl request supplement"),
            )
        return told

    def listed(self) -> Iterator[Case | Unreadable]:
        """By number."""
        for row in self._requests().listed():
            known = self._known.get(row.number)
            try:
                yield known if known is not None and known.row == row else self.case(row.number)
            except Unfit as error:
                yield Unreadable(row, error.why)

    def procedure(self, row: str) -> Procedure:
        """Unfit: the profile has no such row."""
        known = self._procedures()
        if (procedure := known.get(row)) is None:
            raise Unfit(
                message("office.no-row", "there is no procedure {row}; there are: {rows}", row=row, rows=sorted(known))
            )
        return procedure


def _check_words(procedure: Procedure, words: Mapping[str, str]) -> None:
    """Unfit: a field that the form has not, or what cannot be kept or shown."""
    own = {name: text for name, text in words.items() if name.startswith(OWN_WORDS)}
    forms.check_form(procedure, {name: text for name, text in words.items() if name not in own})
    for name, text in own.items():
        said = forms.unfit_text(text, forms.TEXT, lines=not name.startswith((PRESENT, COPY)))
        if said is not None:
            raise Unfit(said)
