"""Chromium as somebody uses it: a page opened from a folder, looked at and handled through the DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

PATIENCE_S: Final = 60.0
MESSAGE_MAX_BYTES: Final = 64 << 20


class ScriptFailed(AssertionError):
    """The page says what went wrong."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._events: list[str] = []
        self.complaints: list[str] = []
        """What the browser's console would show in red, since `listen`."""

    async def listen(self) -> None:
        """Hear of every error that a script, a policy or the network makes, from now on."""
        await self.call("Runtime.enable")
        await self.call("Log.enable")

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._heard()
            if answer.get("id") == number:
                if "error" in answer:
                    raise ScriptFailed(answer["error"])
                return answer["result"]

    async def visit(self, address: str) -> None:
        """Until all of it is there."""
        await self.call("Page.enable")
        self._events.clear()
        await self.call("Page.navigate", url=address)
        while "Page.loadEventFired" not in self._events:
            await self._heard()

    async def _heard(self) -> Any:
        message = await self._socket.receive_json(timeout=PATIENCE_S)
        self._events.append(message.get("method", ""))
        self.complaints.extend(_complaint(message))
        return message

    async def run(self, script: str) -> Any:
        """The body of an async function; what it returns."""
        expression = f"(async () => {{ {script} }})()"
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ScriptFailed(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def choose(self, selector: str, *paths: Path) -> None:
        """Files or a folder in a field for them."""
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        await self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])


@asynccontextmanager
async def opened(address: str, *options: str) -> AsyncIterator[Page]:
    """A page in a browser of its own, which is started with these options, too."""
    with tempfile.TemporaryDirectory(prefix="edged-chromium-", ignore_cleanup_errors=True) as profile:
        browser = await asyncio.create_subprocess_exec(
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
            "--disable-background-timer-throttling", "--remote-debugging-port=0", "--window-size=1200,900",
            *options, f"--user-data-dir={profile}", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            async with aiohttp.ClientSession() as session:
                target = await asyncio.wait_for(_target(session, profile), PATIENCE_S)
                async with session.ws_connect(target, max_msg_size=MESSAGE_MAX_BYTES) as socket:
                    page = Page(socket)
                    await page.visit(address)
                    yield page
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            await browser.wait()


def _complaint(message: Any) -> Iterator[str]:
    match message:
        case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
            yield json.dumps(details)
        case {"method": "Runtime.consoleAPICalled", "params": {"type": "error" | "warning" | "assert", "args": said}}:
            yield json.dumps(said)
        case {"method": "Log.entryAdded", "params": {"entry": {"level": "error" | "warning"} as entry}}:
            yield json.dumps(entry)


async def _target(session: aiohttp.ClientSession, profile: str) -> str:
    while True:
        if port := _port(profile):
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                for target in await answer.json(content_type=None):
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)


def _port(profile: str) -> str:
    """Empty while it has not said which."""
    told = Path(profile, "DevToolsActivePort")
    return next(iter(told.read_text().split()), "") if told.exists() else ""
