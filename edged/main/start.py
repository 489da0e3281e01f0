"""The `edged` command: reads the configuration, starts the forkserver, runs the daemon in the foreground.

Imports what it needs when it needs it: the module is read again by nothing, but start-up order matters. The forkserver
must exist before the event loop and before any thread (docs/design/recording.md).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from edged.words import exit_codes, help_screens
from edged.words.catalogue import Reader, language_of
from edged.words.value_types import DEFAULT_CONFIG
from storage.words.message import Message

UMASK: Final = 0o027
"""No human account reads what the daemon writes (W2): nothing for others, nothing to write for the group."""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True)
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
@click.version_option(package_name="edged")
@click.pass_context
def cli(ctx: click.Context, config_path: Path, *, verbose: bool) -> None:
    """Record every camera of a site; runs in the foreground until SIGTERM or SIGINT."""
    if ctx.invoked_subcommand is None:
        ctx.exit(run(config_path, verbose=verbose))


@cli.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def demo(ctx: click.Context, args: Sequence[str]) -> None:
    """Record two test pattern cameras with an embedded broker: needs no file, no camera and no broker."""
    from edged.demo.run import main as demo_main

    ctx.exit(demo_main(list(args)))


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
    memory.release_start_pages()
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
            click.echo(Reader(language_of())(problem), err=True)


def main() -> int:
    """Entry point: click's usage errors become exit code 64."""
    try:
        language = language_of()
        help_screens.speak(language)
        result = help_screens.translated(cli, language).main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return exit_codes.USAGE
    except click.Abort:
        return exit_codes.FAILED
    return result if isinstance(result, int) else exit_codes.OK
