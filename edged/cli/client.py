"""Which daemon edgectl talks to, and how: HTTP over its Unix socket, one request per connection.

Every run imports this module, so it is light: http.client and not aiohttp. What comes back is checked by the caller
against edged.documents. Where the daemon of systemd's unit does not answer, systemd is asked what it knows.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import click

from edged.words import exit_codes
from edged.words.catalogue import Language, Reader, language_of
from edged.words.value_types import DEFAULT_CONFIG, DEFAULT_SOCKET, DEFAULT_STATE, DEFAULT_TIMEZONE, UNIT
from storage.words.errors import said
from storage.words.message import NOTHING, Message, as_message, in_lines, message

ANSWER_TIMEOUT_S: Final = 15.0
"""Silence after which the daemon counts as unreachable; it answers in well under a second."""
RELOAD_TIMEOUT_S: Final = 60.0
"""A reload waits for the cameras that changed to close their segments (10 s each, side by side)."""
FOLLOW_TIMEOUT_S: Final = 600.0
"""Between two words about long work: one large file on a slow disk."""
PICTURE_TIMEOUT_S: Final = 70.0
"""A picture comes with the camera's next key frame, or not within a minute."""
BLOCK: Final = 1 << 20
LOOK_AT_UNIT: Final = message("call.look-at-unit", "systemctl status edged, then journalctl -u edged -n 50")
BE_ROOT: Final = message("call.be-root", "run edgectl as root or with sudo")
ASK_TIMEOUT_S: Final = 2.0
"""systemctl answers in milliseconds; a stuck one must not hold up the bad news."""
NO_HEADERS: Final[Mapping[str, str]] = {}
_SYSTEMD_RUNS: Final = Path("/run/systemd/system")
_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "StateChangeTimestamp",
    "NRestarts",
)


class CallError(Exception):
    """No answer, or a refusal: what happened, the first thing to do, and the exit code it ends in."""

    def __init__(self, error: str, action: str, exit_code: int, *, said: bool = False) -> None:
        super().__init__(f"{error}\n  → {action}" if action else str(error))
        self.error = as_message(error)
        self.action = as_message(action)
        self.exit_code = exit_code
        self.said = said
        """The daemon itself said it."""


@dataclass(frozen=True, slots=True)
class Address:
    """The global options as given."""

    config: Path | None
    socket: Path | None
    language: Language = "en"

    @property
    def config_file(self) -> Path:
        return self.config or DEFAULT_CONFIG

    def daemon(self) -> DaemonClient:
        """A socket that was named may be anybody's; the one that is configured is that of systemd's unit."""
        return DaemonClient(self.socket or socket_in(self.config), of_unit=self.socket is None)


def socket_in(config: Path | None) -> Path:
    """[paths] socket of the configuration, whatever else is wrong with it: a typing error must not hide the daemon.

    Where there is none to be had it is the default, with a warning, which needs none where the default file is absent
    or its owner's, the daemon's, alone. A file that was named and is not there is wrong usage.
    """
    file = config or DEFAULT_CONFIG
    try:
        return _path_in(tables(file), "socket", DEFAULT_SOCKET)
    except OSError as error:
        if config is not None and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            what = message(
                "call.no-config-file",
                "--config: there is no file {file}: write the one that edged runs with, or leave it out",
                file=str(file),
            )
            raise click.UsageError(what) from None
        reason = said(error) if error.strerror else message("call.not-a-file", "it is not a file")
        if config is None and isinstance(error, (FileNotFoundError, PermissionError)):
            return DEFAULT_SOCKET
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        reason = message("call.not-toml", "it is not TOML (edgectl config check {file})", file=str(file))
    except ValueError as error:
        reason = as_message(error.args[0])
    say(
        message(
            "call.socket-unknown",
            "{file} does not say where the socket is: {reason}; trying {socket}",
            file=str(file),
            reason=reason,
            socket=str(DEFAULT_SOCKET),
        )
    )
    return DEFAULT_SOCKET


def say(told: Message) -> None:
    """Beside the answer, to the person who reads it."""
    context = click.get_current_context(silent=True)
    given = None if context is None else context.find_root().obj
    reader = Reader(given.language if isinstance(given, Address) else language_of())
    click.echo(f"edgectl: {reader(told)}", err=True)


def state_in(file: Path) -> Path | None:
    """[paths] state of a configuration, whatever else is wrong with it; None where it does not say that."""
    try:
        return _path_in(tables(file), "state", DEFAULT_STATE)
    except (OSError, ValueError):
        return None


def zone_in(file: Path) -> tzinfo | None:
    """[site] timezone of a configuration, whatever else is wrong with it; None where it does not say that."""
    from zoneinfo import ZoneInfo  # late: only of a daemon that is down

    try:
        return ZoneInfo(str(tables(file).get("site", {}).get("timezone", DEFAULT_TIMEZONE)))
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def tables(file: Path) -> Mapping[str, Any]:
    """Of a configuration, right or wrong. OSError, ValueError."""
    return tomllib.loads(file.read_bytes().decode("utf-8-sig"))


def _path_in(tables: Mapping[str, Any], key: str, default: Path) -> Path:
    paths = tables.get("paths", {})
    path = paths.get(key, str(default)) if isinstance(paths, dict) else None
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
        raise ValueError(message("call.not-absolute", "its paths.{key} is not an absolute path", key=key))
    return Path(path)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class DaemonClient:
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
        """A long document (`edged.api.base`), line by line as it comes; the daemon's refusal before the first."""
        return self._stream(path, query, iter)

    def octets(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        """A file, in blocks as it comes, likewise. Where the daemon breaks off it ends early."""
        return self._stream(path, query, lambda response: iter(partial(response.read, BLOCK), b""))

    def picture(self, camera: str, purpose: str) -> tuple[str, str | None, bytes]:
        """A snapshot: when it was taken, until when it is to be destroyed where that is said, and the JPEG."""
        broke_off = message(
            "call.no-picture",
            "the daemon at {socket} broke off before there was a picture",
            socket=str(self.socket_path),
        )
        query = urlencode({"purpose": purpose})
        told, body = self._whole(f"/v1/cameras/{quote(camera, safe='')}/snapshot?{query}", broke_off)
        return told.getheader("X-Edged-Taken", ""), told.getheader("X-Edged-Destroy-By"), body

    def paper(self, path: str, **query: str | None) -> tuple[Message | None, bytes]:
        """A page to print, and what is to be told of it."""
        broke_off = message(
            "call.no-paper",
            "the daemon at {socket} broke off before the paper was there",
            socket=str(self.socket_path),
        )
        given = {key: value for key, value in query.items() if value is not None}
        told, body = self._whole(f"{path}?{urlencode(given)}" if given else path, broke_off)
        remark = told.getheader("X-Edged-Remark")
        return None if remark is None else Message.recalled(remark), body

    def _whole(self, path: str, broke_off: Message) -> tuple[http.client.HTTPResponse, bytes]:
        """What is no document, with the headers that tell of it."""
        connection = _Connection(self.socket_path, PICTURE_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (TimeoutError, http.client.HTTPException):
            raise self._unreachable(broke_off) from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise _refusal(response.status, body)
        return response, body

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
            raise self._unreachable(
                message(
                    "call.stopped-answering", "the daemon at {socket} stopped answering", socket=str(self.socket_path)
                )
            ) from None
        except http.client.HTTPException:
            raise self._unreachable(
                message(
                    "call.broke-off",
                    "the daemon at {socket} broke off in the middle of its answer",
                    socket=str(self.socket_path),
                )
            ) from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()

    def post(self, path: str, body: bytes = b"", kind: str | None = None) -> bytes:
        """`kind`: of a body that is no document, as Content-Type has it."""
        return self._call("POST", path, RELOAD_TIMEOUT_S, body, {} if kind is None else {"Content-Type": kind})

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
            raise self._unreachable(
                message(
                    "call.stopped-answering", "the daemon at {socket} stopped answering", socket=str(self.socket_path)
                )
            ) from None
        except (http.client.HTTPException, ValueError):
            raise self._unreachable(
                message(
                    "call.broke-off",
                    "the daemon at {socket} broke off in the middle of its answer",
                    socket=str(self.socket_path),
                )
            ) from None
        except OSError as error:
            raise self._no_connection(error) from None
        finally:
            connection.close()
        raise self._unreachable(
            message(
                "call.broke-off",
                "the daemon at {socket} broke off in the middle of its answer",
                socket=str(self.socket_path),
            )
        )

    def _call(
        self, method: str, target: str, timeout_s: float, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        connection = _Connection(self.socket_path, timeout_s)
        try:
            connection.request(method, target, body or None, dict(headers))
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            raise self._unreachable(
                message(
                    "call.no-answer",
                    "the daemon at {socket} did not answer within {wait} s",
                    socket=str(self.socket_path),
                    wait=round(timeout_s),
                )
            ) from None
        except http.client.HTTPException:
            raise self._unreachable(
                message(
                    "call.broke-off",
                    "the daemon at {socket} broke off in the middle of its answer",
                    socket=str(self.socket_path),
                )
            ) from None
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
            return CallError(
                message("call.not-allowed", "this user may not open {socket}", socket=str(path)),
                BE_ROOT,
                exit_codes.NOT_ALLOWED,
            )
        if error.errno == errno.ENOENT:
            return self._unreachable(
                message(
                    "call.no-socket",
                    "there is no socket {socket}: the daemon is not running, or it uses another socket",
                    socket=str(path),
                )
            )
        if error.errno == errno.ECONNREFUSED:
            return self._unreachable(
                message("call.nobody-answers", "nobody answers at {socket}: the daemon has stopped", socket=str(path))
            )
        return self._unreachable(
            message(
                "call.not-reached",
                "{socket} cannot be reached: {reason}",
                socket=str(path),
                reason=said(error),
            )
        )

    def _unreachable(self, error: Message) -> CallError:
        known = ask_systemd() if self.of_unit else NOTHING
        return CallError(in_lines((error, known)), LOOK_AT_UNIT, exit_codes.UNREACHABLE)


def _refusal(status: int, body: bytes) -> CallError:
    """The daemon's own words, or plain ones where it sent none (it is another program, or another version)."""
    try:
        document = json.loads(body)
        error = _told(document, "error")
        return CallError(error, _told(document, "action"), int(document["exit"]), said=True)
    except (ValueError, KeyError, TypeError):
        return CallError(
            message("call.http", "the daemon answered with HTTP status {status}", status=status),
            message("call.http.action", "check that edged and edgectl are of one version: edgectl version"),
            exit_codes.FAILED,
        )


def _told(document: Mapping[str, Any], name: str) -> Message:
    """A daemon of an earlier version sends the text alone."""
    code, values = document.get(f"{name}_code", ""), document.get(f"{name}_values", {})
    return Message.of(str(document[name]), str(code), values if isinstance(values, Mapping) else {})


def ask_systemd() -> Message:
    """One sentence, or "" where systemd does not run or does not know the unit."""
    if not _SYSTEMD_RUNS.is_dir():
        return NOTHING
    command = ["systemctl", "show", UNIT, "--property", ",".join(_PROPERTIES)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return NOTHING
    return sentence(dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line))


def sentence(known: Mapping[str, str]) -> Message:
    """systemd's properties in words. Pure."""
    if known.get("LoadState") != "loaded":
        return NOTHING
    state, part = known.get("ActiveState", ""), known.get("SubState", "")
    if since := known.get("StateChangeTimestamp"):
        words = message(
            "call.unit-since",
            "systemd: {unit} is {state} ({part}) since {since}",
            unit=UNIT,
            state=state,
            part=part,
            since=since,
        )
    else:
        words = message("call.unit", "systemd: {unit} is {state} ({part})", unit=UNIT, state=state, part=part)
    result, code = known.get("Result", ""), known.get("ExecMainStatus", "0")
    if result not in ("", "success") or code != "0":
        ended = result or message("call.no-result", "no result")
        words = message(
            "call.unit-ended", "{unit}; it ended with {result}, {status}", unit=words, result=ended, status=code
        )
    often = known.get("NRestarts", "0")
    if often in ("", "0"):
        return words
    return message("call.unit-restarts", "{unit}; restarted so far: {times}", unit=words, times=often)
