"""A case as papers tell of it, read from the office as it is now. Blocking; what papers make of it is pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from edged.office.cases import CopyWord, copy_word
from edged.office.service import OfficeService
from edged.office.story import Case
from edged.overview import DeadlineKind
from edged.papers.paper_case import PaperCase
from edged.words.catalogue import Reader
from storage.words.errors import StoreError

T = TypeVar("T")
OF_NOBODY: Final = (CopyWord.MEDIUM, CopyWord.DECLASSIFY)
"""Words of a copy that name no person."""


def case_for_paper(office: OfficeService, case: Case, *, private: bool) -> PaperCase:
    """With all that a paper of its own may say. As `case_for_register`."""
    number = case.row.number
    read = Reader("zh_TW", office.zone, form=True)
    return replace(
        case_for_register(office, case, private=private),
        destroyed=tuple(office.destroyed(case)),
        unheld=tuple((hold.stretch, read(why)) for hold, why in office.unheld.items() if hold.number == number),
        reply_by=next((one.last for one in office.deadlines(case) if one.kind is DeadlineKind.REPLY), None),
        durable=office.is_durable(case),
        made=dict(_of_copies(case, office.begun)),
        fingerprints={copy: told for copy, told in _of_copies(case, office.fingerprint) if told},
    )


def case_for_register(office: OfficeService, case: Case, *, private: bool) -> PaperCase:
    """As its story and its form tell of it. `private`: whoever prints it has no part in the request, so words of
    persons and the applicant's name are left out; the names of who signed stay. OfficeShut.
    """
    number, procedure, nameless = case.row.number, case.procedure, False
    words: dict[str, str] = {}
    if not case.row.erased:
        try:
            words = office.cases.words(number)
        except StoreError:
            nameless = True
    if private:
        shown_to_all = {one.name for one in procedure.fields if not one.personal} | {
            copy_word(copy.made, what) for copy in case.request.copies for what in OF_NOBODY
        }
        words = {name: text for name, text in words.items() if name in shown_to_all}
    names = dict(office.names())
    if private or nameless or case.row.erased:
        names.pop(case.request.applicant or 0, None)
    return PaperCase(
        case=case,
        profile=office.profile,
        words=words,
        shown=dict(office.rendered(procedure, words)),
        names=names,
        cameras=office.camera_names,
        zone=office.zone,
        today=office.today(),
        box=office.node,
        private=private,
        nameless=nameless,
        log_posts=office.log_posts(procedure),
    )


def _of_copies(case: Case, ask: Callable[[str], T]) -> Iterator[tuple[str, T]]:
    for one in case.request.copies:
        try:
            yield one.made, ask(one.made)
        except StoreError:  # its leaf is on a volume that is away after a lost database
            continue
