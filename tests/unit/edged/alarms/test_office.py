"""What the office has to tell becomes alarms; what was told of legal days is known again after a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.alarms import conditions, tracking
from edged.overview import AlarmCondition, DeadlineKind, Measurements, OfficeFacts, RequestDeadline, UnreportedLeak
from storage.words.message import Message, message
from storage.words.model import AlarmRow, Severity
from tests.unit.edged.site.test_documents import NOW, overview

WHY: Final = message("camera.io-error", "the disk does not take what is written")
REPLY: Final = RequestDeadline("115-0007", "J-public", DeadlineKind.REPLY, date(2026, 5, 12), passed=False)


def told(**facts: object) -> dict[str, AlarmCondition]:
    seen = overview(Measurements(NOW), office=OfficeFacts(**facts))  # type: ignore[arg-type]
    return tracking.troubles(seen, {}, {}, None, {})


def row(key: str, one: AlarmCondition) -> AlarmRow:
    """As the database gives it back."""
    text = Message.recalled(one.text.kept)
    return AlarmRow(key, one.severity, True, 0, None, 1, text, one.action, acknowledged=False)


LEAK: Final = UnreportedLeak("L-115-0001", is_late=False)


def test_without_an_office_there_is_nothing_to_tell() -> None:
    assert told() == {}


@pytest.mark.parametrize(
    ("facts", "key", "severity", "words"),
    [
        ({"not_opened": True}, "office.not-opened", Severity.WARNING, "is not opened"),
        ({"shut": WHY}, "office.shut", Severity.CRITICAL, "does not take what is written. Recording goes on"),
        ({"keys_restored": True}, "office.keys-restored", Severity.CRITICAL, "Older keys"),
        ({"nameless": ("115-0007",)}, "office.nameless", Severity.WARNING, "見紙本): requests 115-0007. Their"),
        ({"nameless_persons": 2}, "office.nameless", Severity.WARNING, "table of persons: 2"),
        ({"years_missing": (2026, 2027)}, "office.calendar", Severity.WARNING, "for 2026, 2027: only"),
        ({"not_held": {"115-0007": WHY}}, "request.not-held:115-0007", Severity.WARNING, "request 115-0007"),
        ({"viewings_over": ("115-0007",)}, "viewing.open:115-0007", Severity.WARNING, "more than 8 hours"),
        ({"copies_left": {"115-0007": (WHY,)}}, "viewing.copy-left:115-0007", Severity.CRITICAL, "not be removed: the"),
        (
            {"copies_overdue": {"X-1": "115-0007"}},
            "copy.destroy-by:X-1",
            Severity.WARNING,
            "copy X-1 (request 115-0007)",
        ),
        ({"erasures_unanswered": ("112-0003",)}, "erasure.unanswered", Severity.WARNING, "answered: 112-0003"),
        ({"leaks_unreported": (LEAK,)}, "leak.open:L-115-0001", Severity.WARNING, "no report to 政風室 or 督察組"),
        ({"leaks_unreported": (replace(LEAK, is_late=True),)}, "leak.open:L-115-0001", Severity.CRITICAL, "L-115-0001"),
    ],
)
def test_each_fact_is_one_alarm(facts: dict[str, object], key: str, severity: Severity, words: str) -> None:
    ((found, one),) = told(**facts).items()
    assert (found, one.severity) == (key, severity)
    assert words in one.text
    assert one.action
    assert not one.names


def test_what_is_known_of_a_fault_is_what_is_advised() -> None:
    assert told(shut=WHY, shut_action=WHY)["office.shut"].action == WHY
    assert told(shut=WHY)["office.shut"].action.startswith("Check the disk")


@pytest.mark.parametrize(
    ("kind", "key", "near", "over"),
    [
        (DeadlineKind.REPLY, "request.deadline:115-0007/reply", Severity.WARNING, Severity.CRITICAL),
        (DeadlineKind.SIGNATURE, "request.signature:115-0007", Severity.WARNING, Severity.CRITICAL),
        (DeadlineKind.SUPPLEMENT, "request.deadline:115-0007/supplement", Severity.INFO, Severity.WARNING),
        (DeadlineKind.APPOINTMENT, "request.deadline:115-0007/appointment", Severity.INFO, Severity.WARNING),
        (DeadlineKind.REMEDY, "request.deadline:115-0007/remedy", Severity.INFO, Severity.WARNING),
    ],
)
def test_a_legal_day_is_told_by_number_row_and_day(
    kind: DeadlineKind, key: str, near: Severity, over: Severity
) -> None:
    """When it is over it is more severe, so that whoever acknowledged it before hears of it again."""
    due = replace(REPLY, kind=kind)
    ((found, one),) = told(deadlines=(due,)).items()
    assert (found, one.severity) == (key, near)
    assert one.text.startswith("Request 115-0007 (J-public): ")
    assert one.text.endswith("is due by 2026-05-12")
    ((found, one),) = told(deadlines=(replace(due, passed=True, unsynced=True),)).items()
    assert (found, one.severity) == (key, over)
    assert "was due by 2026-05-12" in one.text
    assert "未校時" in one.text


def test_each_request_has_alarms_of_its_own() -> None:
    both = (REPLY, replace(REPLY, number="115-0008"), replace(REPLY, kind=DeadlineKind.APPOINTMENT))
    assert len(told(deadlines=both)) == 3


DEADLINES: Final = st.builds(
    RequestDeadline,
    st.sampled_from(["115-0007", "115-10000"]),
    st.sampled_from(["J-public", "W-urgent"]),
    st.sampled_from(DeadlineKind),
    st.none() | st.dates(),
    st.booleans(),
    st.booleans(),
)


@given(DEADLINES)
def test_what_was_told_is_known_again(due: RequestDeadline) -> None:
    if due.last is None:
        due = replace(due, passed=False)
    ((key, one),) = told(deadlines=(due,)).items()
    assert list(conditions.told_deadlines([row(key, one)])) == [replace(due, unsynced=False)]


def test_other_alarms_and_those_that_are_over_say_nothing_of_legal_days() -> None:
    ((key, one),) = told(deadlines=(REPLY,)).items()
    stands = row(key, one)
    others = [replace(stands, raised=False), replace(stands, key="request.not-held:115-0007")]
    assert list(conditions.told_deadlines(others)) == []
    strange = [replace(stands, key="request.deadline:115-0007/strange"), replace(stands, text=Message("of old"))]
    assert list(conditions.told_deadlines(strange)) == []
