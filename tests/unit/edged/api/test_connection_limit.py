"""Nobody holds the daemon's file descriptors through its control socket (S12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from edged.access.callers import Peer
from edged.api import listening
from edged.api.listening import ConnectionLimit


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()

    async def load() -> web.AppRunner:
        return runner

    door = ConnectionLimit(load)
    await door.open(tmp_path / "s")
    yield tmp_path / "s"
    await door.close()
    await runner.cleanup()


async def answered(path: Path) -> bool:
    async with aiohttp.ClientSession("http://edged", connector=aiohttp.UnixConnector(str(path))) as session:
        try:
            async with session.get("/") as answer:
                return await answer.text() == "here"
        except (aiohttp.ClientError, ConnectionError):
            return False


async def test_an_account_has_so_many_connections_and_then_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "EACH_MAX", 3)
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
    monkeypatch.setattr(listening, "ALL_MAX", 0)
    monkeypatch.setattr(listening, "is_of_the_house", lambda *_: at_home)
    assert await answered(path) == at_home


@pytest.mark.parametrize("welcome", [True, False])
async def test_whom_nobody_let_through_makes_room_the_oldest_first(
    path: Path, monkeypatch: pytest.MonkeyPatch, welcome: bool
) -> None:
    """Each connection as of an account of its own: who has a role is neither kept out nor put out."""
    numbers = iter(range(9))

    def meet(_transport: asyncio.BaseTransport) -> Peer:
        return Peer(next(numbers), None, welcome)

    monkeypatch.setattr(listening, "ALL_MAX", 3)
    monkeypatch.setattr(listening, "is_of_the_house", lambda *_: False)
    monkeypatch.setattr(listening, "meet", meet)
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


# --- what answers is loaded when somebody comes -----------------------------------------------------------------------


class Echo(asyncio.Protocol):
    """What answers, once it is loaded: says back what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)

    @property
    def server(self) -> type[Echo]:
        return Echo

    async def cleanup(self) -> None:
        pass


class Loading:
    """Lasts until it is told what came of it."""

    def __init__(self) -> None:
        self.begun = 0
        self._outcomes: asyncio.Queue[Exception | None] = asyncio.Queue()

    def ends(self, error: Exception | None = None) -> None:
        self._outcomes.put_nowait(error)

    async def __call__(self) -> Echo:
        self.begun += 1
        if (error := await self._outcomes.get()) is not None:
            raise error
        return Echo()


@pytest.fixture
def loading() -> Loading:
    return Loading()


@pytest.fixture
async def door(loading: Loading, tmp_path: Path) -> AsyncIterator[ConnectionLimit]:
    """Open at "s"."""
    limit = ConnectionLimit(loading)
    await limit.open(tmp_path / "s")
    yield limit
    await limit.close()


async def knock(tmp_path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(tmp_path / "s"))


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not probe():  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0)


async def assert_said_back(reader: asyncio.StreamReader, expected: bytes) -> None:
    async with asyncio.timeout(10):
        assert await reader.readexactly(len(expected)) == expected


@pytest.mark.usefixtures("door")
async def test_nothing_is_loaded_before_somebody_comes_and_then_once_for_all(loading: Loading, tmp_path: Path) -> None:
    assert loading.begun == 0
    visits = [await knock(tmp_path) for _ in range(3)]
    for number, (_, writer) in enumerate(visits):
        writer.write(b"%d early, " % number)
    loading.ends()
    for number, (reader, writer) in enumerate(visits):
        await assert_said_back(reader, b"%d early, " % number)
        writer.write(b"and late")
        await assert_said_back(reader, b"and late")
    assert loading.begun == 1
    for _, writer in visits:
        writer.close()


async def test_who_says_much_while_it_is_loaded_is_heard_to_the_end(
    door: ConnectionLimit, loading: Loading, tmp_path: Path
) -> None:
    """More than is read at once, and kept by the kernel meanwhile."""
    much = bytes(range(256)) * 8192
    reader, writer = await knock(tmp_path)
    writer.write(much)
    await until(lambda: door._inside and not next(iter(door._inside)).is_reading())
    loading.ends()
    await assert_said_back(reader, much)
    writer.close()


async def test_what_could_not_be_loaded_is_told_and_tried_again(
    door: ConnectionLimit, loading: Loading, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    visits = [await knock(tmp_path) for _ in range(2)]
    await until(lambda: len(door._inside) == 2)
    loading.ends(ImportError("no such module"))
    for reader, writer in visits:
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    assert caplog.text.count("could not be loaded") == 1
    loading.ends()
    reader, writer = await knock(tmp_path)
    writer.write(b"again")
    await assert_said_back(reader, b"again")
    writer.close()


async def test_who_left_while_it_was_loaded_is_not_waited_for(
    door: ConnectionLimit, loading: Loading, tmp_path: Path
) -> None:
    _, gone = await knock(tmp_path)
    reader, writer = await knock(tmp_path)
    await until(lambda: len(door._inside) == 2)
    (first, _) = door._inside
    gone.close()
    await until(first.is_closing)
    loading.ends()
    writer.write(b"here")
    await assert_said_back(reader, b"here")
    writer.close()


async def test_a_stop_while_it_is_loaded_waits_for_it(door: ConnectionLimit, loading: Loading, tmp_path: Path) -> None:
    _, writer = await knock(tmp_path)
    await until(lambda: loading.begun)
    closing = asyncio.create_task(door.close())
    await asyncio.sleep(0)
    assert not closing.done()
    loading.ends()
    async with asyncio.timeout(10):
        await closing
    writer.close()


async def test_a_stop_does_not_wait_for_what_hangs(
    door: ConnectionLimit, loading: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "GOODBYE_S", 0.0)
    reader, writer = await knock(tmp_path)
    await until(lambda: loading.begun)
    async with asyncio.timeout(10):
        await door.close()
        assert await reader.read() == b""
    loading.ends()
    writer.close()


async def test_what_could_not_be_loaded_for_one_who_left_is_tried_again_for_the_next(
    door: ConnectionLimit, loading: Loading, tmp_path: Path
) -> None:
    _, gone = await knock(tmp_path)
    await until(lambda: door._inside)
    gone.close()
    await until(next(iter(door._inside)).is_closing)
    loading.ends(OSError("no memory"))
    await until(lambda: door._loading is None)
    reader, writer = await knock(tmp_path)
    writer.write(b"here")
    loading.ends()
    await assert_said_back(reader, b"here")
    assert loading.begun == 2
    writer.close()
