"""`edged-command`: makes a key for a desk of the centre; signs a command, sends it and waits for what became of it.

Exit codes (docs/edgectl.md): 0 done, 1 rejected or interrupted, 64 usage, 69 no broker or no answer, 75 try
later, 77 not allowed.

The key of a desk has a counter beside it. Each command bears a larger counter than all before. It is kept in a file
beside the key, and durable before the command is sent. It is never below the time in milliseconds, so that a counter
that was lost with its file goes on nevertheless.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import ssl
import sys
import time
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from edged.cli.options import AS_GIVEN
from edged.words import exit_codes, help_screens, units
from edged.words.catalogue import Reader, language_of
from edged.words.units import timestamp
from edged.words.value_types import KEY_PREFIX
from mqtt import client, commands
from mqtt.commands import ARGS, COUNTER_MAX, LIFETIME_MAX_MS, MODELS, Reason, Reply, SignedCommand, State, Verb, plain
from storage.files import fsync_directory
from storage.words.errors import said_of
from storage.words.message import Message, as_message, joined, message

CODES: Final[Mapping[str, int]] = {
    Reason.BUSY: exit_codes.TRY_LATER,
    Reason.TOO_OFTEN: exit_codes.TRY_LATER,
    Reason.NOT_ALLOWED: exit_codes.NOT_ALLOWED,
    Reason.KEY_EXPIRED: exit_codes.NOT_ALLOWED,
    Reason.BAD_ARGS: exit_codes.USAGE,
}
"""By the reason of a refusal; all others are 1."""
PORT, TLS_PORT = 1883, 8883
INTERRUPTED: Final = 130


class Failed(Exception):
    """Ends with a sentence (`said`) and a code."""

    def __init__(self, what: Message, action: Message, code: int) -> None:
        self.said = joined((what, action))
        super().__init__(self.said)
        self.code = code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edged")
def cli() -> None:
    """Command a box from the centre, signed (docs/commands.md)."""


@cli.command()
@click.argument("file", type=AS_GIVEN)
def keygen(file: Path) -> None:
    """Make a key in FILE, and print what the boxes have to know of it."""
    key = make_key(file)
    click.echo(f'key = "{public_line(key)}"')


@cli.command()
@click.argument("file", type=AS_GIVEN)
def public(file: Path) -> None:
    """Print what the boxes have to know of the key in FILE."""
    click.echo(f'key = "{public_line(read_key(file))}"')


@cli.command()
@click.argument("verb", metavar="VERB", type=click.Choice([verb.value for verb in Verb]))
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--node", required=True, help="The box: [site] node of its configuration.")
@click.option("--key", "key_path", type=AS_GIVEN, required=True, help="File that keygen made.")
@click.option("--broker", required=True, metavar="HOST[:PORT]", help=f"[{TLS_PORT} with --ca, else {PORT}]")
@click.option("--ca", type=AS_GIVEN, help="PEM file of who signs the broker's certificate: turns TLS on.")
@click.option("--cert", type=AS_GIVEN, help="PEM file of our own certificate, if the broker wants one.")
@click.option("--cert-key", type=AS_GIVEN, help="Its key.")
@click.option("--username")
@click.option("--password-file", type=AS_GIVEN)
@click.option("--requester", help="Last level of the topic of the answer.  [random]")
@click.option("--wait", default="30s", show_default=True, help="For the answer.")
@click.option("--valid", default="5m", show_default=True, help="After that no box takes it any more; at most 1h.")
@click.option("--box-time", metavar="TIME", help="What the box's clock says, where it is wrong (RFC 3339).")
@click.option("--mqtt", "version", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the last answer as JSON.")
def send(verb: str, arguments: Sequence[str], *, as_json: bool, **options: Any) -> int:
    """Sign VERB with its arguments, send it, and wait for what became of it.

    Verbs: rebirth, status, pin, alarm-ack, diagnostics, camera-reconnect, restart, consistency-proof.

    A list is given by naming it several times: camera-reconnect camera=lobby; pin do=place cameras=lobby cameras=gate …
    """
    args = given(Verb(verb), arguments)
    broker = _broker(options)
    key_path: Path = options["key_path"]
    key, wait_s, valid_ms = read_key(key_path), _ms("--wait", options["wait"]) / 1000, _valid_ms(options["valid"])
    now_ms = time.time_ns() // 1_000_000
    issued_ms = now_ms if options["box_time"] is None else _instant_ms(options["box_time"])
    try:
        command = SignedCommand(
            node=options["node"],
            verb=verb,
            id=secrets.token_hex(16),
            requester=options["requester"] or f"desk-{secrets.token_hex(4)}",
            issued_ms=issued_ms,
            expires_ms=issued_ms + valid_ms,
            counter=next_counter(key_path, now_ms),
            args=args,
        )
    except ValidationError as error:
        raise click.UsageError(_first(error)) from None
    question = client.CommandRequest(
        commands.command_topic(command.node, verb),
        commands.signed(commands.written(command), key),
        commands.reply_topic(command.node, command.requester),
        max(1, valid_ms // 1000),
    )
    return _ask(broker, question, wait_s, command, as_json=as_json)


def _ask(
    broker: client.Broker,
    question: client.CommandRequest,
    wait_s: float,
    command: SignedCommand,
    *,
    as_json: bool,
) -> int:
    last: Reply | None = None

    def heard(payload: bytes) -> bool:
        nonlocal last
        try:
            reply = Reply.model_validate_json(payload)
        except ValidationError:
            return False
        if reply.id != command.id:
            return False
        last = reply
        if not as_json:
            _show(reply)
        return State(reply.state).is_final

    try:
        finished = client.ask(broker, question, wait_s, heard)
    except client.Unreachable as error:
        wants = message(
            "host.command.unreachable.action",
            "check broker, account and network; it may want a certificate: --cert and --cert-key",
        )
        if not broker.tls:
            wants = joined((wants, message("host.command.no-tls", "no TLS was tried: --ca FILE")))
        raise Failed(as_message(error.args[0]), wants, exit_codes.UNREACHABLE) from None
    if last is not None and as_json:
        click.echo(_json({"schema": "edged.command/1", **last.model_dump(mode="json")}))
    if last is None:
        raise Failed(
            message(
                "host.command.no-answer",
                "{node} did not answer within {seconds} s",
                node=command.node,
                seconds=float(wait_s),
            ),
            message(
                "host.command.no-answer.action",
                "it may be off, or not know this key: whom it does not know it never answers",
            ),
            exit_codes.UNREACHABLE,
        )
    if not finished:
        late = message(
            "host.command.accepted",
            "it was accepted, and not done in time; its end is an event under up/event/command",
        )
        click.echo(_read(late), err=True)
        return exit_codes.TRY_LATER
    return exit_codes.OK if State(last.state) is State.DONE else CODES.get(last.reason, exit_codes.FAILED)


def _show(reply: Reply) -> None:
    """Anybody may have written it, and a terminal obeys what it is given."""
    why = f" ({plain(reply.reason)})" if reply.reason else ""
    told = Message.of(reply.text, reply.code, reply.values)
    click.echo(f"{reply.state}{why}: {plain(_read(told))}")
    if reply.result:
        click.echo(_json(reply.result, indent=2))
    if reply.reason in (Reason.EXPIRED, Reason.EARLY):
        click.echo(_read(_clock(reply)))


def _clock(reply: Reply) -> Message:
    says = timestamp(reply.ts)
    if reply.clock_synced:
        return message(
            "host.command.clock",
            "the clock of the box says {time} and is synchronised; if that is so, use --box-time",
            time=says,
        )
    return message(
        "host.command.clock-unsynchronised",
        "the clock of the box says {time} and is not synchronised; if that is so, use --box-time",
        time=says,
    )


def _read(told: Message) -> str:
    """In the language of whoever called."""
    return Reader(language_of())(told)


def _usage(told: Message) -> click.UsageError:
    return click.UsageError(_read(told))


def _json(value: Any, indent: int | None = None) -> str:
    """Chinese is left readable; what a terminal would obey is escaped, which JSON leaves raw from DEL on."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text)


def given(verb: Verb, arguments: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE as the closed model of the verb has them; click.UsageError."""
    found: dict[str, Any] = {}
    kinds = _kinds(verb)
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if not sign:
            raise _usage(
                message("host.command.no-pair", "{argument} is not NAME=VALUE", argument=units.shown(argument))
            )
        kind = kinds.get(name, str)
        if kind is list:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise _usage(message("host.command.twice", "{name} is given twice", name=units.shown(name)))
        else:
            found[name] = int(value) if kind is int and value.isascii() and value.isdecimal() else value
    try:
        args: BaseModel = ARGS[verb].validate_python(found)
    except ValidationError as error:
        raise _usage(
            message("host.command.wrong", "{wrong}. {takes}", wrong=_wrong(error), takes=_takes(verb, found.get("do")))
        ) from None
    return args.model_dump(mode="json", by_alias=True)


def _kinds(verb: Verb) -> dict[str, type]:
    """By the name of an argument: str, int or list."""
    fields = (field for model in MODELS[verb] for field in model.model_fields.items())
    return {field.alias or name: _plain(field.annotation) for name, field in fields}


def _plain(annotation: Any) -> type:
    if isinstance(annotation, type):
        return annotation
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _plain(next(part for part in typing.get_args(annotation) if part is not type(None)))
    if origin is typing.Annotated:
        return _plain(typing.get_args(annotation)[0])
    return origin if isinstance(origin, type) else str


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _wrong(error: ValidationError) -> Message:
    """All that is, in words for whoever typed it."""
    words = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        name = next((str(part) for part in reversed(one["loc"]) if isinstance(part, str)), "do")
        match one["type"]:
            case "missing":
                words.append(message("host.command.missing", "{name}= is missing", name=name))
            case "extra_forbidden":
                words.append(message("host.command.unknown-name", "there is no {name}=", name=units.shown(name)))
            case "union_tag_not_found" | "union_tag_invalid":
                words.append(message("host.command.do", "do= is place or extend"))
            case _:
                words.append(Message(f"{name}=: {one['msg'][:1].lower()}{one['msg'][1:]}"))
    return joined(words)


def _takes(verb: Verb, do: object) -> Message:
    """What may be given."""
    models = [model for model in MODELS[verb] if do in _tags(model)] or MODELS[verb]
    forms = []
    for model in models:
        fields = {field.alias or name: field.is_required() for name, field in model.model_fields.items()}
        forms.append(" ".join(f"{name}=" if needed else f"[{name}=]" for name, needed in fields.items()))
    if not forms[0]:
        return message("host.command.takes-nothing", "{verb} takes no arguments", verb=verb.value)
    either = forms[0]
    for form in forms[1:]:
        either = message("host.command.or", "{one} or {other}", one=either, other=form)
    return message("host.command.takes", "{verb} takes {arguments}", verb=verb.value, arguments=either)


def _tags(model: type[BaseModel]) -> tuple[object, ...]:
    return typing.get_args(model.model_fields["do"].annotation) if "do" in model.model_fields else ()


def _broker(options: Mapping[str, Any]) -> client.Broker:
    host, sign, port = options["broker"].rpartition(":")
    if not sign or (port and not port.isdecimal()) or host.endswith(":"):
        host, port = options["broker"], ""
    tls = _tls(options)
    password = ""
    if (file := options["password_file"]) is not None:
        try:
            password = file.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Failed(
                Message(f"{file}: {error}"),
                message("host.command.password.action", "name a file that holds the password"),
                exit_codes.FAILED,
            ) from None
    number = int(port) if port else (PORT if tls is None else TLS_PORT)
    return client.Broker(
        host.strip("[]"), number, tls, options["username"] or "", password, is_v5=options["version"] == "5"
    )


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """None without --ca: then the way to the broker must be safe otherwise."""
    if options["ca"] is None:
        if options["cert"] or options["cert_key"]:
            raise _usage(
                message("host.command.cert-without-ca", "--cert and --cert-key need --ca: without it there is no TLS")
            )
        return None
    try:
        context = ssl.create_default_context(cafile=options["ca"])
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if options["cert"] is not None:
            context.load_cert_chain(options["cert"], options["cert_key"])
    except (OSError, ValueError) as error:
        raise Failed(
            Message(f"--ca, --cert, --cert-key: {error}"),
            message("host.command.certificates.action", "name PEM files that belong together"),
            exit_codes.FAILED,
        ) from None
    return context


def _ms(option: str, text: str) -> int:
    try:
        return max(1, units.parse_duration(text) // timedelta(milliseconds=1))
    except units.UnitError as error:
        raise _usage(
            message(
                "host.command.duration",
                "{option} {problem}: {instead}",
                option=option,
                problem=error.problem,
                instead=error.instead,
            )
        ) from None


def _valid_ms(text: str) -> int:
    valid_ms = _ms("--valid", text)
    if valid_ms > LIFETIME_MAX_MS:
        raise _usage(message("host.command.valid", "--valid is at most 1h"))
    return valid_ms


def _instant_ms(text: str) -> int:
    try:
        return commands.instant_ms(text)
    except (ValueError, OverflowError):
        raise _usage(
            message("host.command.box-time", "--box-time is not a time such as 2026-05-01T08:00:00Z")
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        language = language_of()
        help_screens.speak(language)
        spoken = help_screens.translated(cli, language)
        result = spoken.main(words, prog_name="edged-command", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return exit_codes.USAGE if isinstance(error, click.UsageError) else error.exit_code
    except Failed as failed:
        click.echo(f"edged-command: {_read(failed.said)}", err=True)
        return failed.code
    except KeyFileError as error:
        click.echo(f"edged-command: {_read(joined((error.what, error.action)))}", err=True)
        return exit_codes.FAILED
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    return result if isinstance(result, int) else exit_codes.OK


KEY_MODE: Final = 0o600
MAX_BYTES: Final = 4096
"""PEM of such a key has 119."""
COUNTER: Final = ".counter"
"""Behind the name of the key."""


class KeyFileError(Exception):
    """What is wrong with the key or its counter, and what to do."""

    def __init__(self, what: Message, action: Message) -> None:
        super().__init__(what)
        self.what = what
        self.action = action


def make_key(path: Path) -> Ed25519PrivateKey:
    """A new key, in a file that nobody else reads. KeyFileError where there is one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, KEY_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        fsync_directory(path.parent)
    except FileExistsError:
        raise KeyFileError(
            message("host.command.key-exists", "there is something in {file} already", file=str(path)),
            message("host.command.key-exists.action", "name another file"),
        ) from None
    except OSError as error:
        raise KeyFileError(
            said_of(path, error),
            message("host.command.key-unwritten.action", "name a file that can be written"),
        ) from None
    return key


def public_line(key: Ed25519PrivateKey) -> str:
    """As it stands in the configuration of a box."""
    return KEY_PREFIX + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def read_key(path: Path) -> Ed25519PrivateKey:
    """KeyFileError."""
    try:
        with path.open("rb") as file:
            key = serialization.load_pem_private_key(file.read(MAX_BYTES), password=None)
    except OSError as error:
        raise KeyFileError(
            said_of(path, error),
            message("host.command.key-unread.action", "make one: edged-command keygen FILE"),
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = message("host.command.no-key", "{file} is no private key", file=str(path))
        raise KeyFileError(what, _KEYGENS) from None
    if not isinstance(key, Ed25519PrivateKey):
        what = message("host.command.other-key", "{file} is not an Ed25519 key", file=str(path))
        raise KeyFileError(what, _KEYGENS)
    return key


_KEYGENS: Final = message("host.command.keygen.action", "name the file that edged-command keygen wrote")


def next_counter(path: Path, now_ms: int) -> int:
    """Larger than all before, and durable. `path`: of the key. KeyFileError."""
    place = path.with_name(path.name + COUNTER)
    try:
        with _locked(path):
            counter = max(_last(place) + 1, now_ms)
            if counter > COUNTER_MAX:
                raise KeyFileError(
                    message("host.command.counter-end", "{file} has come to its end", file=str(place)),
                    message("host.command.counter-end.action", "make another key: edged-command keygen FILE"),
                )
            beside = place.with_name(place.name + ".new")
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, KEY_MODE)
            with os.fdopen(fd, "w") as file:
                file.write(f"{counter}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
            fsync_directory(place.parent)
            return counter
    except OSError as error:
        raise KeyFileError(
            said_of(error.filename or place, error),
            message("host.command.counter-unwritten.action", "its directory must be writable"),
        ) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _last(place: Path) -> int:
    try:
        text = place.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(COUNTER_MAX))):
        raise KeyFileError(
            message("host.command.no-counter", "{file} holds no number", file=str(place)),
            message("host.command.no-counter.action", "remove it: the next counter is then taken from the clock"),
        )
    return int(text)
