"""Programs that tell of the clock: absent, failing, hanging, and whatever this machine has."""

from __future__ import annotations

import sys
import time

import pytest

from edged.host import clock as time_sync
from edged.host.clock import HostClock, run_program


def test_what_a_program_says_is_heard() -> None:
    assert run_program((sys.executable, "-c", "print('yes')")) == "yes\n"


@pytest.mark.parametrize("code", ["import sys; print('yes'); sys.exit(1)", "import os; os.write(1, b'\\xff')"])
def test_a_program_that_fails_says_nothing(code: str) -> None:
    assert run_program((sys.executable, "-c", code)) is None


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert run_program(("/nowhere/chronyc",)) is None


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_sync, "ANSWER_WITHIN_S", 0.2)
    began = time.monotonic()
    assert run_program((sys.executable, "-c", "import time; time.sleep(60)")) is None
    assert time.monotonic() - began < 20


def test_this_machine_is_asked_without_harm() -> None:
    clock = HostClock()
    clock.poll()
    assert clock.synced() in (True, False)
    assert clock.rtc_offset_ms() is None or clock.rtc_offset_ms()
