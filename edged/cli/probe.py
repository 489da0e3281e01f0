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
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli import output
from edged.cli.client import Address, CallError, tables
from edged.cli.formatting import STYLES, against_ours, clean, text
from edged.cli.options import AS_GIVEN, json_option
from edged.config.model import MAX_ID
from edged.documents import site as documents
from edged.documents.base import Told, told_of
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from edged.words.value_types import DEFAULT_CONFIG, near_identifier
from recorder.probe import Found, Measured, Track
from recorder.words.address import RTSP_PORTS, Target, plain_host, without_secrets
from recorder.words.messages import Ended
from recorder.words.outcome import CHECK_KEY_FRAMES
from recorder.words.stream import Codec
from recorder.worker.recording import NO_KEY_NS
from recorder.worker.timestamp_repair import NS_PER_S
from storage.words.message import Message, message

if TYPE_CHECKING:
    from recorder.rtsp.connection import Trust

WAYS: Final = {
    "tcp": message("probe.way-tcp", "RTSP over TCP, in the clear"),
    "udp": message("probe.way-udp", "RTSP, pictures over UDP, in the clear"),
    "tls": message("probe.way-tls", "RTSP over TLS"),
    "built-in": message("probe.way-built-in", "built-in test pattern"),
}
KINDS: Final = {
    "video": message("probe.video", "video"),
    "audio": message("probe.audio", "audio"),
    "other": message("probe.other", "other"),
}
ENGLISH: Final = Reader()
LABEL_WIDTH: Final = 13


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
    reader = Reader(output.language())
    password = _password(username, password_file, reader)
    from recorder.probe import probe_camera
    from recorder.rtsp.dialogue import Credentials
    from storage.words.clock import SystemClock

    if sys.stderr.isatty() and not as_json:
        click.echo(reader.phrase("probe.looking", "looking for some 10 s …"), err=True)
    found = probe_camera(url, Credentials(username, password), trust, SystemClock())
    file = address.config_file.absolute()
    document = probe_document(url, username, password_file and password_file.absolute(), found, _configured(file), file)
    output.answer(document, lambda: screen(document, file, reader), as_json=as_json)
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
        what = message(
            "probe.login-in-url",
            "the address carries a user or a password, which every account of this box could read in the process list",
        )
        instead = message(
            "probe.login-in-url.action",
            "leave them out, and give --username and --password-file; change the password if others log in here",
        )
        raise CallError(what, instead, exit_codes.USAGE)
    _taken(Url, url, message("probe.address", "the address"))
    if username:
        _taken(Word, username, "--username")
    seen = _taken(Fingerprint, certificate, "--certificate") if certificate else ""
    if (seen or ca_file) and not url.startswith("rtsps://"):
        raise click.UsageError(message("probe.not-rtsps", "only a camera with rtsps:// has a certificate"))
    if seen and ca_file:
        raise click.UsageError(message("probe.one-trust", "--certificate and --ca-file: only one of them can decide"))
    if ca_file is not None and not ca_file.is_file():
        raise click.UsageError(message("probe.no-file", "there is no file {file}", file=units.shown(str(ca_file))))
    return Trust(seen, "" if ca_file is None else str(ca_file))


def _taken(kind: Any, value: str, what: str) -> str:
    """The value as a key of the configuration, or wrong usage."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return str(TypeAdapter(kind).validate_python(value))
    except ValidationError as error:
        (first,) = error.errors(include_input=False)
        most = first.get("ctx", {}).get("max_length")
        if most is not None:
            raise click.UsageError(
                message("probe.too-long", "{what} is longer than {most} characters", what=what, most=most)
            ) from None
        problem = first["msg"].removeprefix("Value error, ")
        raise click.UsageError(message("probe.refused", "{what} {problem}", what=what, problem=problem)) from None


def _password(username: str, file: Path | None, reader: Reader) -> str:
    from edged.config import secrets

    if file is not None:
        if not username:
            raise click.UsageError(
                message("probe.no-username", "--password-file without --username: a camera wants both")
            )
        try:
            return secrets.find(str(file.absolute()), Path("/"), {}).value.get_secret_value()
        except secrets.SecretError as error:
            raise CallError(error.problem, error.instead, exit_codes.USAGE) from None
    if not username:
        return ""
    if not sys.stdin.isatty():
        raise click.UsageError(
            message(
                "probe.no-terminal",
                "--username without --password-file: the password can only be asked for on a terminal",
            )
        )
    ask = reader.phrase("probe.password", "password of {username}", username=username)
    return str(click.prompt(ask, hide_input=True, default="", show_default=False, err=True))


def screen(document: documents.Probe, file: Path = DEFAULT_CONFIG, reader: Reader = ENGLISH) -> RenderableType:
    """What was found, remarks, the table to paste into that configuration; ends in one line."""
    tried = Message.of(document.tried, document.tried_code, document.tried_values)
    parts: list[RenderableType] = [text(reader(tried), "bold"), ""]
    parts += [Text(_labelled(label, clean(line))) for label, line in _lines(document, reader)]
    if document.remarks:
        parts += [
            "",
            *(text(f"! {reader(remark)}", "yellow") for remark in told_of(document.remarks, document.remarks_told)),
        ]
    if document.other_urls:
        lead = reader.phrase("probe.other-urls", "the same device has a picture under:")
        parts += ["", text(lead), *(text(f"  {url}") for url in document.other_urls)]
    if document.configuration:
        parts += [
            "",
            text(reader.phrase("probe.paste", "to paste into {file}, then:", file=str(file))),
            Text(f"  {_then(file)}", no_wrap=True, overflow="ignore"),
            "",
        ]
        parts += [Text(line, no_wrap=True, overflow="ignore") for line in document.configuration.splitlines()]
    return Group(*parts, "", _verdict(document, reader))


def _labelled(label: str, line: str) -> str:
    """In columns, whatever the width of a language's letters."""
    return f"{label}{' ' * max(1, LABEL_WIDTH - cell_len(label))}{line}"


def _then(file: Path) -> str:
    named = "" if file == DEFAULT_CONFIG else f" --config {shlex.quote(str(file))}"
    return f"edgectl{named} config check && edgectl{named} reload"


def _lines(document: documents.Probe, reader: Reader) -> Iterator[tuple[str, str]]:
    """Labels, and what stands behind them."""
    picture = document.picture
    if picture is not None:
        yield reader.phrase("probe.picture", "picture"), _picture_line(picture, reader)
        key = (
            reader.phrase("probe.no-interval", "not seen twice")
            if picture.key_interval_s is None
            else reader.phrase("probe.every", "every {seconds} s", seconds=f"{picture.key_interval_s:g}")
        )
        yield reader.phrase("probe.key-frames", "key frames"), key
        yield reader.phrase("probe.sound", "sound"), _sound(document.sound, reader)
        yield reader.phrase("probe.clock", "its clock"), _clock(document, reader)
    yield reader.phrase("probe.way", "way"), reader(WAYS[document.transport])
    if document.certificate:
        line = (
            document.certificate
            if document.trusted
            else reader.phrase(
                "probe.not-vouched", "{certificate} (nobody vouches for it)", certificate=document.certificate
            )
        )
        yield reader.phrase("probe.certificate", "certificate"), line
    for track in document.tracks:
        kept = (
            message("probe.recorded", "recorded")
            if track.recorded
            else message(
                "probe.not-recorded",
                "not recorded: {reason}",
                reason=Message.of(track.reason, track.reason_code, track.reason_values),
            )
        )
        yield (
            reader.phrase("probe.offered", "offered"),
            reader.phrase(
                "probe.track", "{kind} {codec}: {kept}", kind=KINDS[track.kind], codec=track.codec, kept=kept
            ),
        )


def _picture_line(picture: documents.ProbedPicture, reader: Reader) -> str:
    parts = [f"{picture.codec} {picture.width}×{picture.height}"]
    if picture.fps is None:
        parts.append(message("probe.few-pictures", "too few pictures to tell"))
    else:
        parts.append(f"{picture.fps:g} fps")
    if picture.steady is False:
        parts.append(message("probe.variable", "variable"))
    if picture.bitrate_bps is not None:
        parts.append(f"{picture.bitrate_bps / 1e6:.2f} Mbit/s")
    return reader.phrase("probe.parts", "{parts}", parts=parts)


def _sound(sound: documents.ProbedSound | None, reader: Reader) -> str:
    if sound is None:
        return reader.phrase("probe.no-sound", "none")
    if not sound.arrived:
        return reader.phrase("probe.sound-promised", "{codec} is promised, none came", codec=sound.codec)
    bits = [] if sound.bitrate_bps is None else [f"{sound.bitrate_bps / 1000:.0f} kbit/s"]
    return reader.phrase("probe.parts", "{parts}", parts=[sound.codec, *bits])


def _clock(document: documents.Probe, reader: Reader) -> str:
    offset_ms = document.clock_offset_ms
    if offset_ms is None:
        if document.clock_reports:
            return reader.phrase("probe.clock-strange", "told, not understood")
        return reader.phrase("probe.clock-untold", "not told")
    return reader(against_ours(offset_ms))


def _verdict(document: documents.Probe, reader: Reader) -> Text:
    recordable = reader.phrase("probe.recordable", "can be recorded")
    if document.recordable and not document.came_back:
        return Text(recordable, style=STYLES["ok"])
    line = (
        Text(reader.phrase("probe.ended", "can be recorded, but it ended"), style=STYLES["warning"])
        if document.recordable
        else Text(reader.phrase("probe.not-recordable", "cannot be recorded"), style=STYLES["critical"])
    )
    because = reader.phrase(
        "probe.because",
        "({cause}): {came_back}",
        cause=document.cause,
        came_back=Message.of(document.came_back, document.came_back_code, document.came_back_values),
    )
    line.append(f" {clean(because)}", style="not bold default")
    if not document.check:
        return line
    check = reader.phrase(
        "probe.check",
        "check {check}",
        check=Message.of(document.check, document.check_code, document.check_values),
    )
    return line.append(f"\n→ {clean(check)}", style="not bold default")


NONE_CONFIGURED: Final[Mapping[str, str]] = MappingProxyType({})
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
    configured: Mapping[str, str] = NONE_CONFIGURED,
    file: Path = DEFAULT_CONFIG,
) -> documents.Probe:
    """`url` as it was given, without user and password. `configured`: addresses of cameras by their ids, in `file`."""
    taken = frozenset(one for one, other in configured.items() if other != url)
    same = tuple(one for one, other in configured.items() if other == url)
    ended, measured = found.ended or Ended(None), found.measured
    said = [*known_as(same), *remarks(found)]
    recordable = bool(found.codec) and measured is not None and measured.pictures > 0
    target = Target.parse(url, username)
    return documents.Probe(
        recordable=recordable,
        url=without_secrets(url),
        cause="" if ended.cause is None else ended.cause.value,
        tried=str(target.tried),
        tried_code=target.tried.code,
        tried_values=target.tried.data,
        came_back=str(ended.came_back),
        came_back_code=ended.came_back.code,
        came_back_values=ended.came_back.data,
        check=str(ended.check),
        check_code=ended.check.code,
        check_values=ended.check.data,
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
        remarks=[str(remark) for remark in said],
        remarks_told=[Told(**remark.told) for remark in said],
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
        reason=str(track.why_not),
        reason_code=track.why_not.code,
        reason_values=track.why_not.data,
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


def remarks(found: Found) -> tuple[Message, ...]:
    """In the order in which they matter."""
    said = [*_of_tracks(found)]
    if found.measured is not None and found.codec:
        said += _of_pictures(found, found.measured)
        said += _of_sound(found, found.measured)
        said += _of_clock(found.measured)
    said += _of_the_way(found)
    return tuple(said)


def known_as(cameras: Sequence[str]) -> tuple[Message, ...]:
    """The configuration has its address already, for these cameras."""
    if not cameras:
        return ()
    return (
        message(
            "probe.known",
            "the configuration has this address already, for {cameras}: replace that table, do not add another",
            cameras=list(cameras),
        ),
    )


def _of_tracks(found: Found) -> Iterator[Message]:
    if found.detail:
        yield found.detail
    for track in found.tracks:
        if track.why_not and track.kind != "application" and track.why_not not in found.detail:
            if track.kind == "video":
                yield message("probe.picture-in", "picture in {codec}: {why}", codec=track.codec, why=track.why_not)
            else:
                yield message("probe.sound-in", "sound in {codec}: {why}", codec=track.codec, why=track.why_not)


def _of_pictures(found: Found, measured: Measured) -> Iterator[Message]:
    if measured.pictures == 0:
        yield message(
            "probe.no-picture", "no picture came while it was looked at: nothing can be recorded of it like this"
        )
        return
    yield from _of_key_frames(measured)
    if found.width * found.height < PIXELS_MIN:
        yield message(
            "probe.small",
            "{width}×{height} is {pixels} pixels: less than the 1,000,000 that taipei-police demands (P3)",
            width=found.width,
            height=found.height,
            pixels=f"{found.width * found.height:,}",
        )
    if len(measured.sizes) > 1:
        yield message("probe.sizes", "the size of the picture changed meanwhile: each change begins a new file")
    if measured.reordered:
        yield message(
            "probe.b-frames",
            "B-frames: recorded as they are, but live view over WebRTC cannot show them; "
            "profile Baseline or Main without B-frames in the camera's own pages is right",
        )
    if measured.steady is False:
        yield message(
            "probe.unsteady",
            "the pictures are not equally far apart (variable frame rate): recorded as they come, "
            "but fps under `expect` should be what is left at its slowest, or be left out",
        )
    if found.codec == Codec.H265:
        yield message("probe.h265", "H.265: half the space, but not every browser plays it; H.264 plays everywhere")
    if measured.pace is not None and abs(measured.pace - 1) > PACE_OFF:
        yield message(
            "probe.pace",
            "its time stamps run {times} times as fast as time: mended, but restart the camera",
            times=f"{measured.pace:.2f}",
        )
    if measured.lost_packets or measured.lost_pictures:
        packets, pictures = measured.lost_packets, measured.lost_pictures
        yield message(
            "probe.lost",
            "{packets} and {pictures} did not arrive whole: check the network to it",
            packets=message("probe.packets.one", "1 packet")
            if packets == 1
            else message("probe.packets.many", "{count} packets", count=packets),
            pictures=message("probe.pictures.one", "1 picture")
            if pictures == 1
            else message("probe.pictures.many", "{count} pictures", count=pictures),
        )


def _of_key_frames(measured: Measured) -> Iterator[Message]:
    interval = measured.key_interval_s
    seconds = measured.no_key_for_s if interval is None else max(interval, measured.no_key_for_s)
    told = (
        message("probe.at-least", "at least {seconds} s", seconds=f"{seconds:.0f}")
        if interval is None or measured.no_key_for_s > interval
        else message("probe.seconds", "{seconds} s", seconds=f"{seconds:.0f}")
    )
    if not measured.key_frames:
        yield message(
            "probe.no-key-frame",
            "no key frame in {seconds} s: check {check}",
            seconds=f"{measured.seconds:.0f}",
            check=CHECK_KEY_FRAMES,
        )
    elif seconds * NS_PER_S >= NO_KEY_NS:
        yield message(
            "probe.key-frames-rare",
            "{interval} between key frames: edged gives up waiting for one; check {check}",
            interval=told,
            check=CHECK_KEY_FRAMES,
        )
    elif seconds > KEY_INTERVAL_MAX_S + KEY_SLACK_S:
        yield message(
            "probe.key-frames-far",
            "{interval} between key frames: a file begins with one, so that after each interruption up to "
            "as much is missing, and files get as much longer; check {check}",
            interval=told,
            check=CHECK_KEY_FRAMES,
        )


def _of_sound(found: Found, measured: Measured) -> Iterator[Message]:
    if found.sound and not measured.sounds:
        yield message(
            "probe.silent", "the camera promises sound and sent none: check its microphone and sound settings"
        )
    if found.sound in _G711:
        yield message("probe.g711", "sound in G.711: kept bit by bit, in QuickTime files; AAC plays in more players")


def _of_clock(measured: Measured) -> Iterator[Message]:
    offset_ms = measured.clock_offset_ms
    if not measured.reports:
        yield message(
            "probe.no-reports",
            "the camera does not tell its clock (no RTCP sender reports): nobody checks the time in its picture",
        )
    elif offset_ms is not None and offset_ms < -CLOCK_OFF_MS:
        yield message(
            "probe.behind",
            "the camera's clock is {by_s} behind ours: set its time server (NTP), or the time in its picture is wrong",
            by_s=-offset_ms / 1000,
        )
    elif offset_ms is not None and offset_ms > CLOCK_OFF_MS:
        yield message(
            "probe.ahead",
            "the camera's clock is {by_s} ahead of ours: "
            "set its time server (NTP), or the time in its picture is wrong",
            by_s=offset_ms / 1000,
        )


def _of_the_way(found: Found) -> Iterator[Message]:
    if found.udp:
        yield message(
            "probe.udp", "it sends over UDP only: packets may be lost, and a firewall between must let them through"
        )
    if found.certificate and not found.trusted and found.ended is None:
        yield message(
            "probe.compare",
            "no authority vouches for its certificate: compare the fingerprint with the one in the camera's own pages "
            "before you paste it",
        )
