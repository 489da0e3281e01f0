"""Becoming the account that the daemon runs as, for whoever works on its files while it is down.

Root would make files that the daemon cannot use afterwards, and may do more than is needed. Privileges are given up for
good: this process does not come back. Knows no configuration: it is told which directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from edged.host import accounts

UMASK: Final = 0o027
"""As the daemon's: nothing for others."""


class NoStateDirectory(Exception):
    """There is nothing whose owner one could become."""


class NotAllowed(Exception):
    """This account may not become another one."""


def become_owner(state: Path) -> None:
    """Drop to the owner of the state directory, and make files as the daemon does. NoStateDirectory, NotAllowed."""
    try:
        owner = state.stat()
    except OSError as error:
        raise NoStateDirectory(f"there is no state directory {state} ({error.strerror})") from None
    os.umask(UMASK)
    name = accounts.account(owner.st_uid).name
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise NotAllowed(f"{state} belongs to {name}")
    try:
        groups = os.getgrouplist(name, owner.st_gid)
    except (KeyError, OSError):
        groups = [owner.st_gid]
    os.setgroups(groups)
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
