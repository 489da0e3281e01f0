"""What Chromium makes of a file: a page that it loads over HTTP, with ranges, as a viewer will, and that tells back.

A script is the body of an async function; what it returns comes back as JSON. `file(name)` is the address of a file.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

PATIENCE_S: Final = 60.0
"""Chromium starts in two seconds; on a machine full of other tests in twenty."""

PAGE: Final = """<!doctype html><meta charset="utf-8"><body><script>
const file = name => "/files/" + name;
const once = {once: true};
const event = (target, name) => new Promise((done, fail) => {
  target.addEventListener(name, done, once);
  target.addEventListener("error", () => fail(new Error("media: " + (target.error && target.error.message))), once);
});
const bytes = async name => await (await fetch(file(name))).arrayBuffer();
(async () => {
  let answer;
  try { answer = {value: await (async () => { %s })()}; } catch (error) { answer = {error: String(error)}; }
  await fetch("/answer", {method: "POST", body: JSON.stringify(answer)});
})();
</script>"""


class ScriptFailed(AssertionError):
    """The page says what went wrong."""


def ask(files: Mapping[str, bytes], script: str) -> Any:
    """Start Chromium, let it run `script`, and return what that returned."""
    with (
        _served(Site(files, PAGE % script)) as site,
        tempfile.TemporaryDirectory(prefix="edged-chromium-", ignore_cleanup_errors=True) as profile,
    ):
        command = [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--disable-background-networking",
            f"--user-data-dir={profile}", site.address,
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as browser:
            try:
                answer = site.answers.get(timeout=PATIENCE_S)
            finally:
                os.killpg(browser.pid, signal.SIGKILL)
    if "error" in answer:
        raise ScriptFailed(answer["error"])
    return answer["value"]


class Site(ThreadingHTTPServer):
    def __init__(self, files: Mapping[str, bytes], page: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.page = page.encode()
        self.answers: queue.Queue[Any] = queue.Queue()

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
            self._send(200, self.server.page, "text/html; charset=utf-8")
        elif name in self.server.files:
            self._send_range(self.server.files[name])
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:
        self.server.answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._send(200, b"", "text/plain")

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
