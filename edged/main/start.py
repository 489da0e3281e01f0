"""The `edged` command: reads the configuration, starts the forkserver, runs the daemon in the foreground.

Imports what it needs when it needs it: the module is read again by nothing, but start-up order matters. The forkserver
must exist before the event loop and before any thread (docs/design/recording.md). What a service starts it with is
understood here; all else that a person may type is `edged.main.command_line`'s, which is 2 MB.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edged.words import exit_codes
from edged.words.catalogue import Reader, language_of
from storage.words.message import Message

UMASK: Final = 0o027
"""No human account reads what the daemon writes (W2): nothing for others, nothing to write for the group."""


def run(config_path: Path, *, verbose: bool) -> int:
    """Run the daemon with this configuration; returns the exit code."""
    import logging

    from edged.config.load import load
    from edged.config.problem import ConfigError
    from edged.host import journal

    journal.set_up(logging.DEBUG if verbose else logging.INFO)
    try:
        config = load(config_path)
    except ConfigError as error:
        _tell([problem.said for problem in error.problems])
        return exit_codes.CONFIG
    os.umask(UMASK)

    from recorder.supervisor.processes import Forkserver

    forkserver = Forkserver()
    forkserver.start()

    import asyncio

    from edged.main.daemon import Daemon
    from recorder.words import memory

    memory.share_heap()
    try:
        return asyncio.run(Daemon(config, config_path, forkserver).run())
    finally:
        forkserver.close()


def _tell(problems: Sequence[Message]) -> None:
    """What ends a start: in the journal one line each, as grave as it is, so that whoever asks for errors finds it."""
    import logging

    from edged.host.journal import MessageId, is_journal, marked

    for problem in problems:
        if is_journal(sys.stderr.fileno()):
            logging.getLogger("edged").critical("%s", " ".join(problem.split()), extra=marked(MessageId.FATAL))
        else:
            sys.stderr.write(f"{Reader(language_of())(problem)}\n")


def main() -> int:
    """Entry point."""
    match sys.argv[1:]:
        case ["--config", path]:
            return run(Path(path), verbose=False)
    from edged.main import command_line

    return command_line.main()
