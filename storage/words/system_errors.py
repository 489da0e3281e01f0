"""What a call that failed says, as a message: the errors of the system that people meet. Pure."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from storage.words.message import Message, message

KNOWN: Final[Mapping[int, Message]] = {
    errno.EPERM: message("system.eperm", "Operation not permitted"),
    errno.ENOENT: message("system.enoent", "No such file or directory"),
    errno.EIO: message("system.eio", "Input/output error"),
    errno.ENXIO: message("system.enxio", "No such device or address"),
    errno.ENOMEM: message("system.enomem", "Cannot allocate memory"),
    errno.EACCES: message("system.eacces", "Permission denied"),
    errno.ENODEV: message("system.enodev", "No such device"),
    errno.ENOTDIR: message("system.enotdir", "Not a directory"),
    errno.EISDIR: message("system.eisdir", "Is a directory"),
    errno.ENFILE: message("system.enfile", "Too many open files in system"),
    errno.EMFILE: message("system.emfile", "Too many open files"),
    errno.ENOSPC: message("system.enospc", "No space left on device"),
    errno.EROFS: message("system.erofs", "Read-only file system"),
    errno.EPIPE: message("system.epipe", "Broken pipe"),
    errno.ENETDOWN: message("system.enetdown", "Network is down"),
    errno.ENETUNREACH: message("system.enetunreach", "Network is unreachable"),
    errno.ECONNRESET: message("system.econnreset", "Connection reset by peer"),
    errno.ETIMEDOUT: message("system.etimedout", "Connection timed out"),
    errno.ECONNREFUSED: message("system.econnrefused", "Connection refused"),
    errno.EHOSTDOWN: message("system.ehostdown", "Host is down"),
    errno.EHOSTUNREACH: message("system.ehostunreach", "No route to host"),
    errno.ESTALE: message("system.estale", "Stale file handle"),
    errno.EDQUOT: message("system.edquot", "Disk quota exceeded"),
}


def said(error: Exception) -> Message:
    """What an exception of ours was raised with. One of the system that is not known here is told in its own words."""
    if isinstance(error, OSError) and error.errno:
        return KNOWN.get(error.errno) or Message(error.strerror or type(error).__name__)
    why = error.args[0] if error.args else ""
    return why if isinstance(why, Message) else Message(str(error) or type(error).__name__)
