"""What is the matter with roles and with the record of what people do: alarms; recording goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edged.access.account_access import RolesSeen
from edged.overview.model import Trouble
from storage.words.results import Severity

OWED_WAIT_S: Final = 10.0
"""A database that is busy for a moment is no alarm."""


def troubles(seen: RolesSeen) -> Iterator[tuple[str, Trouble]]:
    """Key to trouble. One alarm for all accounts: their names stand apart from its words, which go to the centre."""
    if seen.clashing:
        text = "Accounts are in a group of operators and in one of authorities, and so hold neither role"
        action = "Take each of them out of one of the two groups; who gives rights must not be who uses them"
        yield "roles.clash", Trouble(Severity.WARNING, text, action, names=", ".join(seen.clashing))
    if seen.unknown:
        text = f"[roles] names groups that this box does not have: {', '.join(seen.unknown)}; nobody has a role by them"
        action = "Make the groups (`groupadd`), or correct [roles] and run `edgectl reload`"
        yield "roles.unknown-group", Trouble(Severity.WARNING, text, action)
    if seen.readers:
        text = "Accounts are in edged's own group, and so read footage and names past roles and record"
        action = "Take them out of it (`gpasswd --delete ACCOUNT edged`); [roles] gives people what they need"
        yield "roles.readers", Trouble(Severity.CRITICAL, text, action, names=", ".join(seen.readers))
    if seen.owed:
        text = "Not all that people did is on record: the database could not be written when they did it"
        action = "Check the disk of the state directory; the entries are made up for once it takes them"
        yield "journal.owed", Trouble(Severity.CRITICAL, text, action, OWED_WAIT_S)
