"""All of storage against a naive model: cameras, clocks, power, disks, people, crashes; each promise at every step.

The model knows the true time of the box. So what goes is judged by true age (S1, S2, S7), and what stays by the least
age that can be proven (S3). S4, S5, S9, S10 and S13 are looked up on the disks and in the database. A run ends with
everything mended, at rest, and with the same check by content that users get. Time of days costs nothing here, so the
spans are those of the product.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.promised.base import steps_made
from tests.support.promised.disks import Disks
from tests.support.promised.footage import Footage
from tests.support.promised.people import People

STEPS_LONG: Final = 100_000
MACHINE: Final = settings(
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


class PromisesMachine(Footage, People, Disks):
    """Everything that may happen to a box."""


def test_promises_hold(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    steps_made.clear()
    run_state_machine_as_test(PromisesMachine, settings=MACHINE)
    with capsys.disabled():
        print(f"\n{dict(steps_made.most_common())}")  # noqa: T201 - for the record
    if request.config.getoption("--long"):
        assert steps_made["steps"] >= STEPS_LONG
