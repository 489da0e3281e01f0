"""The named steps of the protocols: each is reached somewhere, each reach is named, and nobody listens by himself."""

from __future__ import annotations

import ast
from concurrent.futures import Future

import pytest

from storage.words import failpoints
from storage.words.failpoints import Failpoint, reach, reach_after
from tests.support.steps import calls, named, product


def test_every_step_is_reached_somewhere_and_by_its_name() -> None:
    found = {}
    for path, source in product():
        for argument in calls(source):
            step = named(argument)
            assert step is not None, f"{path}: {ast.unparse(argument)} is not the plain name of a step"
            found[step] = path
    assert set(Failpoint.__members__) == set(found)


def test_what_would_escape_is_seen() -> None:
    source = (
        "from storage.words.failpoints import Failpoint, reach\n"
        "reach(Failpoint.A)\nreach('b')\nreach_after(steps[0], future)"
    )
    assert [named(argument) for argument in calls(source)] == ["A", None, None]
    assert list(calls("from elsewhere import reach\nreach('b')")) == []


def test_nobody_listens_and_nothing_but_a_test_arms() -> None:
    assert failpoints._listener is None
    arming = [path for path, source in product() if "failpoints.arm" in source or "import arm" in source]
    assert arming == []


def test_a_fact_is_reached_when_it_is_stored_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[Failpoint] = []
    monkeypatch.setattr(failpoints, "_listener", reached.append)
    stored, failed, cancelled = Future[int](), Future[int](), Future[int]()
    for fact in (stored, failed, cancelled):
        assert reach_after(Failpoint.COMMIT_DONE, fact) is fact
    cancelled.cancel()
    failed.set_exception(OSError())
    assert reached == []
    stored.set_result(1)
    assert reached == [Failpoint.COMMIT_DONE]
    reach(Failpoint.COMMIT_ROW)
    assert reached == [Failpoint.COMMIT_DONE, Failpoint.COMMIT_ROW]
