"""The control socket: what it serves, whom it refuses, and what it says when something goes wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel

from edged.access import guard as guard_module
from edged.access.callers import Peer, Refusal
from edged.api.listening import SOCKET_MODE
from edged.api.listings import Page
from edged.documents import site as documents
from edged.words import exit_codes
from storage.words.errors import WriteFailed
from tests.support.roles import control_socket, guard


class FakeSite:
    """Three gaps, served one a page; one verb that fails."""

    asked: tuple[str | None, str | None, str | None, int | None] | None = None

    async def cameras(self) -> documents.Cameras:
        return documents.Cameras(cameras=[])

    async def retention(self) -> documents.Retention:
        raise WriteFailed("edged.db: disk I/O error", "check its disk")

    async def alarms(self) -> documents.Alarms:
        raise RuntimeError("a defect")

    async def reload(self, _by: object) -> documents.Reload:
        raise Refusal("edged.toml: cameras.lobby.url: is missing", "write it", exit_codes.CONFIG)

    def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
        self.asked = (camera, start, end, limit)

        def page(cursor: object | None) -> tuple[list[BaseModel], object | None]:
            number = 0 if cursor is None else int(str(cursor))
            row = documents.Gap(camera="lobby", start=f"{number}", end=None, cause="stalled", detail="")
            return [row], number + 1 if number < 2 else None

        return page

    def __getattr__(self, name: str) -> Any:
        async def unused() -> None:
            raise AssertionError(name)

        return unused


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[FakeSite, aiohttp.ClientSession]]:
    site, path = FakeSite(), tmp_path / "run" / "control.sock"
    server = control_socket(site, path, guard())
    await server.listen()
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession("http://edged", connector=connector) as session:
        yield site, session
    await server.stop()
    assert not path.exists()


async def test_a_long_answer_is_one_document_made_of_pages(served: tuple[FakeSite, aiohttp.ClientSession]) -> None:
    site, session = served
    async with session.get("/v1/gaps", params={"camera": "lobby", "from": "x", "limit": "7"}) as answer:
        document = documents.Gaps.model_validate_json(await answer.read())
    assert [gap.start for gap in document.gaps] == ["0", "1", "2"]
    assert site.asked == ("lobby", "x", None, 7)


@pytest.mark.parametrize(
    ("method", "path", "status", "exit_code", "words"),
    [
        ("POST", "/v1/reload", 400, exit_codes.CONFIG, "cameras.lobby.url"),
        ("GET", "/v1/gaps?limit=many", 400, exit_codes.USAGE, "limit=many"),
        ("GET", "/v1/retention/explain", 400, exit_codes.USAGE, "no segment named"),
        ("GET", "/v1/alarms", 500, exit_codes.FAILED, "failed to answer"),
        ("GET", "/v1/retention", 503, exit_codes.TRY_LATER, "edged.db: disk I/O error"),
        ("GET", "/v1/format-everything", 404, exit_codes.FAILED, "Not Found"),
        ("DELETE", "/v1/segments", 405, exit_codes.FAILED, "Method Not Allowed"),
    ],
)
async def test_whatever_goes_wrong_is_one_clear_document(
    served: tuple[FakeSite, aiohttp.ClientSession], method: str, path: str, status: int, exit_code: int, words: str
) -> None:
    async with served[1].request(method, path) as answer:
        error = documents.Error.model_validate_json(await answer.read())
    assert (answer.status, error.exit) == (status, exit_code)
    assert words in error.error
    assert "a defect" not in error.error


async def test_other_accounts_are_refused(
    served: tuple[FakeSite, aiohttp.ClientSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "peer_of", lambda _request: Peer(4711, None))
    async with served[1].get("/v1/cameras") as answer:
        error = documents.Error.model_validate_json(await answer.read())
    assert (answer.status, error.exit) == (403, exit_codes.NOT_ALLOWED)


async def test_the_peer_is_known_by_the_kernel(served: tuple[FakeSite, aiohttp.ClientSession]) -> None:
    async with served[1].get("/v1/cameras") as answer:
        assert answer.status == 200


async def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = control_socket(FakeSite(), path, guard())
    await server.listen()
    assert path.stat().st_mode & 0o777 == SOCKET_MODE
    await server.stop()


async def test_a_socket_in_use_and_a_file_of_that_name_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        server = control_socket(FakeSite(), path, guard())
        with pytest.raises(FileExistsError, match="in use by another program"):
            await server.listen()
        await server.stop()
    assert path.is_socket()


async def test_a_reader_that_does_not_read_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    class Endless(FakeSite):
        def gaps(self, camera: str | None, start: str | None, end: str | None, limit: int | None) -> Page:
            row = documents.Gap(camera="lobby", start="", end=None, cause="stalled", detail="x" * 10_000)
            return lambda _cursor: ([row] * 100, 1)

    server = control_socket(Endless(), tmp_path / "control.sock", guard())
    await server.listen()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    writer.write(b"GET /v1/gaps HTTP/1.1\r\nHost: edged\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(5):
        await server.stop()
    writer.close()
