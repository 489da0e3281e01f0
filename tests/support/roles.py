"""Who may call, in tests: a guard without a configuration of roles, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from edged.access.callers import Details, Route
from edged.access.guard import Guard
from edged.access.journal import ActJournal
from edged.api.listening import ControlSocket
from edged.api.server import Control, StatusSource
from edged.host.accounts import AccountDirectory
from edged.words.roles import Assignment


@dataclass(frozen=True, slots=True)
class Act:
    """One leaf of kind `act`."""

    verb: str
    result: str
    role: str
    who: str
    details: Details


class Memory:
    """A journal that remembers; set `failure` and it takes nothing."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.failure: Exception | None = None
        self.hanging: list[Future[int]] | None = None
        """Where it is a list, leaves are neither written nor refused, but wait in here."""

    def act(
        self, verb: str, result: str, role: str, committed: Mapping[str, str], details: Details | None = None, /
    ) -> Future[int]:
        future: Future[int] = Future()
        if self.failure is not None:
            future.set_exception(self.failure)
        elif self.hanging is not None:
            future.set_running_or_notify_cancel()
            self.hanging.append(future)
        else:
            self.acts.append(Act(verb, result, role, committed["who"], dict(details or {})))
            future.set_result(len(self.acts))
        return future


def guard(assignment: Assignment | None = None, journal: Memory | None = None) -> Guard:
    """As the daemon's own; without an assignment root and whoever runs the test may do all."""
    return Guard(lambda: assignment, AccountDirectory(), ActJournal(journal or Memory(), lambda: 0))


def control_socket(site: object, path: Path, guarding: Guard, calls: Sequence[Route] = ()) -> ControlSocket:
    """The control socket of a daemon of which `site` tells."""
    return ControlSocket(path, Control(cast("StatusSource", site), guarding, calls).runner)
