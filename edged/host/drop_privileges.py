"""Becoming the account that the daemon runs as, for whoever works on its files while it is down.

Root would make files that the daemon cannot use afterwards, and may do more than is needed. Privileges are given up for
good: this process does not come back. Knows no configuration: it is told which directory.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

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
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise NotAllowed(f"{state} belongs to {_name(owner.st_uid)}")
    try:
        groups = os.getgrouplist(_name(owner.st_uid), owner.st_gid)
    except (KeyError, OSError):
        groups = [owner.st_gid]
    os.setgroups(groups)
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)


def _name(uid: int) -> str:
    """Of an account, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
