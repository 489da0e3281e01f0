"""The named instants between two steps of a protocol (DESIGN §4), at which tests pull the plug. Lean and inert.

Each protocol calls `reach` right after a step has taken effect. Nothing listens in a running product: `arm` is called
by tests only, in the process that is to die, and there is no environment variable or option that does it. A test holds
that every step named here is reached, and that every step reached is named here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """`<protocol>.<what has just been done>`, in the order of the protocol."""

    COMMIT_ROW = "commit.row"
    """The `open` row is committed; no file yet."""
    COMMIT_PART = "commit.part"
    """`.part` exists and is locked."""
    COMMIT_SYNCED = "commit.synced"
    """The file is complete and synced, still `.part`."""
    COMMIT_RENAMED = "commit.renamed"
    """It has its final name, which may not be durable yet."""
    COMMIT_NAMED = "commit.named"
    """Its final name is durable; the row is still open."""
    COMMIT_LINKED = "commit.linked"
    """It is linked into the pins that cover it; the row is still open."""
    COMMIT_DONE = "commit.done"
    """One transaction: row and leaf."""
    DESTROY_CONDEMNED = "destroy.condemned"
    """One transaction: the row is garbage."""
    DESTROY_UNLINKED = "destroy.unlinked"
    """No name leads to the file any more; that may not be durable yet."""
    DESTROY_SYNCED = "destroy.synced"
    """That is durable; the row is still garbage."""
    DESTROY_DONE = "destroy.done"
    """One transaction: tombstone leaf, and the row is gone."""
    PIN_SIDECAR = "pin.sidecar"
    """The sidecar is durable; no link, no row yet."""
    PIN_LINKED = "pin.linked"
    """All links exist; they may not be durable yet."""
    PIN_SYNCED = "pin.synced"
    """Links and sidecar are durable; no row yet."""
    PIN_DONE = "pin.done"
    """One transaction: row and leaf; nobody has been answered yet."""
    RELEASE_DONE = "release.done"
    """One transaction: the pin is released; sidecar and links are still there."""
    RELEASE_SIDECAR = "release.sidecar"
    """The sidecar is gone, durably; links are still there."""
    RELEASE_UNLINKED = "release.unlinked"
    """The links are gone, too."""


_listener: Callable[[Step], None] | None = None


def reach(step: Step) -> None:
    """Say that this step has just taken effect."""
    if _listener is not None:
        _listener(step)


def arm(listener: Callable[[Step], None] | None) -> None:
    """For tests: call `listener` at each step from now on, in the thread that does it; None: nobody."""
    global _listener  # noqa: PLW0603 - one process, one listener
    _listener = listener
