"""Alarms are a pure step: conditions in, changes out, flapping held together."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edged.alarms.tracking import CLEAR_AFTER_S, RETAINED_MS, Change, Tracked, in_full, remembered, retained, step
from edged.overview import AlarmCondition
from storage.words.message import NOTHING, Message
from storage.words.model import AlarmRow, Severity

DOWN = AlarmCondition(Severity.CRITICAL, Message("lobby is not recorded"), Message("check its cable"), raise_after_s=10)


def run(looks: list[tuple[float, dict[str, AlarmCondition]]]) -> list[tuple[float, Change]]:
    memory: dict[str, Tracked] = {}
    told = []
    for now_s, troubles in looks:
        memory, changes = step(memory, troubles, now_s)
        told += [(now_s, change) for change in changes]
    return told


def test_an_alarm_is_raised_once_after_its_patience_and_cleared_once() -> None:
    looks: list[tuple[float, dict[str, AlarmCondition]]] = [
        (float(t), {"k": DOWN} if t < 30 else {}) for t in range(60)
    ]
    assert run(looks) == [(10.0, Change("k", DOWN)), (49.0, Change("k", None))]


def test_what_passes_within_the_patience_is_no_alarm() -> None:
    assert run([(float(t), {"k": DOWN} if t < 9 else {}) for t in range(60)]) == []


def test_what_comes_and_goes_is_raised_although_it_never_lasts() -> None:
    told = run([(float(t), {"k": DOWN} if t % 14 < 3 else {}) for t in range(100)])
    assert told == [(14.0, Change("k", DOWN))]


def test_flapping_is_one_alarm() -> None:
    told = run([(float(t), {"k": DOWN} if t % 25 < 20 else {}) for t in range(200)])
    assert len([change for _, change in told if change.trouble and not change.again]) == 1


def test_new_words_update_a_standing_alarm() -> None:
    worse = AlarmCondition(
        Severity.CRITICAL, Message("lobby: wrong password"), Message("check its password"), raise_after_s=10
    )
    told = run([(0.0, {"k": DOWN}), (10.0, {"k": DOWN}), (11.0, {"k": worse}), (12.0, {"k": worse})])
    assert told == [(10.0, Change("k", DOWN)), (11.0, Change("k", worse, again=True))]


def test_better_advice_updates_an_alarm_that_an_earlier_run_left() -> None:
    wiser = AlarmCondition(DOWN.severity, DOWN.text, Message("check its fuse"), raise_after_s=10)
    memory, changes = step({"k": Tracked(DOWN, 0, 0, raised=True)}, {"k": wiser}, 1)
    assert changes == [Change("k", wiser, again=True)]
    assert step(memory, {"k": wiser}, 2)[1] == []


def test_words_that_change_all_the_time_are_told_at_once_and_then_once_a_minute() -> None:
    attempts = [
        AlarmCondition(Severity.CRITICAL, Message(f"attempt {number}"), Message("wait")) for number in range(180)
    ]
    told = run([(float(now_s), {"k": attempt}) for now_s, attempt in enumerate(attempts)])
    assert [now_s for now_s, _ in told] == [0.0, 1.0, 61.0, 121.0]
    assert told[-1][1] == Change("k", attempts[121], again=True)


def test_the_last_words_are_told_although_they_came_too_soon() -> None:
    words = {0: "first", 1: "second", 2: "third"}
    looks = [(float(t), {"k": AlarmCondition(Severity.INFO, Message(words[min(t, 2)]), NOTHING)}) for t in range(100)]
    assert [(at, change.trouble.text) for at, change in run(looks) if change.trouble] == [
        (0.0, "first"),
        (1.0, "second"),
        (61.0, "third"),
    ]


def test_another_severity_does_not_wait() -> None:
    mild = AlarmCondition(Severity.WARNING, Message("a"), NOTHING)
    looks = [(0.0, mild), (1.0, replace(mild, text=Message("b"))), (2.0, replace(mild, severity=Severity.CRITICAL))]
    assert [now_s for now_s, _ in run([(now_s, {"k": trouble}) for now_s, trouble in looks])] == [0.0, 1.0, 2.0]


def test_names_are_words_but_stand_apart() -> None:
    told = run([(0.0, {"k": replace(DOWN, raise_after_s=0, names="chen")}), (1.0, {"k": replace(DOWN, names="lin")})])
    assert [change.trouble.names for _, change in told if change.trouble] == ["chen", "lin"]
    assert in_full(Message("accounts hold neither role"), "chen, lin") == "accounts hold neither role: chen, lin"
    assert in_full(Message("the disk is full"), "") == "the disk is full"


def test_the_centre_is_shown_what_stands_and_what_was_over_within_a_week() -> None:
    rows = [
        AlarmRow(key, Severity.INFO, over is None, 0, over, 1, NOTHING, NOTHING, acknowledged=False)
        for key, over in {"stands": None, "new": 8, "old": 7, "set back": RETAINED_MS * 9}.items()
    ]
    assert [row.key for row in retained(rows, RETAINED_MS + 7)] == ["stands", "new", "set back"]


def test_what_stands_is_known_without_a_database() -> None:
    rows = [
        AlarmRow("k", Severity.WARNING, True, 5, None, 3, Message("old words"), Message("old"), acknowledged=True),
        AlarmRow("gone", Severity.WARNING, True, 6, None, 1, Message("x"), Message("y"), acknowledged=False),
        AlarmRow("long ago", Severity.WARNING, False, 1, 2, 1, Message("x"), Message("y"), acknowledged=False),
    ]
    tracked = {
        "k": Tracked(DOWN, 0, 0, raised=True),
        "new": Tracked(DOWN, 0, 0, raised=True),
        "patient": Tracked(DOWN, 0, 0, raised=False),
    }
    assert remembered(rows, tracked, 7) == (
        AlarmRow("k", DOWN.severity, True, 5, None, 3, DOWN.text, DOWN.action, acknowledged=True),
        AlarmRow("new", DOWN.severity, True, 7, None, 1, DOWN.text, DOWN.action, acknowledged=False),
    )


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60))
def test_raise_and_clear_alternate_and_nothing_is_cleared_early(looks: list[tuple[float, bool]]) -> None:
    now_s, memory, standing, last_seen_s = 0.0, {}, False, 0.0  # type: float, dict[str, Tracked], bool, float
    for pause_s, present in looks:
        now_s += pause_s
        memory, changes = step(memory, {"k": DOWN} if present else {}, now_s)
        for change in changes:
            if change.trouble is None:
                assert standing
                assert now_s - last_seen_s >= CLEAR_AFTER_S
                standing = False
            elif not change.again:
                assert not standing
                standing = True
        last_seen_s = now_s if present else last_seen_s
