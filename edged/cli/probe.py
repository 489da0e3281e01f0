"""`edgectl probe`: looks at a camera before it is added. Asks no daemon; of the configuration it takes
ids and addresses of cameras alone.

A password comes from a file or from the terminal, never from the command line, which every account of the box can read
while it runs; it is sent only where recording would send it, and shown nowhere.

The second half is pure: from what was found to the document, the `[[cameras]]` table to paste, and remarks for a
technician. The table is valid TOML without a password. A remark says what was found, what follows from it for
recording, and what to set in the camera; it is judged against no configuration.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import click
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError, tables
from edged.cli.formatting import STYLES, against_ours, clean, text
from edged.cli.options import AS_GIVEN, json_option
from edged.config.model import MAX_ID
from edged.documents import site as documents
from edged.words import exit_codes, units
from edged.words.value_types import DEFAULT_CONFIG, near_identifier
from recorder.probe import Found, Measured, Track
from recorder.words.address import RTSP_PORTS, Target, plain_host, without_secrets
from recorder.words.outcome import CHECK_KEY_FRAMES
from recorder.words.stream import Codec
from recorder.worker.recording import NO_KEY_NS
from recorder.worker.timestamp_repair import NS_PER_S

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
    from recorder.probe import probe_camera
    from recorder.rtsp.dialogue import Credentials
    from storage.words.clock import SystemClock

    if sys.stderr.isatty() and not as_json:
        click.echo("looking for some 10 s …", err=True)
    found = probe_camera(url, Credentials(username, password), trust, SystemClock())
    file = address.config_file.absolute()
    document = probe_document(url, username, password_file and password_file.absolute(), found, _configured(file), file)
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


NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
Way = Literal["tcp", "udp", "tls", "built-in"]
KEY_INTERVAL_MAX_S: Final = 4.0
"""What `recorder.words.outcome.CHECK_KEY_FRAMES` calls right, and a little for cameras that round."""
KEY_SLACK_S: Final = 0.5
PIXELS_MIN: Final = 1_000_000
"""Clause P3 (taipei-police)."""
CLOCK_OFF_MS: Final = 2_000
"""What a time server would not leave, nor an eye overlook beside our own time."""
PACE_OFF: Final = 0.15
_G711: Final = (Codec.PCMU, Codec.PCMA)
MODE: Final = "owner root, group edged, mode 640"


def probe_document(
    url: str,
    username: str,
    password_file: Path | None,
    found: Found,
    configured: Mapping[str, str] = NOTHING,
    file: Path = DEFAULT_CONFIG,
) -> documents.Probe:
    """`url` as it was given, without user and password. `configured`: addresses of cameras by their ids, in `file`."""
    taken = frozenset(one for one, other in configured.items() if other != url)
    same = tuple(one for one, other in configured.items() if other == url)
    ended, measured = found.ended, found.measured
    recordable = bool(found.codec) and measured is not None and measured.pictures > 0
    target = Target.parse(url, username)
    return documents.Probe(
        recordable=recordable,
        url=without_secrets(url),
        cause="" if ended is None or ended.cause is None else ended.cause.value,
        tried=target.tried,
        came_back="" if ended is None else ended.came_back,
        check="" if ended is None else ended.check,
        transport=_way(target, found),
        certificate=found.certificate,
        trusted=found.trusted,
        tracks=[_track(track) for track in found.tracks],
        picture=_picture(found),
        sound=None
        if not found.sound or measured is None
        else documents.ProbedSound(codec=found.sound, arrived=measured.sounds > 0, bitrate_bps=measured.sound_bps),
        clock_reports=0 if measured is None else measured.reports,
        clock_offset_ms=None if measured is None else measured.clock_offset_ms,
        measured_s=0.0 if measured is None else round(measured.seconds, 1),
        remarks=[*known_as(same), *remarks(found)],
        other_urls=[without_secrets(other) for other in found.others],
        configuration=camera_table(url, username, password_file, found, taken, file.parent) if recordable else "",
        took_s=round(found.took_s, 1),
    )


def _way(target: Target, found: Found) -> Way:
    if target.scheme == "test":
        return "built-in"
    return "tls" if target.scheme == "rtsps" else "udp" if found.udp else "tcp"


def _track(track: Track) -> documents.ProbedTrack:
    return documents.ProbedTrack(
        kind="video" if track.kind == "video" else "audio" if track.kind == "audio" else "other",
        codec=track.codec,
        clock_rate=track.rate,
        channels=track.channels,
        recorded=not track.why_not,
        reason=track.why_not,
    )


def _picture(found: Found) -> documents.ProbedPicture | None:
    measured = found.measured
    if not found.codec or measured is None:
        return None
    return documents.ProbedPicture(
        codec=found.codec,
        width=found.width,
        height=found.height,
        fps=None if measured.fps is None else round(measured.fps, 2),
        steady=measured.steady,
        key_interval_s=None if measured.key_interval_s is None else round(measured.key_interval_s, 2),
        bitrate_bps=measured.video_bps,
        b_frames=measured.reordered,
    )


def camera_table(
    url: str,
    username: str,
    password_file: Path | None,
    found: Found,
    taken: Collection[str] = (),
    here: Path = DEFAULT_CONFIG.parent,
) -> str:
    """Lines of TOML. What was not measured is left out rather than guessed."""
    name = suggested(url, taken)
    lines = ["[[cameras]]", f"id = {_toml_string(name)}", f"url = {_toml_string(url)}"]
    if username:
        lines.append(f"username = {_toml_string(username)}")
        lines.append(f"password_file = {_toml_string(_named(name, password_file, here))}  # {MODE}")
    if found.certificate:
        lines.append(f"certificate = {_toml_string(found.certificate)}")
    if expected := _expected(found):
        lines.append(f"expect = {{ {', '.join(expected)} }}")
    return "\n".join(lines) + "\n"


def suggested(url: str, taken: Collection[str] = ()) -> str:
    """An id for a camera, out of its address, that no other has: "cam-10-0-0-20-201" for channel 201 of a recorder.

    With the words of its path where there is room for them, else with all numbers in it, which are the channel's.
    """
    parts = urlsplit(url)
    host = plain_host(parts.hostname or "")
    name = f"cam-{host}" if re.fullmatch(r"[0-9.]+|.*:.*", host) else host.partition(".")[0]
    lead = "test" if parts.scheme == "test" else near_identifier(name, MAX_ID) or "camera"
    if parts.port not in (None, RTSP_PORTS.get(parts.scheme)):
        lead = f"{lead}-{parts.port}"
    path = "" if parts.scheme == "test" else f"{parts.path}?{parts.query}"
    tail = near_identifier(path, len(path))
    if len(lead) + len(tail) >= MAX_ID:
        tail = "-".join(re.findall("[0-9]+", path))
    if len(tail) > MAX_ID // 2:
        tail = f"{zlib.crc32(path.encode()):08x}"
    first = _joined(lead, tail)
    others = (_joined(first, str(number)) for number in itertools.count(2))
    return next(one for one in itertools.chain([first], others) if one not in taken)


def _joined(lead: str, tail: str) -> str:
    """The tail whole."""
    return f"{lead[: MAX_ID - len(tail) - 1].rstrip('-')}-{tail}" if tail else lead[:MAX_ID].rstrip("-")


def _named(name: str, password_file: Path | None, here: Path) -> str:
    """The file as the configuration there would name it. One from elsewhere may be closed to the account of edged."""
    if password_file is not None and password_file.is_relative_to(here):
        return str(password_file.relative_to(here))
    return f"{name}.password"


def _expected(found: Found) -> list[str]:
    measured = found.measured
    if not found.width or measured is None:
        return []
    lines = [f"width = {found.width}", f"height = {found.height}"]
    if measured.fps and measured.steady:
        rounded = round(measured.fps, 1)
        lines.append(f"fps = {rounded:g}")
    if found.sound and measured.sounds:
        lines.append("audio = true")
    return lines


def _toml_string(value: str) -> str:
    """A JSON string is a TOML string, but for DEL, which nobody can type into an address."""
    return json.dumps(value, ensure_ascii=False)


def remarks(found: Found) -> tuple[str, ...]:
    """In the order in which they matter."""
    said = [*_of_tracks(found)]
    if found.measured is not None and found.codec:
        said += _of_pictures(found, found.measured)
        said += _of_sound(found, found.measured)
        said += _of_clock(found.measured)
    said += _of_the_way(found)
    return tuple(said)


def known_as(cameras: Sequence[str]) -> tuple[str, ...]:
    """The configuration has its address already, for these cameras."""
    if not cameras:
        return ()
    return (
        f"the configuration has this address already, for {', '.join(cameras)}: replace that table, do not add another",
    )


def _of_tracks(found: Found) -> Iterator[str]:
    if found.detail:
        yield found.detail
    for track in found.tracks:
        if track.why_not and track.kind != "application" and track.why_not not in found.detail:
            yield f"{'picture' if track.kind == 'video' else 'sound'} in {track.codec}: {track.why_not}"


def _of_pictures(found: Found, measured: Measured) -> Iterator[str]:
    if measured.pictures == 0:
        yield "no picture came while it was looked at: nothing can be recorded of it like this"
        return
    yield from _of_key_frames(measured)
    if found.width * found.height < PIXELS_MIN:
        size = f"{found.width}×{found.height} is {found.width * found.height:,} pixels"
        yield f"{size}: less than the 1,000,000 that taipei-police demands (P3)"
    if len(measured.sizes) > 1:
        yield "the size of the picture changed meanwhile: each change begins a new file"
    if measured.reordered:
        yield (
            "B-frames: recorded as they are, but live view over WebRTC cannot show them; "
            "profile Baseline or Main without B-frames in the camera's own pages is right"
        )
    if measured.steady is False:
        yield (
            "the pictures are not equally far apart (variable frame rate): recorded as they come, "
            "but fps under `expect` should be what is left at its slowest, or be left out"
        )
    if found.codec == Codec.H265:
        yield "H.265: half the space, but not every browser plays it; H.264 plays everywhere"
    if measured.pace is not None and abs(measured.pace - 1) > PACE_OFF:
        yield f"its time stamps run {measured.pace:.2f} times as fast as time: mended, but restart the camera"
    if measured.lost_packets or measured.lost_pictures:
        lost = (
            f"{units.counted(measured.lost_packets, 'packet')} and {units.counted(measured.lost_pictures, 'picture')}"
        )
        yield f"{lost} did not arrive whole: check the network to it"


def _of_key_frames(measured: Measured) -> Iterator[str]:
    interval = measured.key_interval_s
    seconds = measured.no_key_for_s if interval is None else max(interval, measured.no_key_for_s)
    least = "at least " if interval is None or measured.no_key_for_s > interval else ""
    if not measured.key_frames:
        yield f"no key frame in {measured.seconds:.0f} s: check {CHECK_KEY_FRAMES}"
    elif seconds * NS_PER_S >= NO_KEY_NS:
        yield f"{least}{seconds:.0f} s between key frames: edged gives up waiting for one; check {CHECK_KEY_FRAMES}"
    elif seconds > KEY_INTERVAL_MAX_S + KEY_SLACK_S:
        yield (
            f"{least}{seconds:.0f} s between key frames: a file begins with one, so that after each interruption up to "
            f"as much is missing, and files get as much longer; check {CHECK_KEY_FRAMES}"
        )


def _of_sound(found: Found, measured: Measured) -> Iterator[str]:
    if found.sound and not measured.sounds:
        yield "the camera promises sound and sent none: check its microphone and sound settings"
    if found.sound in _G711:
        yield "sound in G.711: kept bit by bit, in QuickTime files; AAC plays in more players"


def _of_clock(measured: Measured) -> Iterator[str]:
    if not measured.reports:
        yield "the camera does not tell its clock (no RTCP sender reports): nobody checks the time in its picture"
    elif measured.clock_offset_ms is not None and abs(measured.clock_offset_ms) > CLOCK_OFF_MS:
        side = "behind" if measured.clock_offset_ms < 0 else "ahead of"
        by = units.approximate_duration(abs(measured.clock_offset_ms) / 1000)
        yield f"the camera's clock is {by} {side} ours: set its time server (NTP), or the time in its picture is wrong"


def _of_the_way(found: Found) -> Iterator[str]:
    if found.udp:
        yield "it sends over UDP only: packets may be lost, and a firewall between must let them through"
    if found.certificate and not found.trusted and found.ended is None:
        yield (
            "no authority vouches for its certificate: compare the fingerprint with the one in the camera's own pages "
            "before you paste it"
        )
