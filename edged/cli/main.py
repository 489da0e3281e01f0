"""`edgectl`: the group of verbs, and how every ending becomes one exit code (docs/edgectl.md).

Usage is 64 (click would say 2), a refusal or an unreachable daemon is what the answer says, a closed pipe and Ctrl-C
are what a shell expects of them; none of them is a traceback.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

import click
from click.shell_completion import CompletionItem, shell_complete

from edged.cli.client import Address, CallError
from edged.cli.options import AS_GIVEN
from edged.words import exit_codes, units
from edged.words.catalogue import LANGUAGES, Language, Reader, language_of
from edged.words.value_types import DEFAULT_CONFIG, DEFAULT_SOCKET
from storage.words.errors import said
from storage.words.message import Message, message

Command = TypeVar("Command", bound=click.Command)
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141
"""128 and the signal's number, as shells report SIGINT and SIGPIPE."""
COMPLETE: Final = "_EDGECTL_COMPLETE"
"""In the environment: the shell wants to know what a line may go on with (click's own name for it)."""


VERBS: Final = {
    "status": "status",
    "cameras": "listings",
    "segments": "listings",
    "gaps": "listings",
    "retention": "listings",
    "alarms": "alarms",
    "faults": "faults",
    "maintenance": "faults",
    "snapshot": "pictures",
    "reference": "pictures",
    "volume": "volume",
    "fsck": "fsck",
    "boots": "boots",
    "pin": "pin",
    "approve": "approve",
    "export": "export",
    "request": "request",
    "register": "register",
    "person": "person",
    "post": "post",
    "office": "office",
    "look": "look",
    "leak": "leak",
    "ledger": "ledger",
    "destroyed": "destroyed",
    "proof-of-retention": "proof_of_retention",
    "compliance": "compliance",
    "rebuild": "fsck",
    "verify": "verify",
    "doctor": "doctor",
    "probe": "probe",
    "config": "configuration",
    "reload": "configuration",
    "version": "version",
}
"""Each verb and the module of this package that has it, under its own name."""


class LateVerbs(click.Group):
    """Finds a verb when it is called, so that one that needs little starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"edged.cli.{VERBS[cmd_name]}")
        found = getattr(module, cmd_name.replace("-", "_"))
        spoken = ctx.find_root().obj
        if isinstance(spoken, Address) and isinstance(found, click.Command):
            return _translated(found, spoken.language)
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A typing mistake is told what it may have been meant for."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, n=1)
            verb = units.shown(args[0])
            if close:
                told = message(
                    "call.no-verb-but", "there is no verb {verb}; did you mean {other}?", verb=verb, other=close[0]
                )
            else:
                told = message("call.no-verb", "there is no verb {verb}", verb=verb)
            ctx.fail(told)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Without importing every verb, as the group of click would: nobody waits seconds for a key."""
        verbs = [CompletionItem(verb) for verb in VERBS if verb.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LateVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", type=AS_GIVEN, help=f"Says where the socket is.  [{DEFAULT_CONFIG}]")
@click.option("--socket", metavar="PATH", type=AS_GIVEN, help=f"The daemon's.  [{DEFAULT_SOCKET}]")
@click.option("--lang", type=click.Choice(LANGUAGES), help="The language of what you read.  [by LANG]")
@click.version_option(package_name="edged")
@click.pass_context
def edgectl(context: click.Context, config: Path | None, socket: Path | None, lang: Language | None) -> None:
    """Ask a running edged how it is, what it has recorded, and what it will do."""
    context.obj = Address(config, socket, lang or language_of())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code. Not click's own `main`, which would end with 1 where a pipe closes."""
    if instruction := os.environ.get(COMPLETE):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # nothing may be said in the middle of a line
        return shell_complete(edgectl, {}, "edgectl", COMPLETE, instruction)
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has gone: head, less
        _drop_output()
        return PIPE_CLOSED
    except OSError as error:
        _drop_output()
        read = Reader(_language(words))
        what = error.filename or read(message("call.no-output", "the output cannot be written"))
        click.echo(f"edgectl: {what}: {read(said(error))}", err=True)
        return exit_codes.FAILED
    return code


def _translated(command: Command, language: Language) -> Command:
    if language == "en":
        return command
    from edged.words import help_screens  # late: English needs none of it

    return help_screens.translated(command, language)


def _speak(language: Language) -> None:
    """click's own words, from now on."""
    if language != "en" or os.environ.get("LANGUAGE", "en") != "en":
        from edged.words import help_screens  # late: English needs none of it

        help_screens.speak(language)


def _run(words: Sequence[str]) -> int:
    language = _language(words)
    _speak("en" if "--json" in words else language)
    root = _translated(edgectl, language)
    try:
        with root.make_context("edgectl", list(words), obj=Address(None, None, language)) as context:
            code = root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        return _refuse(error, words)
    except CallError as error:
        return _tell(error, words)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else exit_codes.OK


def _language(words: Sequence[str]) -> Language:
    """As the words of the command line have it, also where they are wrong; else as the environment has it."""
    for word, following in pairwise([*words, ""]):
        if word in VERBS:
            break  # behind it stand its own options
        wanted = following if word == "--lang" else word.removeprefix("--lang=")
        for language in LANGUAGES:
            if wanted == language and word.startswith("--lang"):
                return language
    return language_of()


def _drop_output() -> None:
    """What Python still holds for standard output must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _context(words: Sequence[str]) -> click.Context:
    """Of the verb that was typed, as far as there is one: for its usage line."""
    context = click.Context(edgectl, info_name="edgectl", **edgectl.context_settings)
    for word in words:
        group = context.command
        if isinstance(group, click.Group) and (verb := group.get_command(context, word)) is not None:
            context = click.Context(verb, parent=context, info_name=word)
    return context


def _refuse(error: click.ClickException, words: Sequence[str]) -> int:
    """Wrong usage: click's own words to a person, a document to a program."""
    code = exit_codes.USAGE if isinstance(error, click.UsageError) else exit_codes.FAILED
    if isinstance(error, click.UsageError) and error.ctx is None:  # click knows none where it reads options
        error.ctx = _context(words)
    if "--json" not in words:
        _read_by(Reader(_language(words)), error).show()
        return code
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "edgectl"
    action = message("call.help", "see {command} --help", command=command)
    what = error.message if isinstance(error.message, Message) else error.format_message()
    return _tell(CallError(what, action, code), words)


def _read_by(read: Reader, error: click.ClickException) -> click.ClickException:
    """With our own words in the reader's language; click's stay as they are."""
    if not isinstance(error.message, Message):
        return error
    if isinstance(error, click.BadParameter):
        return click.BadParameter(read(error.message), error.ctx, error.param, error.param_hint)
    return click.UsageError(read(error.message), error.ctx if isinstance(error, click.UsageError) else None)


def _tell(error: CallError, words: Sequence[str]) -> int:
    """What happened and the first thing to do: to a person on standard error, to a program as its one document."""
    if "--json" in words:
        from edged.documents.site import Error  # late: heavy, and only needed when something fails

        click.echo(Error.of(error.error, error.action, error.exit_code).model_dump_json())
    else:
        read = Reader(_language(words))
        action = f"\n  → {read(error.action)}" if error.action else ""
        click.echo(f"edgectl: {read(error.error)}{action}", err=True)
    return error.exit_code
