"""What systemd is told: ready, what goes on, still alive, stopping. Without systemd, nothing happens.

Uses `systemd.daemon` where the extra `systemd` is installed and a plain datagram to `NOTIFY_SOCKET` where it is not:
READY, STATUS and WATCHDOG must not depend on a compiler. Imports the standard library only. Keeps L5 together with
whoever calls `watchdog()`: it must only be called while the loop and the writer thread are proven to live.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

try:
    import systemd.daemon
except ImportError:  # the folder `systemd` of the source tree is found instead, and is no such module
    _libsystemd: Callable[[str], bool] | None = None
else:
    _libsystemd = systemd.daemon.notify

log = logging.getLogger("edged.host")

MAX_STATUS_CHARS: Final = 400
"""STATUS is one line of `systemctl status`; in UTF-8 this stays far below what a datagram may hold."""

WATCHDOG_SHARE: Final = 2
"""A sign of life is due this many times within the watchdog's limit, as sd_watchdog_enabled(3) recommends."""


def ready(status: str = "") -> bool:
    """The daemon records, or tries to: whoever waited for it may go on."""
    return _tell("READY=1", *_status_line(status))


def watchdog(status: str = "") -> bool:
    """A sign of life."""
    return _tell("WATCHDOG=1", *_status_line(status))


def stopping(status: str = "") -> bool:
    """The way down has begun; the unit's TimeoutStopSec counts from here on."""
    return _tell("STOPPING=1", *_status_line(status))


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often `watchdog()` is to be called: half of the limit. None where no watchdog waits for this process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not microseconds.isascii() or not microseconds.isdigit() or int(microseconds) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None  # meant for the process that started us
    return int(microseconds) / 1e6 / WATCHDOG_SHARE


def _status_line(text: str) -> tuple[str, ...]:
    """A line break would begin another assignment."""
    return (f"STATUS={' '.join(text.split())[:MAX_STATUS_CHARS]}",) if text else ()


def _tell(*assignments: str) -> bool:
    """True if systemd took it. A deaf systemd is logged and does not stop recording: its watchdog decides."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    message = "\n".join(assignments)
    try:
        if _libsystemd is not None:
            return bool(_libsystemd(message))
        _through_datagram(address, message)
    except OSError as error:
        log.warning("systemd could not be told %s: %s", assignments[0], error.strerror or error)
        return False
    return True


def _through_datagram(address: str, message: str) -> None:
    """sd_notify(3) by hand; `@` stands for the NUL byte of an abstract socket."""
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # A full queue of systemd's must not stop the loop: the next sign of life comes in time.
        sock.sendto(message.encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, name)
