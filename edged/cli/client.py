"""Asks the daemon: HTTP over its Unix socket, one request per connection.

Imports http.client rather than aiohttp, because edgectl must start quickly. What comes back is checked by the caller
against edged.documents.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from edged.cli import unit
from edged.words import exit_codes

ANSWER_TIMEOUT_S: Final = 15.0
"""Silence after which the daemon counts as unreachable; it answers in well under a second."""
RELOAD_TIMEOUT_S: Final = 60.0
"""A reload waits for the cameras that changed to close their segments (10 s each, side by side)."""
FOLLOW_TIMEOUT_S: Final = 600.0
"""Between two words about long work: one large file on a slow disk."""
PICTURE_TIMEOUT_S: Final = 70.0
"""A picture comes with the camera's next key frame, or not within a minute."""
BLOCK: Final = 1 << 20
LOOK_AT_UNIT: Final = "systemctl status edged, then journalctl -u edged -n 50"
BE_ROOT: Final = "run edgectl as root or with sudo"


class CallError(Exception):
    """No answer, or a refusal: what happened, the first thing to do, and the exit code it ends in."""

    def __init__(self, error: str, action: str, exit_code: int, *, said: bool = False) -> None:
        super().__init__(f"{error}\n  → {action}" if action else error)
        self.error = error
        self.action = action
        self.exit_code = exit_code
        self.said = said
        """The daemon itself said it."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class Daemon:
    """The daemon behind one socket. Of the one that systemd keeps, a failure tells what systemd knows."""

    socket_path: Path
    of_unit: bool = False
    patience_s: float = ANSWER_TIMEOUT_S
    """For a document."""

    def get(self, path: str, **query: str | int | None) -> bytes:
        """The document at `path`, as it came; parameters that are None are left out."""
        given = {key.rstrip("_"): value for key, value in query.items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}" if given else path, self.patience_s)

    def lines(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        """A long document (`edged.api.streaming`), line by line as it comes; the daemon's refusal before the first."""
        return self._stream(path, query, iter)

    def octets(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        """A file, in blocks as it comes, likewise. Where the daemon breaks off it ends early."""
        return self._stream(path, query, lambda response: iter(partial(response.read, BLOCK), b""))

    def picture(self, camera: str, purpose: str) -> tuple[str, bytes]:
        """A snapshot: when it was taken, and the JPEG."""
        connection = _Connection(self.socket_path, PICTURE_TIMEOUT_S)
        try:
            query = urlencode({"purpose": purpose})
            connection.request("GET", f"/v1/cameras/{quote(camera, safe='')}/snapshot?{query}")
            response = connection.getresponse()
            body = response.read()
        except (TimeoutError, http.client.HTTPException):
            raise self._unreachable(f"the daemon at {self.socket_path} broke off before there was a picture") from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise _refusal(response.status, body)
        return response.getheader("X-Edged-Taken", ""), body

    def _stream(
        self,
        path: str,
        query: Mapping[str, str | int | None],
        pieces: Callable[[http.client.HTTPResponse], Iterator[bytes]],
    ) -> Iterator[bytes]:
        given = {key.rstrip("_"): value for key, value in query.items() if value is not None}
        connection = _Connection(self.socket_path, FOLLOW_TIMEOUT_S)
        try:
            connection.request("GET", f"{path}?{urlencode(given)}" if given else path)
            response = connection.getresponse()
            if response.status >= http.client.BAD_REQUEST:
                raise _refusal(response.status, response.read())
            yield from pieces(response)
        except TimeoutError:
            raise self._unreachable(f"the daemon at {self.socket_path} stopped answering") from None
        except http.client.HTTPException:
            raise self._unreachable(f"the daemon at {self.socket_path} broke off in the middle of its answer") from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()

    def post(self, path: str, body: bytes = b"") -> bytes:
        return self._call("POST", path, RELOAD_TIMEOUT_S, body)

    def follow(self, path: str, body: bytes, progress: Callable[[dict[str, Any]], None]) -> bytes:
        """Long work (`edged.api.base.follow`): its document, once it is done; `progress` hears how far it is."""
        connection = _Connection(self.socket_path, FOLLOW_TIMEOUT_S)
        try:
            connection.request("POST", path, body)
            response = connection.getresponse()
            if response.status >= http.client.BAD_REQUEST:
                raise _refusal(response.status, response.read())
            for line in response:
                told = json.loads(line)
                if "progress" in told:
                    progress(told["progress"])
                elif "error" in told:
                    raise _refusal(response.status, json.dumps(told["error"]).encode())
                else:
                    return json.dumps(told["document"]).encode()
        except TimeoutError:
            raise self._unreachable(f"the daemon at {self.socket_path} stopped answering") from None
        except (http.client.HTTPException, ValueError):
            raise self._unreachable(f"the daemon at {self.socket_path} broke off in the middle of its answer") from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()
        raise self._unreachable(f"the daemon at {self.socket_path} broke off in the middle of its answer")

    def _call(self, method: str, target: str, timeout_s: float, body: bytes = b"") -> bytes:
        connection = _Connection(self.socket_path, timeout_s)
        try:
            connection.request(method, target, body or None)
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            raise self._unreachable(
                f"the daemon at {self.socket_path} did not answer within {timeout_s:.0f} s"
            ) from None
        except http.client.HTTPException:
            raise self._unreachable(f"the daemon at {self.socket_path} broke off in the middle of its answer") from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise _refusal(response.status, answer)
        return answer

    def _no_connection(self, error: OSError) -> CallError:
        path = self.socket_path
        if error.errno in (errno.EACCES, errno.EPERM):
            return CallError(f"this user may not open {path}", BE_ROOT, exit_codes.NOT_ALLOWED)
        if error.errno == errno.ENOENT:
            return self._unreachable(f"there is no socket {path}: the daemon is not running, or it uses another socket")
        if error.errno == errno.ECONNREFUSED:
            return self._unreachable(f"nobody answers at {path}: the daemon has stopped")
        return self._unreachable(f"{path} cannot be reached: {error.strerror or error}")

    def _unreachable(self, error: str) -> CallError:
        said = "\n".join(filter(None, (error, unit.ask_systemd() if self.of_unit else "")))
        return CallError(said, LOOK_AT_UNIT, exit_codes.UNREACHABLE)


def _refusal(status: int, body: bytes) -> CallError:
    """The daemon's own words, or plain ones where it sent none (it is another program, or another version)."""
    try:
        document = json.loads(body)
        return CallError(str(document["error"]), str(document["action"]), int(document["exit"]), said=True)
    except (ValueError, KeyError, TypeError):
        return CallError(
            f"the daemon answered with HTTP status {status}",
            "check that edged and edgectl are of one version: edgectl version",
            exit_codes.FAILED,
        )
