"""Chromium as somebody uses it: pages from a folder or over HTTP, handled through the DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

PATIENCE_S: Final = 120.0
"""For one answer. Chromium starts in two seconds; on a machine full of other tests in twenty."""
MESSAGE_MAX_BYTES: Final = 64 << 20
PAGE: Final = b"""<!doctype html><meta charset="utf-8"><body><script>
const file = name => "/files/" + name;
const once = {once: true};
const event = (target, name) => new Promise((done, fail) => {
  target.addEventListener(name, done, once);
  target.addEventListener("error", () => fail(new Error("media: " + (target.error && target.error.message))), once);
});
const bytes = async name => await (await fetch(file(name))).arrayBuffer();
</script>"""
"""`file(name)` is the address of a file that is served."""


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


class Browser:
    """A Chromium that runs until it is left, whatever event loops come and go meanwhile."""

    def __init__(self, *options: str) -> None:
        """`options` are added to those it is started with."""
        self._profile = tempfile.TemporaryDirectory(prefix="edged-chromium-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--disable-background-networking",
                "--disable-background-timer-throttling", "--remote-debugging-port=0", "--window-size=1200,900",
                *options, f"--user-data-dir={self._profile.name}", "about:blank",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._profile.cleanup()

    @asynccontextmanager
    async def opened(self, address: str) -> AsyncIterator[Page]:
        """A page that shares nothing with any other: neither storage nor cache."""
        async with aiohttp.ClientSession() as session, session.ws_connect(await self._address()) as socket:
            browser = Page(socket)
            context = (await browser.call("Target.createBrowserContext"))["browserContextId"]
            target = await browser.call("Target.createTarget", url="about:blank", browserContextId=context)
            place = f"ws://127.0.0.1:{self._told()[0]}/devtools/page/{target['targetId']}"
            async with session.ws_connect(place, max_msg_size=MESSAGE_MAX_BYTES) as socket_of_page:
                page = Page(socket_of_page)
                await page.visit(address)
                yield page
            await browser.call("Target.disposeBrowserContext", browserContextId=context)

    async def _address(self) -> str:
        """Of the browser itself, once it listens."""
        async with asyncio.timeout(PATIENCE_S):
            while len(told := self._told()) < 2:  # noqa: ASYNC110  a file tells nobody
                await asyncio.sleep(0.05)
        return f"ws://127.0.0.1:{told[0]}{told[1]}"

    def _told(self) -> list[str]:
        """Port and path; empty while it has not said which."""
        told = Path(self._profile.name, "DevToolsActivePort")
        return told.read_text().split() if told.exists() else []


@asynccontextmanager
async def opened(address: str, *options: str) -> AsyncIterator[Page]:
    """A page in a browser of its own, which is started with these options, too."""
    with Browser(*options) as browser:
        async with browser.opened(address) as page:
            yield page


@asynccontextmanager
async def beside(files: Mapping[str, bytes]) -> AsyncIterator[Page]:
    """A page from which these files can be reached over HTTP, in a browser of its own."""
    with Browser() as browser, _served(Site(files)) as site:
        async with browser.opened(site.address) as page:
            yield page


class Site(ThreadingHTTPServer):
    """Files over HTTP, with ranges, as a viewer will load them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A player that jumps lets go of what it asked for before. What a test wants comes as an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        name = self.path.removeprefix("/files/")
        if self.path == "/":
            self._send(200, PAGE, "text/html; charset=utf-8")
        elif name in self.server.files:
            self._send_range(self.server.files[name])
        else:
            self._send(404, b"", "text/plain")

    def _send_range(self, data: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._send(200, data, "video/mp4")
            return
        first = int(wanted[1])
        last = min(int(wanted[2] or len(data) - 1), len(data) - 1)
        self._send(206, memoryview(data)[first : last + 1], "video/mp4", f"bytes {first}-{last}/{len(data)}")

    def _send(self, status: int, data: bytes | memoryview, kind: str, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Accept-Ranges", "bytes")
        if content_range is not None:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the base class)
        """Not among the test's output."""


@contextmanager
def _served(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
    with site:
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def _complaint(message: Any) -> Iterator[str]:
    match message:
        case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
            yield json.dumps(details)
        case {"method": "Runtime.consoleAPICalled", "params": {"type": "error" | "warning" | "assert", "args": said}}:
            yield json.dumps(said)
        case {"method": "Log.entryAdded", "params": {"entry": {"level": "error" | "warning"} as entry}}:
            yield json.dumps(entry)
