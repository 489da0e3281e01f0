"""What verbs share that work on the files of a daemon that is down: the configuration, and the daemon's own account.

Imported late, by those verbs alone, and only once the daemon did not answer: it loads the configuration.
"""

from __future__ import annotations

from pathlib import Path

from edged.cli.client import BE_ROOT, Address, CallError, say, state_in
from edged.config import load as configuration
from edged.config.model import Config
from edged.config.problem import ConfigError
from edged.host import accounts
from edged.host.file_access import is_unreadable
from edged.words import exit_codes
from storage.words.message import in_lines, message


def state_of(address: Address, why: CallError) -> tuple[Path, Config | None]:
    """The state directory, whose owner this process becomes, and the configuration.

    None where that cannot be used: what was last in force is written down. CallError; `why` says that it is down.
    """
    try:
        config = configuration.load(address.config_file)
    except ConfigError as error:
        state = state_in(address.config_file)
        if state is None:
            raise _unusable(address.config_file, error, why) from None
        words = message("call.as-last-held", "floors and ceilings are taken as they last held (edgectl config check)")
        say(
            message(
                "call.config-unusable", "{file} cannot be used: {reason}", file=str(address.config_file), reason=words
            )
        )
        become_owner(state)
        return state, None
    become_owner(config.paths.state)
    return config.paths.state, config


def configured(address: Address, why: CallError | None) -> Config:
    """The configuration, for a verb that can do nothing without. CallError; `why`: the daemon is down."""
    try:
        return configuration.load(address.config_file)
    except ConfigError as error:
        raise _unusable(address.config_file, error, why) from None


def become_owner(state: Path) -> None:
    """Drop to the owner of the state directory. CallError where there is none, or this account may not."""
    try:
        accounts.become_owner(state)
    except accounts.NoStateDirectory as error:
        action = message("call.no-state.action", "name the configuration that edged runs with: --config FILE")
        raise CallError(error.said, action, exit_codes.FAILED) from None
    except accounts.NotAllowed as error:
        raise CallError(error.said, BE_ROOT, exit_codes.NOT_ALLOWED) from None


def _unusable(file: Path, error: ConfigError, why: CallError | None) -> CallError:
    problems = in_lines(problem.said for problem in error.problems)
    words = problems if why is None else in_lines((why.error, problems))
    if is_unreadable(file):
        return CallError(words, BE_ROOT, exit_codes.NOT_ALLOWED)
    return CallError(words, message("call.config-check", "edgectl config check"), exit_codes.CONFIG)
