"""`edgectl probe`: looks at a camera before it is added. Asks no daemon; of the configuration it takes
ids and addresses of cameras alone.

A password comes from a file or from the terminal, never from the command line, which every account of the box can read
while it runs; it is sent only where recording would send it, and shown nowhere.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError, tables
from edged.cli.formatting import STYLES, against_ours, clean, text
from edged.cli.options import AS_GIVEN, json_option
from edged.documents import cameras as documents
from edged.words import exit_codes, units
from edged.words.value_types import DEFAULT_CONFIG

if TYPE_CHECKING:
    from recorder.rtsp.connection import Trust

WAYS: Final = {
    "tcp": "RTSP over TCP, in the clear",
    "udp": "RTSP, pictures over UDP, in the clear",
    "tls": "RTSP over TLS",
    "built-in": "built-in test pattern",
}


@click.command(short_help="Look at a camera before it is added.")
@click.argument("url")
@click.option("--username", metavar="NAME", default="", help="As which user; the password is asked for.")
@click.option("--password-file", type=AS_GIVEN, metavar="FILE", help="A file with the password on its only line.")
@click.option("--certificate", metavar="SHA256", default="", help="rtsps: the fingerprint that its certificate has.")
@click.option("--ca-file", type=AS_GIVEN, metavar="FILE", help="rtsps: authorities that vouch for its certificate.")
@json_option
@click.pass_obj
def probe(
    address: Address,
    url: str,
    username: str,
    password_file: Path | None,
    certificate: str,
    ca_file: Path | None,
    *,
    as_json: bool,
) -> int:
    """Look at the camera behind URL for 10 s: can it be had, what does it send, what would be recorded. Prints the
    [[cameras]] table to paste. Ends with 1 if nothing can be recorded of it. Needs no daemon."""
    trust = _checked(url, username, certificate, ca_file)
    password = _password(username, password_file)
    from edged.cli import probe_report
    from recorder.probe import look
    from recorder.rtsp.dialogue import Account
    from storage.words.clock import SystemClock

    if sys.stderr.isatty() and not as_json:
        click.echo("looking for some 10 s …", err=True)
    found = look(url, Account(username, password), trust, SystemClock())
    file = address.config_file.absolute()
    document = probe_report.probe_document(
        url, username, password_file and password_file.absolute(), found, _configured(file), file
    )
    output.answer(document, lambda: screen(document, file), as_json=as_json)
    return exit_codes.OK if document.recordable else exit_codes.FAILED


def _configured(file: Path) -> dict[str, str]:
    """Addresses of cameras by their ids, as far as this account may read the configuration."""
    try:
        found = tables(file).get("cameras", ())
        return {one["id"]: str(one.get("url", "")) for one in found if isinstance(one.get("id"), str)}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _checked(url: str, username: str, certificate: str, ca_file: Path | None) -> Trust:
    """As the configuration would take it; no message repeats the address, which may hold a password by mistake."""
    from edged.words.value_types import Fingerprint, Url, Word
    from recorder.rtsp.connection import Trust

    if "@" in url.partition("://")[2].partition("/")[0]:
        what = (
            "the address carries a user or a password, which every account of this box could read in the process list"
        )
        instead = "leave them out, and give --username and --password-file; change the password if others log in here"
        raise CallError(what, instead, exit_codes.USAGE)
    _taken(Url, url, "the address")
    if username:
        _taken(Word, username, "--username")
    seen = _taken(Fingerprint, certificate, "--certificate") if certificate else ""
    if (seen or ca_file) and not url.startswith("rtsps://"):
        raise click.UsageError("only a camera with rtsps:// has a certificate")
    if seen and ca_file:
        raise click.UsageError("--certificate and --ca-file: only one of them can decide")
    if ca_file is not None and not ca_file.is_file():
        raise click.UsageError(f"there is no file {units.shown(str(ca_file))}")
    return Trust(seen, "" if ca_file is None else str(ca_file))


def _taken(kind: Any, value: str, what: str) -> str:
    """The value as a key of the configuration, or wrong usage."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError as error:
        (first,) = error.errors(include_input=False)
        most = first.get("ctx", {}).get("max_length")
        said = first["msg"].removeprefix("Value error, ") if most is None else f"is longer than {most} characters"
        raise click.UsageError(f"{what} {said}") from None


def _password(username: str, file: Path | None) -> str:
    from edged.config import secrets

    if file is not None:
        if not username:
            raise click.UsageError("--password-file without --username: a camera wants both")
        try:
            return secrets.find(str(file.absolute()), Path("/"), {}).value.get_secret_value()
        except secrets.SecretError as error:
            raise CallError(error.problem, error.instead, exit_codes.USAGE) from None
    if not username:
        return ""
    if not sys.stdin.isatty():
        raise click.UsageError("--username without --password-file: the password can only be asked for on a terminal")
    return str(click.prompt(f"password of {username}", hide_input=True, default="", show_default=False, err=True))


def screen(document: documents.Probe, file: Path = DEFAULT_CONFIG) -> RenderableType:
    """What was found, remarks, the table to paste into that configuration; ends in one line."""
    parts: list[RenderableType] = [text(document.tried, "bold"), ""]
    parts += [Text(clean(line)) for line in _lines(document)]
    if document.remarks:
        parts += ["", *(text(f"! {remark}", "yellow") for remark in document.remarks)]
    if document.other_urls:
        parts += ["", text("the same device has a picture under:"), *(text(f"  {url}") for url in document.other_urls)]
    if document.configuration:
        parts += [
            "",
            text(f"to paste into {file}, then:"),
            Text(f"  {_then(file)}", no_wrap=True, overflow="ignore"),
            "",
        ]
        parts += [Text(line, no_wrap=True, overflow="ignore") for line in document.configuration.splitlines()]
    return Group(*parts, "", _verdict(document))


def _then(file: Path) -> str:
    named = "" if file == DEFAULT_CONFIG else f" --config {shlex.quote(str(file))}"
    return f"edgectl{named} config check && edgectl{named} reload"


def _lines(document: documents.Probe) -> list[str]:
    lines = []
    picture, sound = document.picture, document.sound
    if picture is not None:
        rate = "too few pictures to tell" if picture.fps is None else f"{picture.fps:g} fps"
        steady = ", variable" if picture.steady is False else ""
        key = "not seen twice" if picture.key_interval_s is None else f"every {picture.key_interval_s:g} s"
        bits = "" if picture.bitrate_bps is None else f", {picture.bitrate_bps / 1e6:.2f} Mbit/s"
        lines.append(f"picture      {picture.codec} {picture.width}×{picture.height}, {rate}{steady}{bits}")
        lines.append(f"key frames   {key}")
        lines.append(f"sound        {_sound(sound)}")
        lines.append(f"its clock    {_clock(document)}")
    lines.append(f"way          {WAYS[document.transport]}")
    if document.certificate:
        lines.append(f"certificate  {document.certificate}{'' if document.trusted else ' (nobody vouches for it)'}")
    for track in document.tracks:
        kept = "recorded" if track.recorded else f"not recorded: {track.reason}"
        lines.append(f"offered      {track.kind} {track.codec}: {kept}")
    return lines


def _sound(sound: documents.ProbedSound | None) -> str:
    if sound is None:
        return "none"
    bits = "" if sound.bitrate_bps is None else f", {sound.bitrate_bps / 1000:.0f} kbit/s"
    return f"{sound.codec}{bits}" if sound.arrived else f"{sound.codec} is promised, none came"


def _clock(document: documents.Probe) -> str:
    if document.clock_offset_ms is None:
        return "not told" if not document.clock_reports else "told, not understood"
    return against_ours(document.clock_offset_ms)


def _verdict(document: documents.Probe) -> Text:
    if document.recordable and not document.came_back:
        return Text("can be recorded", style=STYLES["ok"])
    lead = "can be recorded, but it ended" if document.recordable else "cannot be recorded"
    line = Text(lead, style=STYLES["warning" if document.recordable else "critical"])
    line.append(f" ({document.cause}): {clean(document.came_back)}", style="not bold default")
    return line.append(f"\n→ check {clean(document.check)}" if document.check else "", style="not bold default")
