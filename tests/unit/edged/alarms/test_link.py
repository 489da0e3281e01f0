"""Certificates that run out are alarms in time, with a date and what to do; a wrong clock is told as a wrong clock."""

from __future__ import annotations

from typing import Final

import pytest

from edged.alarms import conditions
from edged.overview import AlarmCondition
from mqtt.tls import CertificateFault, Files, Lifetime, TlsView, Weight
from storage.words.message import Message
from storage.words.model import Severity

FILES: Final = Files("/e/ca.crt", "/e/box.crt", "/e/box.key")
DAY_MS: Final = 86_400_000
NOW_MS: Final = 1_800_000_000_000
"""2027-01-15"""


def life(days: float, source: str = "/e/box.crt", begins: float = -365) -> Lifetime:
    return Lifetime(NOW_MS + round(begins * DAY_MS), NOW_MS + round(days * DAY_MS), source)


def told(view: TlsView | None, now_ms: int = NOW_MS, *, synced: bool = True) -> dict[str, AlarmCondition]:
    return dict(conditions.certificate_troubles(view, "broker.example:8883", now_ms, synced=synced))


def test_nothing_is_told_without_tls_or_while_all_is_well() -> None:
    assert told(None) == {}
    assert told(TlsView(FILES)) == {}
    assert told(TlsView(FILES, box=life(31), authority=life(400), broker=life(30.1))) == {}


@pytest.mark.parametrize(
    ("days", "severity", "words"),
    [
        (30, Severity.WARNING, "ends on 2027-02-14"),
        (7.1, Severity.WARNING, "ends on 2027-01-22"),
        (7, Severity.CRITICAL, "ends on 2027-01-22"),
        (0.1, Severity.CRITICAL, "ends on 2027-01-15"),
        (0, Severity.CRITICAL, "ended on 2027-01-15"),
        (-400, Severity.CRITICAL, "ended on 2025-12-11"),
    ],
)
def test_thirty_and_seven_days_before_and_when_it_is_over(days: float, severity: Severity, words: str) -> None:
    seen = told(
        TlsView(
            FILES, box=life(days, begins=-900), authority=life(days, "/e/ca.crt", -900), broker=life(days, "", -900)
        )
    )
    assert set(seen) == {"mqtt.certificate:box", "mqtt.certificate:authority", "mqtt.certificate:broker"}
    for trouble in seen.values():
        assert trouble.severity is severity
        assert words in trouble.text
    assert "(/e/box.crt)" in seen["mqtt.certificate:box"].text
    assert "(/e/ca.crt)" in seen["mqtt.certificate:authority"].text
    assert "the broker broker.example:8883" in seen["mqtt.certificate:broker"].text
    assert seen["mqtt.certificate:box"].action.startswith("Have the centre make a new one")
    assert "which may hold both" in seen["mqtt.certificate:authority"].action
    assert "Tell the centre" in seen["mqtt.certificate:broker"].action


def test_the_words_do_not_change_from_day_to_day() -> None:
    view = TlsView(FILES, box=life(29))
    assert told(view) == told(view, NOW_MS + 20 * DAY_MS)
    assert told(view) != told(view, NOW_MS + 23 * DAY_MS)


def test_where_nobody_vouches_for_the_clock_it_is_checked_first() -> None:
    seen = told(TlsView(FILES, box=life(-1)), synced=False)
    assert seen["mqtt.certificate:box"].action.startswith("Check the clock of this box (timedatectl). Have the centre")


def test_a_clock_that_was_never_set_is_told_and_no_certificate() -> None:
    view = TlsView(FILES, box=life(5), authority=life(400, "/e/ca.crt", -30), broker=life(-1, ""))
    seen = told(view, 86_400_000, synced=False)
    assert set(seen) == {"mqtt.certificate:clock"}
    clock = seen["mqtt.certificate:clock"]
    assert clock.severity is Severity.CRITICAL
    assert "a time before 2026-12-16" in clock.text
    assert "Recording goes on" in clock.text
    assert "timedatectl" in clock.action
    assert clock.raise_after_s == conditions.CLOCK_PATIENCE_S
    assert told(view, 2 * 86_400_000, synced=False) == seen


def test_a_certificate_of_times_to_come_is_one_where_the_clock_is_right() -> None:
    seen = told(TlsView(FILES, box=life(400, begins=2), authority=life(400, "/e/ca.crt")))
    assert set(seen) == {"mqtt.certificate:box"}
    assert "is not valid before 2027-01-17" in seen["mqtt.certificate:box"].text


BROKEN: Final = CertificateFault("key_file", Message("there is no file /e/box.key"), Message("put it there"))
EXPOSED: Final = CertificateFault(
    "key_file", Message("everybody can read /e/box.key"), Message("run chmod o= /e/box.key"), Weight.WRONG
)


def test_broken_files_say_what_goes_on_meanwhile() -> None:
    (nothing,) = told(TlsView(FILES, (EXPOSED, BROKEN))).values()
    assert nothing.severity is Severity.CRITICAL
    assert "everybody can read /e/box.key; there is no file /e/box.key" in nothing.text
    assert "Recording goes on" in nothing.text
    assert nothing.action == "Put it there"
    kept = told(TlsView(FILES, (BROKEN,), kept=True, box=life(100)))["mqtt.certificate:files"]
    assert (kept.severity, kept.action) == (Severity.WARNING, "Put it there")
    assert "goes on with the old ones until edged is restarted" in kept.text
    assert kept.raise_after_s >= 60, "certificate and key are replaced one after the other"
    tried = told(TlsView(FILES, (EXPOSED,), box=life(100)))["mqtt.certificate:files"]
    assert tried.severity is Severity.WARNING
    assert "tried all the same" in tried.text
