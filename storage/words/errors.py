"""What can go wrong in storage, as one small tree sorted by response: try again, do with less, or stop.

Each error says `what` happened and, as an `action`, what a person does first. Nothing else is raised on purpose by
storage; an `OSError` or `sqlite3.Error` that gets out is a defect or is wrapped on the way. What any error says, one of
the system included, is `said` as a message.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Final

from storage.words.message import Message, as_message, message


class StoreError(Exception):
    """Base of all; `what` happened, `action` is what to do first. Neither holds a secret."""

    def __init__(self, what: str, action: str) -> None:
        super().__init__(f"{what}; {action}" if action else str(what))
        self.what = as_message(what)
        self.action = as_message(action)


class RetryError(StoreError):
    """Passes by itself: the same call may succeed later."""


class DegradeError(StoreError):
    """One camera or volume does without; everything else goes on."""


class FatalError(StoreError):
    """The store cannot be used: the daemon says so and ends."""


class StoreBusy(RetryError):
    """More facts wait for the writer than it may hold."""


class WriteFailed(RetryError):
    """The database could not be written (disk full, I/O error). Nothing of the fact was stored."""


class StoreClosed(RetryError):
    """The store is closing: the fact was not stored."""


class UnknownCamera(DegradeError):
    """A fact about a camera that was never enrolled."""


class NotOpen(DegradeError):
    """A fact about a segment that is not in progress, or that contradicts what is recorded of it."""


class VolumeRefused(DegradeError):
    """This directory is not the volume it should be (S10)."""

    def __init__(self, what: str, action: str, why: Message | None = None) -> None:
        """`why`: the same without the volume's name, for whoever names it himself."""
        super().__init__(what, action)
        self.why = self.what if why is None else why


class VolumeAbsent(VolumeRefused):
    """There is no such directory."""


class StateLocked(FatalError):
    """Another daemon uses this state directory."""


class StateUnusable(FatalError):
    """The state directory cannot be used."""


class NodeChanged(FatalError):
    """The configuration calls this box otherwise than its own volumes do, which does not heal by itself."""

    def __init__(self, node: str, was: str) -> None:
        what = message(
            "state.node-changed",
            '[site] node is "{node}", and this box is "{was}" for good: its footage and its ledger bear that name',
            node=node,
            was=was,
        )
        super().__init__(what, message("state.node-changed.action", 'write it back: node = "{was}"', was=was))


class DatabaseDamaged(FatalError):
    """edged.db is not a database that this version can use."""


class DatabaseCorrupt(DatabaseDamaged):
    """edged.db is broken, and no version can use it: it is set aside and made anew from the volumes (S13)."""


class OrderRefused(DegradeError):
    """What a person asked for cannot be done as it was asked."""


class UnknownId(OrderRefused):
    """Nothing has this id, or not any more."""


class OrderWrong(OrderRefused):
    """What nothing that is stored could make right: it was asked for wrongly."""


class SamePerson(OrderRefused):
    """It takes two persons, and this is the first one again."""


class Replayed(OrderRefused):
    """A command of the centre that was taken before, or is older than one that was."""

    def __init__(self, what: str, action: str, state: str = "") -> None:
        """`state`: what became of it, where it was this one."""
        super().__init__(what, action)
        self.state = state


class TooOften(OrderRefused):
    """It may be done again after a while."""


SYSTEM: Final[Mapping[int, Message]] = {
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
"""The errors of the system that people meet, by number."""


def said(error: BaseException) -> Message:
    """What an error was raised with, in its own words; those of the system have a code where they are known here."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        known = SYSTEM.get(error.errno) if error.strerror == os.strerror(error.errno) else None
        return known or as_message(error.strerror)
    why = error.args[0] if error.args else ""
    return why if isinstance(why, Message) else Message(str(error) or type(error).__name__)


def said_of(place: object, error: BaseException) -> Message:
    """The same, of a file or whatever else is named."""
    return message("system.of", "{place}: {reason}", place=str(place), reason=said(error))
