"""For verbs that work on the files while the daemon is down: they do it as the account that the daemon runs as.

Root would make files that the daemon cannot use afterwards, and may do more than is needed. Given up for good: this
process does not come back.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from edged import exits
from edged.cli.client import BE_ROOT, CallError


def become_owner(state: Path) -> None:
    """Drop to the owner of the state directory. CallError where there is none, or this account may not."""
    try:
        owner = state.stat()
    except OSError as error:
        what = f"there is no state directory {state} ({error.strerror})"
        raise CallError(what, "name the configuration that edged runs with: --config FILE", exits.FAILED) from None
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise CallError(f"{state} belongs to {_name(owner.st_uid)}", BE_ROOT, exits.NOT_ALLOWED)
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
