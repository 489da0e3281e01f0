"""The thread that resolves and connects: one at a time, noticed when it hangs or cannot be had."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mqtt.connection import Connector, Hung


async def test_a_resolver_that_hangs_is_noticed_and_no_second_thread_waits_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mqtt.connection.DIAL_S", 0.05)
    connector, go, given_up = Connector(), threading.Event(), threading.Event()
    calls = []

    def hang() -> None:
        calls.append(1)
        assert go.wait(10)

    for _ in range(5):
        with pytest.raises(Hung):
            await connector.dial(hang, given_up.set)
    assert len(calls) == 1
    go.set()
    assert await asyncio.to_thread(given_up.wait, 10)
    while connector._busy:  # noqa: ASYNC110  the thread is about to end
        await asyncio.sleep(0)
    await connector.dial(lambda: None, given_up.set)


async def test_what_an_attempt_raises_comes_out_its_own_timeout_included() -> None:
    connector = Connector()
    for error in (TimeoutError("its own"), OSError("refused"), ValueError("no address")):

        def fail(error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error), match=str(error)):
            await connector.dial(fail, lambda: None)


async def test_a_box_without_threads_cannot_connect_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no)
    connector = Connector()
    for _ in range(2):
        with pytest.raises(OSError, match="no thread left"):
            await connector.dial(lambda: None, lambda: None)
