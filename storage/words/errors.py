"""What can go wrong in storage, as one small tree sorted by response: try again, do with less, or stop.

Each error says `what` happened and, as an `action`, what a person does first. Nothing else is raised
on purpose by storage; an `OSError` or `sqlite3.Error` that gets out is a defect or is wrapped on the way.
"""

from __future__ import annotations

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
