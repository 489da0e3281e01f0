"""Why a daemon does not answer: every way in which systemd, lock, database and journal can tell of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.doctor import daemon
from edged.doctor.daemon import Cause, Evidence, LastRun, UnitState
from edged.words import exit_codes
from storage.words.message import Message

WELL: Final = UnitState(
    "loaded", "inactive", "dead", "success", "exited", 0, "enabled", 0, 0, 5, 1, 4, watchdog=True, told=""
)
ABSENT: Final = Evidence("absent")
ORDERLY: Final = LastRun(9, clean=True, this_boot=True)


def failed(**more: Any) -> UnitState:
    return replace(WELL, active="failed", sub="failed", result="exit-code", status=1, **more)


@pytest.mark.parametrize(
    ("known", "cause", "words", "action"),
    [
        (replace(ABSENT, unit=WELL), "stopped-by-hand", "stopped in order", "systemctl start edged"),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0, enabled="disabled")),
            "never-started",
            "edged.service is disabled",
            "systemctl enable --now edged",
        ),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0)),
            "never-started",
            "knows of no start since the box came up",
            "systemctl start",
        ),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0, result="dependency")),
            "failed",
            "a mount of its state directory",
            "systemctl status edged",
        ),
        (
            replace(
                ABSENT, unit=failed() and replace(failed(), status=78), problems=(Message("site.node: is missing → a"),)
            ),
            "configuration",
            "refused: 1 problem in it",
            "edgectl config check",
        ),
        (
            replace(ABSENT, unit=replace(failed(), result="watchdog", ended_by="killed", status=6)),
            "watchdog",
            "hung",
            "start",
        ),
        (
            replace(ABSENT, unit=replace(failed(), result="oom-kill", ended_by="killed", status=9)),
            "out-of-memory",
            "memory",
            "free",
        ),
        (
            replace(ABSENT, unit=replace(failed(), result="signal", ended_by="killed", status=9)),
            "killed",
            "signal 9",
            "journalctl",
        ),
        (replace(ABSENT, unit=replace(failed(), status=203)), "failed", "cannot be run", "journalctl"),
        (replace(ABSENT, unit=failed()), "failed", "exit code 1", "journalctl"),
        (replace(ABSENT, unit=replace(WELL, load="masked")), "stopped-by-hand", "masked", "unmask"),
        (
            replace(
                ABSENT,
                unit=replace(WELL, active="activating", sub="auto-restart", result="exit-code", status=1, restarts=7),
            ),
            "restarting",
            "again and again (7 times): exit code 1",
            "journalctl",
        ),
        (
            replace(
                ABSENT,
                unit=replace(
                    WELL, active="activating", sub="auto-restart", result="watchdog", ended_by="killed", status=6
                ),
            ),
            "restarting",
            "starts it again: it hung, and the watchdog killed it",
            "journalctl",
        ),
        (
            replace(ABSENT, unit=replace(WELL, active="activating", sub="start", restarts=5)),
            "restarting",
            "again and again (5 times)",
            "journalctl",
        ),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0, enabled="disabled"), last=ORDERLY),
            "ended-in-order",
            "edged ended in order; edged.service is disabled",
            "systemctl enable --now edged",
        ),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0), last=replace(ORDERLY, this_boot=False)),
            "never-started",
            "was not started since the box came up",
            "systemctl start",
        ),
        (
            replace(ABSENT, unit=replace(WELL, started_ms=0, ended_ms=0, enabled="disabled"), state_there=False),
            "never-started",
            "has never run here; edged.service is disabled",
            "systemctl enable --now edged",
        ),
        (
            replace(ABSENT, unit=WELL, problems=(Message("site.node: is missing → one"),)),
            "stopped-by-hand",
            "stopped in order",
            "edgectl config check, mend it, then systemctl start edged",
        ),
        (
            replace(ABSENT, unit=replace(WELL, active="activating", sub="start", told="recovering")),
            "starting",
            "recovering",
            "wait",
        ),
        (replace(ABSENT, unit=replace(WELL, active="deactivating")), "stopping", "stopping", "wait"),
        (Evidence("silent", replace(WELL, active="active", pid=42)), "hung", "process 42", "systemctl restart"),
        (Evidence("silent", None, holder=42), "hung", "no watchdog is known", "end process 42"),
        (replace(ABSENT, unit=replace(WELL, active="active", pid=42)), "elsewhere", "not at this socket", "--config"),
        (Evidence("forbidden", WELL), "not-allowed", "may not open", "root"),
        (
            replace(ABSENT, holder=0, last=LastRun(9, clean=True, this_boot=True)),
            "ended-in-order",
            "in order",
            "edged --config",
        ),
        (
            replace(ABSENT, holder=0, last=LastRun(9, clean=False, this_boot=True)),
            "ended-without-a-word",
            "killed, or",
            "start it",
        ),
        (
            replace(ABSENT, holder=0, last=LastRun(9, clean=False, this_boot=False)),
            "power-cut",
            "went down",
            "start it",
        ),
        (replace(ABSENT, state_there=False), "never-started", "never run here", "start it"),
        (replace(ABSENT, unit=replace(WELL, load="not-found")), "not-installed", "does not know", "docs/install.md"),
        (ABSENT, "unknown", "does not run, or uses another socket", "systemctl status edged"),
    ],
)
def test_each_way_down_has_its_words(known: Evidence, cause: Cause, words: str, action: str) -> None:
    found = daemon.explain(known)
    assert found.cause == cause
    assert words in found.said
    assert action in found.action


def test_when_it_ended_and_what_it_said_last_are_told() -> None:
    found = daemon.explain(
        replace(
            ABSENT,
            unit=replace(failed(), ended_ms=77),
            journal=("a", "b"),
            last=LastRun(9, clean=False, this_boot=True),
        )
    )
    assert (found.since_ms, found.evidence) == (77, ("a", "b"))


def test_of_a_refused_configuration_each_problem_is_told_once() -> None:
    """Those that edged told the journal are the same."""
    problems = tuple(Message(f"cameras.c{number}.url: is missing → rtsp://…") for number in range(7))
    refused = replace(ABSENT, unit=replace(failed(), status=78), problems=problems, journal=problems)
    found = daemon.explain(refused)
    told = " ".join((found.said, *found.evidence))
    assert [told.count(problem) for problem in problems] == [1, 1, 1, 1, 1, 0, 0]
    assert found.evidence[-1] == "configuration: and 2 more"
    known_to_the_journal_alone = daemon.explain(replace(refused, problems=()))
    assert known_to_the_journal_alone.evidence == problems[-daemon.SAID_MAX :]


def test_a_full_disk_and_a_volume_that_is_away_are_told_beside() -> None:
    found = daemon.explain(replace(ABSENT, unit=failed(), away=("/srv/b",), state_free_bytes=1000))
    assert "is full" in " ".join(found.evidence)
    assert "volume away: /srv/b" in found.evidence


BEGINS: Final = replace(WELL, active="activating", sub="start")
NOT_MOUNTED: Final = "no volume could be used: /srv/edged is not mounted. Mount it"


def test_only_a_first_start_says_wait() -> None:
    first = daemon.explain(replace(ABSENT, unit=BEGINS))
    assert (first.cause, first.said, first.action) == ("starting", "edged is starting", daemon.WAIT)
    ended = replace(BEGINS, result="exit-code", ended_by="exited", status=1)
    for unit in (ended, replace(BEGINS, restarts=1), replace(ended, restarts=9), replace(ended, sub="auto-restart")):
        for holder in (None, 42):
            found = daemon.explain(
                replace(ABSENT, unit=unit, journal=("x", NOT_MOUNTED), holder=holder if unit.begins else 0)
            )
            assert found.cause == "restarting"
            assert found.said.endswith(f"; it said last: {NOT_MOUNTED}")
            assert found.evidence == ("x", NOT_MOUNTED)
            assert found.action == f"do what it said last; {daemon.JOURNAL}"


def test_one_that_was_killed_did_not_say_why() -> None:
    killed = replace(BEGINS, restarts=1, result="signal", ended_by="killed", status=9)
    found = daemon.explain(replace(ABSENT, unit=killed, journal=("lobby: recording",)))
    assert found.said == "edged has ended, and systemd starts it again: it was ended by signal 9"
    assert (found.action, found.evidence) == (daemon.JOURNAL, ("lobby: recording",))


def test_of_a_crash_loop_what_to_mend_is_told() -> None:
    looping = replace(ABSENT, unit=replace(BEGINS, restarts=2), journal=(NOT_MOUNTED,))
    assert daemon.explain(replace(looping, away=("/srv/edged",))).action.startswith("mount /srv/edged ")
    assert daemon.explain(replace(looping, problems=(Message("a: is missing → b"),))).action.startswith(
        "edgectl config check, mend it"
    )


@given(
    st.builds(
        Evidence,
        socket_answer=st.sampled_from(["absent", "refused", "silent", "forbidden"]),
        unit=st.none()
        | st.builds(
            replace,
            st.just(WELL),
            load=st.sampled_from(["loaded", "not-found", "masked", "bad-setting", ""]),
            active=st.sampled_from(["active", "inactive", "failed", "activating", "deactivating", "reloading", ""]),
            sub=st.sampled_from(["dead", "auto-restart", "start", "running", ""]),
            result=st.sampled_from(["success", "exit-code", "signal", "watchdog", "timeout", "start-limit-hit", ""]),
            ended_by=st.sampled_from(["", "exited", "killed", "dumped"]),
            status=st.integers(0, 255),
            pid=st.sampled_from([0, 42]),
            started_ms=st.sampled_from([0, 1]),
            ended_ms=st.sampled_from([0, 2]),
        ),
        holder=st.none() | st.sampled_from([0, 42]),
        last=st.none() | st.builds(LastRun, st.integers(1, 9), st.booleans(), st.booleans()),
        state_there=st.none() | st.booleans(),
    )
)
def test_whatever_is_known_there_are_words_and_a_next_step(known: Evidence) -> None:
    found = daemon.explain(known)
    assert found.said
    assert found.action
    if known.holder and known.socket_answer == "silent" and (known.unit is None or known.unit.load != "loaded"):
        assert found.cause == "hung"


def test_what_keeps_it_from_coming_up_is_what_to_mend_first() -> None:
    """Also where no systemd tells how it ended: who reads this types what it says."""
    died = replace(ABSENT, last=LastRun(1000, clean=False, this_boot=True))
    assert "edgectl config check, mend it, then " in daemon.explain(replace(died, problems=(Message("x"),))).action
    assert "then mount /srv/b, then start it" in daemon.explain(replace(died, away=("/srv/b",))).action
    looping = replace(ABSENT, unit=replace(failed(), active="activating", sub="auto-restart"), away=("/srv/b",))
    assert daemon.explain(looping).action == "mount /srv/b (lsblk shows the disks): edged then starts by itself"


def test_a_refusal_that_the_file_alone_does_not_show_is_told_from_the_journal() -> None:
    """`edgectl config check` finds nothing in it, so nobody is sent there."""
    died = replace(ABSENT, unit=replace(WELL, active="failed", result="exit-code", status=exit_codes.CONFIG))
    found = daemon.explain(replace(died, journal=('[site] node is "b", and this box is "a" for good',)))
    assert (found.cause, 'this box is "a" for good' in found.said) == ("configuration", True)
    assert "config check" not in found.action
