"""A stand-in for the daemon's control socket: answers what it was told to, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from edged.documents import office, site
from edged.documents import site as documents
from edged.documents.base import Document
from tests.support.samples import SAMPLES

PATHS: Final[dict[type[Document], str]] = {
    documents.Status: "/v1/status",
    documents.Cameras: "/v1/cameras",
    documents.Segments: "/v1/segments",
    documents.Gaps: "/v1/gaps",
    documents.Retention: "/v1/retention",
    site.Explanation: "/v1/retention/explain",
    documents.Alarms: "/v1/alarms",
    documents.Reload: "/v1/reload",
    office.RequestShow: "/v1/requests/1",
    office.PostList: "/v1/posts",
}


class Answering:
    """`answers` maps a path to (HTTP status, body); change it while it runs."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.answers: dict[str, tuple[int, bytes]] = {
            path: (200, json.dumps(SAMPLES[kind]).encode()) for kind, path in PATHS.items()
        }
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.break_off = False
        """Promise more than is sent."""

    def refuse(self, path: str, status: int, exit_code: int) -> None:
        document = SAMPLES[documents.Error] | {"exit": exit_code}
        self.answers[path] = (status, json.dumps(document).encode())


@contextlib.contextmanager
def answering(socket: Path) -> Iterator[Answering]:
    """Runs in a thread until the block ends."""
    stand_in = Answering(socket)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            stand_in.asked.append((self.command, parts.path, dict(parse_qsl(parts.query))))
            status, body = stand_in.answers.get(parts.path, (404, b"not found"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + stand_in.break_off))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Nobody wants to read that."""

    with socketserver.ThreadingUnixStreamServer(str(socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
