"""For verbs that work on the files while the daemon is down: they do it as the account that the daemon runs as.

Root would make files that the daemon cannot use afterwards, and may do more than is needed. Given up for good: this
process does not come back.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from edged.cli.address import Address, configured_state, is_closed
from edged.cli.client import BE_ROOT, CallError
from edged.words import exit_codes

if TYPE_CHECKING:
    from edged.config.load import ConfigError
    from edged.config.model import Config

UMASK: Final = 0o027
"""As the daemon's: nothing for others."""


def files_of(address: Address, why: CallError) -> tuple[Path, Config | None]:
    """The state directory of a daemon that is down, whose owner this process becomes, and its configuration.

    None where that cannot be used: what was last in force is written down. CallError; `why` says that it is down.
    """
    from edged.config import load as configuration

    config = None
    try:
        config = configuration.load(address.config_file)
        state = config.paths.state
    except configuration.ConfigError as error:
        told = configured_state(address.config_file)
        if told is None:
            raise unusable(address.config_file, error, why) from None
        state = told
        words = "floors and ceilings are taken as they last held (edgectl config check)"
        click.echo(f"edgectl: {address.config_file} cannot be used: {words}", err=True)
    become_owner(state)
    os.umask(UMASK)
    return state, config


def unusable(file: Path, error: ConfigError, why: CallError | None) -> CallError:
    """What a verb says that needs the configuration and has none; `why`: the daemon is down."""
    words = "\n".join([*([why.error] if why else []), "; ".join(str(problem) for problem in error.problems)])
    if is_closed(file):
        return CallError(words, BE_ROOT, exit_codes.NOT_ALLOWED)
    return CallError(words, "edgectl config check", exit_codes.CONFIG)


def become_owner(state: Path) -> None:
    """Drop to the owner of the state directory. CallError where there is none, or this account may not."""
    try:
        owner = state.stat()
    except OSError as error:
        what = f"there is no state directory {state} ({error.strerror})"
        raise CallError(what, "name the configuration that edged runs with: --config FILE", exit_codes.FAILED) from None
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise CallError(f"{state} belongs to {_name(owner.st_uid)}", BE_ROOT, exit_codes.NOT_ALLOWED)
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
