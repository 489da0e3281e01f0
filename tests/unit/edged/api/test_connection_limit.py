"""Nobody holds the daemon's file descriptors through its control socket (S12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edged.access.callers import Peer
from edged.api import server
from edged.api.server import ConnectionLimit


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    door = ConnectionLimit(runner)
    await door.open(tmp_path / "s")
    yield tmp_path / "s"
    door.close()
    await runner.cleanup()


async def answered(path: Path) -> bool:
    async with aiohttp.ClientSession("http://edged", connector=aiohttp.UnixConnector(str(path))) as session:
        try:
            async with session.get("/") as answer:
                return await answer.text() == "here"
        except (aiohttp.ClientError, ConnectionError):
            return False


async def test_an_account_has_so_many_connections_and_then_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "EACH_MAX", 3)
    held = [await asyncio.open_unix_connection(str(path)) for _ in range(3)]
    assert not await answered(path)
    for _, writer in held[:1]:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(10):
        while not await answered(path):
            pass
    for _, writer in held[1:]:
        writer.close()


@pytest.mark.parametrize("at_home", [True, False])
async def test_root_comes_in_where_others_crowd(path: Path, monkeypatch: pytest.MonkeyPatch, at_home: bool) -> None:
    monkeypatch.setattr(server, "ALL_MAX", 0)
    monkeypatch.setattr(server, "is_of_the_house", lambda *_: at_home)
    assert await answered(path) == at_home


@pytest.mark.parametrize("welcome", [True, False])
async def test_whom_nobody_let_through_makes_room_the_oldest_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, welcome: bool
) -> None:
    """Each connection as of an account of its own: who has a role is neither kept out nor put out."""
    numbers = iter(range(9))

    def meet(_transport: asyncio.BaseTransport) -> Peer:
        return Peer(next(numbers), None, welcome)

    monkeypatch.setattr(server, "ALL_MAX", 3)
    monkeypatch.setattr(server, "is_of_the_house", lambda *_: False)
    monkeypatch.setattr(server, "meet", meet)
    held = [await asyncio.open_unix_connection(str(path)) for _ in range(3)]
    assert await answered(path) != welcome
    if not welcome:
        async with asyncio.timeout(10):
            assert await held[0][0].read() == b"", "the first made room"
    for reader, writer in held[1:] if not welcome else held:
        writer.write(b"GET / HTTP/1.1\r\nHost: edged\r\n\r\n")
        async with asyncio.timeout(10):
            assert b"200" in await reader.readline()
    for _, writer in held:
        writer.close()
