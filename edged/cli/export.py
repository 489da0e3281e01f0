"""`edgectl export`: a copy of footage that anybody can check (複製). The daemon reads, whoever calls edgectl writes.

How an export is begun, gone on with, taken back and listed; then what each of these shows; then the folder as it is
written: whole file by whole file, so that it can go on. A file is `<name>.part` until all of it is there and synced. Of
what was being written when the stick was pulled only that counts which was synced; the rest is fetched again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import click
from pydantic import ValidationError
from rich.console import Group, RenderableType
from rich.text import Text

from edged.cli.client import Address, CallError, DaemonClient
from edged.cli.formatting import (
    between,
    cause_word,
    colon,
    counted_files,
    counted_segments,
    local,
    share,
    span,
    state_word,
    table,
    text,
)
from edged.cli.options import AS_GIVEN, CAMERA, TIMES, address_given, json_option, refused
from edged.cli.output import ProgressLine, Session, checked, interval, not_writable
from edged.cli.pin import moment
from edged.documents import exports as documents
from edged.documents.base import Document, told_in
from edged.documents.exports import ExportFile
from edged.words import exit_codes, units
from edged.words.catalogue import Reader
from edged.words.units import UnitError
from storage.volumes import mounts
from storage.words.errors import said_of
from storage.words.message import Message, format_size, message

INTERRUPTED: Final = 130
OPTIONS: Final = {"cameras": "camera", "start": "from", "end": "to"}
"""What is called otherwise on the command line."""
NOT_AS_WRITTEN: Final = frozenset({"missing", "length", "content", "unreadable"})
"""What the verifier says where the medium does not hold what was written to it."""
SPANS_SHOWN: Final = 20
SAME_VERSION: Final = message("export.same-version.action", "check that edged and edgectl are of one version")


@click.command(short_help="Copy footage into a folder that anybody can check.")
@click.option("--camera", "cameras", metavar="ID", type=CAMERA, multiple=True, help="Whose; more than once for more.")
@click.option("--from", "start", metavar="TIME", help=f"From then on: {TIMES}.")
@click.option("--to", "end", metavar="TIME", help="Until then.")
@click.option("--out", metavar="DIR", type=AS_GIVEN, help="Where the folder is made.")
@click.option("--reason", metavar="TEXT", help="Why: kept, and in the ledger only as a commitment.")
@click.option("--case", metavar="TEXT", help="What it is filed under, likewise.")
@click.option("--request", metavar="TEXT", help="Number of the letter or request, likewise.")
@click.option("--destroy-by", metavar="TIME", help="Until when the copy is to be destroyed.  [as the footage itself]")
@click.option("--whole-segments", is_flag=True, help="With the recorded files themselves.")
@click.option("--max-file", metavar="SIZE", help="No film is larger.  [4 GiB less a byte, which every stick takes]")
@click.option("--yes", is_flag=True, help="Do not ask, once it is said what it holds.")
@click.option("--dry-run", is_flag=True, help="Only say what it would hold.")
@click.option("--resume", metavar="FOLDER", type=AS_GIVEN, help="Go on with one that was cut off.")
@click.option("--undo", metavar="FOLDER|ID", help="Take back one that is not finished.")
@click.option("--list", "listed", is_flag=True, help="Those that there were, and are.")
@json_option
@address_given
def export(address: Address, /, *, as_json: bool, **given: Any) -> int:
    """Copy footage (複製): a film of each camera, what proves that it is the original and whole, and a page that plays
    it and checks it on any computer.
    """
    session = Session(address.daemon(), as_json)
    modes = [name for name in ("listed", "resume", "undo") if given[name]]
    if modes:
        others = [name for name, value in given.items() if value and name not in modes]
        if len(modes) > 1 or others:
            raise click.UsageError(message("export.modes", "--list, --resume and --undo stand alone"))
        if given["listed"]:
            return shown(session)
        return resumed(session, given["resume"]) if given["resume"] else undone(session, given["undo"])
    for name in ("cameras", "start", "end", "reason", *(() if given["dry_run"] else ("out",))):
        if given[name] in (None, ()):
            option = f"--{OPTIONS.get(name, name)}"
            raise click.UsageError(message("screen.missing-option", "Missing option '{option}'.", option=option))
    return begun(session, given)


def begun(session: Session, given: dict[str, Any]) -> int:
    """Plan, ask, begin, copy."""
    yes, dry_run = given["yes"], given["dry_run"]
    if not (yes or dry_run) and (session.as_json or not sys.stdin.isatty()):
        raise click.UsageError(
            message("export.nobody-to-ask", "nobody can be asked here: give --yes, or --dry-run to see what it holds")
        )
    wanted = _asked(session, given)
    planned = _post(session.daemon, wanted)
    plan = planned.plan
    if plan is None:
        raise CallError(message("export.no-plan", "the daemon sent no plan"), SAME_VERSION, exit_codes.FAILED)
    if dry_run or not session.as_json:
        session.print(planned, lambda: plan_screen(plan, session.reader))
    if dry_run:
        return exit_codes.OK
    out: Path = given["out"]
    fit(out, plan)
    if not yes and not click.confirm(session.words.phrase("export.confirm", "Export it?"), default=False):
        click.echo(session.words.phrase("export.not-exported", "Nothing was exported."))
        return exit_codes.FAILED
    answered = _post(session.daemon, wanted.model_copy(update={"dry_run": False}))
    if answered.export is None:
        raise CallError(message("export.not-begun", "the daemon began nothing"), SAME_VERSION, exit_codes.FAILED)
    return copied_into(session, out, answered.export, answered.plan)


def copied_into(session: Session, out: Path, one: documents.Copied, plan: documents.ExportPlan | None) -> int:
    """What was begun, into a folder of its own there."""
    folder = ExportFolder(out / one.folder)
    with _going_on(folder, one.id):
        folder.root.mkdir(mode=0o700)
        folder.tell(Note(export=one.id, digest=None, files=[]))
    return copied(session, folder, one.id, plan)


def resumed(session: Session, place: Path) -> int:
    """Go on where it was cut off."""
    folder = ExportFolder(place)
    note = _noted(folder)
    if note is None:
        raise CallError(
            message("export.nothing-to-resume", "nothing is to be gone on with in {folder}", folder=str(place)),
            message(
                "export.nothing-to-resume.action",
                "name the folder that an export was begun in: edgectl export --list",
            ),
            exit_codes.USAGE,
        )
    known = session.read(documents.ExportList, "/v1/exports").exports
    ended = next((one for one in known if one.id == note.export and one.state == "finished"), None)
    if ended is None:
        return copied(session, folder, note.export, None)
    folder.complete()  # it was cut off behind all else
    there = {"folder": str(place.absolute()), "bytes": 0, "key": None, "intact": None, "troubles": []}
    document = documents.Export.model_validate({"export": ended, "plan": None, **there})
    session.print(document, lambda: finished_screen(document, session.words))
    return exit_codes.OK


def undone(session: Session, what: str) -> int:
    """Remove what was written, and tell the daemon."""
    folder = ExportFolder(Path(what))
    note = _noted(folder)
    if note is None and folder.root.is_dir():
        raise CallError(
            message("export.not-under-way", "{folder} is no export that is under way", folder=what),
            message("export.not-under-way.action", "one that is finished is not undone here"),
            exit_codes.USAGE,
        )
    export_id = what if note is None else note.export
    body = session.daemon.post(f"/v1/exports/{_id(export_id)}/abandon")
    if note is not None:
        folder.remove(note.files)
    session.print(checked(documents.Export, body), lambda: undone_screen(export_id, session.words))
    return exit_codes.OK


def shown(session: Session) -> int:
    """Those that there were, and are."""
    document = session.read(documents.ExportList, "/v1/exports")
    session.print(document, lambda: list_screen(document, session.reader))
    return exit_codes.OK


def copied(session: Session, folder: ExportFolder, export_id: str, plan: documents.ExportPlan | None) -> int:
    """Footage, then lists and proofs; then it is read back and checked, and only then finished."""
    daemon, base = session.daemon, f"/v1/exports/{_id(export_id)}"
    with _going_on(folder, export_id), ProgressLine(session.words) as line:
        reading = partial(line.copying, message("export.progress.reading", "reading"))
        prepared = checked(documents.Prepared, daemon.follow(f"{base}/prepare", b"", reading))
        note = folder.note
        if note is not None and note.digest not in (None, prepared.digest):
            raise CallError(
                message(
                    "export.footage-changed",
                    "what was recorded is not there any more as it was when this export began",
                ),
                message(
                    "export.footage-changed.action",
                    "edgectl export --undo {folder}, and begin another one",
                    folder=str(folder.root),
                ),
                exit_codes.FAILED,
            )
        names = [one.path for one in prepared.files]
        folder.tell(Note(export=export_id, digest=prepared.digest, files=names))
        _check_room(folder, prepared.files)
        copying = partial(line.copying, message("export.progress.copying", "copying"))
        _fetch(daemon, base, folder, prepared.files, copying)
        signing = partial(line.copying, message("export.progress.signing", "signing"))
        sealed = checked(documents.Sealed, daemon.follow(f"{base}/seal", b"", signing))
        papers = [one.path for one in sealed.files]
        folder.tell(Note(export=export_id, digest=prepared.digest, files=[*names, *papers]))
        folder.remove_only(papers)
        _fetch(daemon, base, folder, sealed.files, lambda _: None)
        found = _verified(folder, sealed.key, line)
        broken = [one["where"]["file"] for one in found["lines"] if one["code"] in NOT_AS_WRITTEN]
        if broken:
            folder.remove_only(broken)
            raise CallError(
                message(
                    "export.bad-medium",
                    "{folder} does not hold what was written to it: {files}",
                    folder=str(folder.root),
                    files=broken[:5],
                ),
                message(
                    "export.bad-medium.action",
                    "try another medium, or edgectl export --resume {folder}",
                    folder=str(folder.root),
                ),
                exit_codes.FAILED,
            )
        ended = checked(documents.Export, daemon.post(f"{base}/finish"))
        folder.complete()
    every = [*prepared.files, *sealed.files]
    document = ended.model_copy(
        update={
            "plan": plan,
            "folder": str(folder.root.absolute()),
            "bytes": sum(one.bytes for one in every),
            "key": sealed.key,
            "intact": bool(found["intact"]),
            "troubles": prepared.troubles,
        }
    )
    session.print(document, lambda: done_screen(document, found, session.words))
    return exit_codes.OK if found["intact"] else exit_codes.FAILED


def _fetch(
    daemon: DaemonClient,
    base: str,
    folder: ExportFolder,
    files: Sequence[documents.ExportFile],
    progress: Callable[[Mapping[str, Any]], None],
) -> None:
    done, total = 0, sum(one.bytes for one in files)

    def more(count: int) -> None:
        nonlocal done
        done += count
        progress({"done": done, "total": total})

    for one in files:

        def octets(offset: int, path: str = one.path) -> Iterator[bytes]:
            return daemon.octets(f"{base}/file", path_=path, offset=offset)

        folder.fetch(one, octets, more)


def _verified(folder: ExportFolder, key: str, line: ProgressLine) -> dict[str, Any]:
    """By the verifier that lies in the folder, as whoever gets it will do."""
    line.say(message("export.progress.checking", "checking the folder"))
    with folder.as_it_will_be():
        done = subprocess.run(
            [sys.executable, "-I", str(folder.root / "verify.py"), "--key", key, "--json", "--", str(folder.root)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise CallError(
            message(
                "export.verifier-failed",
                "the verifier in {folder} failed: {words}",
                folder=str(folder.root),
                words=done.stderr.strip()[-200:],
            ),
            Message(f"edgectl verify {folder.root}"),
            exit_codes.FAILED,
        ) from None
    return found


@contextmanager
def _going_on(folder: ExportFolder, export_id: str) -> Iterator[None]:
    """Whatever ends it: how to go on is said."""
    if folder.root.exists():
        on = message(
            "export.cut-off.action",
            "go on with: edgectl export --resume {folder}; or take it back: edgectl export --undo {folder}",
            folder=str(folder.root),
        )
    else:
        on = message("export.not-begun.action", "take it back with: edgectl export --undo {export}", export=export_id)
    try:
        yield
    except KeyboardInterrupt:
        what = message("export.interrupted", "export {export} was interrupted", export=export_id)
        raise CallError(what, on, INTERRUPTED) from None
    except OSError as error:
        why = said_of(error.filename or folder.root, error)
        raise CallError(_cut_off(export_id, why), on, exit_codes.FAILED) from None
    except BrokenOff as cut:
        why = message("export.daemon-broke-off", "the daemon broke off, {what}", what=cut.said)
        raise CallError(_cut_off(export_id, why), on, exit_codes.TRY_LATER) from None
    except CallError as error:
        if error.exit_code in (exit_codes.UNREACHABLE, exit_codes.TRY_LATER):
            raise CallError(_cut_off(export_id, error.error), on, error.exit_code) from None
        raise


def _cut_off(export_id: str, why: Message) -> Message:
    return message("export.cut-off", "export {export} was cut off: {why}", export=export_id, why=why)


def _asked(session: Session, given: dict[str, Any]) -> documents.ExportAsked:
    first, last = interval(session, given["start"], given["end"])
    by = given["destroy_by"]
    return documents.ExportAsked(
        cameras=list(given["cameras"]),
        start=first or "",
        end=last or "",
        reason=given["reason"],
        case=given["case"],
        request=given["request"],
        destroy_by=None if by is None else moment(session, by),
        whole_segments=given["whole_segments"],
        max_file_bytes=largest_file(given["max_file"]),
        dry_run=True,
    )


def largest_file(text: str | None) -> int:
    """`--max-file`, in bytes."""
    try:
        return FAT_BYTES if text is None else units.parse_size(text)
    except UnitError as error:
        raise refused("--max-file", error.args[0]) from None


def _post(daemon: DaemonClient, wanted: documents.ExportAsked) -> documents.Export:
    return checked(documents.Export, daemon.post("/v1/exports", wanted.model_dump_json().encode()))


def fit(out: Path, plan: documents.ExportPlan) -> None:
    """Before anything is begun: the place is one, can be written, and holds it."""
    if not out.is_dir():
        raise CallError(
            message("screen.out.no-directory", "{path} is no directory", path=str(out)),
            message("export.no-directory.action", "name one that is there: where the stick is mounted"),
            exit_codes.USAGE,
        )
    if not os.access(out, os.W_OK | os.X_OK):
        raise not_writable(out)
    volume = volume_around(out, plan.volumes)
    if volume is not None:
        raise CallError(
            message(
                "export.in-volume",
                "{path} lies in the volume {volume}, which is for footage alone",
                path=str(out),
                volume=volume,
            ),
            message("export.in-volume.action", "name a place outside: where the stick is mounted"),
            exit_codes.USAGE,
        )
    free = bytes_free(out)
    if free < plan.bytes:
        raise CallError(
            message(
                "export.no-room",
                "the export takes about {size}, and {path} has {free} free",
                size=format_size(plan.bytes),
                path=str(out),
                free=format_size(free),
            ),
            message("export.no-room.action", "make room, take a larger medium, or export less at a time"),
            exit_codes.FAILED,
        )


def _check_room(folder: ExportFolder, files: Sequence[documents.ExportFile]) -> None:
    """Now that it is known to the octet."""
    lacking = bytes_needed(files) - folder.written(files) - bytes_free(folder.root)
    if lacking > 0:
        raise CallError(
            message(
                "export.room-lacking",
                "{folder} lacks {size} for what is still to be copied",
                folder=str(folder.root),
                size=format_size(lacking),
            ),
            message(
                "export.room-lacking.action",
                "make room, then: edgectl export --resume {folder}",
                folder=str(folder.root),
            ),
            exit_codes.FAILED,
        )
    large = next((one.path for one in files if one.bytes > FAT_BYTES), None)
    if large is not None and is_fat(folder.root):
        raise CallError(
            message("export.too-large-for-fat", "{file} is larger than a file on this medium (FAT) can be", file=large),
            message(
                "export.too-large-for-fat.action",
                "export with --max-file 4GB, or onto a medium with exFAT, NTFS or ext4",
            ),
            exit_codes.FAILED,
        )


def _noted(folder: ExportFolder) -> Note | None:
    try:
        return folder.note if folder.root.is_dir() else None
    except ForeignNote as error:
        action = message("export.foreign-note.action", "remove the folder by hand, and begin another export")
        raise CallError(error.said, action, exit_codes.FAILED) from None


def _id(text: str) -> str:
    if not text.replace("-", "").isalnum() or not text.startswith("E-"):
        raise click.UsageError(
            message(
                "export.no-id",
                "{given} is neither a folder nor an export such as E-20260501-7F3K",
                given=units.shown(text),
            )
        )
    return text


def plan_screen(told: documents.ExportPlan, read: Reader) -> RenderableType:
    """What it will hold and what it will not."""
    whole_s = between(told.start, told.end)
    numbers = (
        read.phrase("screen.segments", "Segments"),
        read.phrase("export.plan.recorded", "Recorded"),
        read.phrase("screen.size", "Size"),
    )
    name = read.phrase("screen.name", "Name")
    made = table(read.phrase("screen.camera", "Camera"), name, *numbers, right=numbers, folds=(1,))
    for one in told.cameras:
        recorded = share(one.recorded_s / whole_s) if whole_s else "–"
        cells = str(one.segments), recorded, format_size(one.bytes)
        made.add_row(text(one.camera, "bold"), text(one.name), *cells)
    heading = read.phrase(
        "export.plan.interval",
        "{start} – {end}, {span} of each camera",
        start=local(told.start, read),
        end=local(told.end, read),
        span=span(whole_s, read),
    )
    parts: list[RenderableType] = [text(heading), made]
    if told.cut_by is not None:
        words = read.phrase(
            "export.plan.cut-by",
            "It ends there because {camera} is still recording what comes after; that is complete later.",
            camera=told.cut_by,
        )
        parts.append(text(words, "yellow"))
    parts += _spans(read.phrase("export.plan.gaps", "Not recorded:"), told.gaps, read)
    unaccounted = read.phrase("export.plan.unaccounted", "Nothing accounts for, so the export will not be whole:")
    parts += _spans(unaccounted, told.unaccounted, read, "red")
    for one in told.cameras:
        parts += [text(f"{one.camera}{colon(read)}{read(caution)}", "yellow") for caution in _cautions(one)]
    about = read.phrase(
        "export.plan.total",
        "About {size}. To be destroyed by {moment}.",
        size=format_size(told.bytes),
        moment=local(told.destroy_by, read),
    )
    return Group(*parts, text(about))


def _cautions(one: documents.ExportCamera) -> Iterator[Message]:
    if one.away:
        segments = counted_segments(one.away)
        yield message("export.caution.away", "{segments} cannot be copied: the volume is not there", segments=segments)
    if one.set_aside:
        files = counted_files(one.set_aside)
        yield message("export.caution.set-aside", "{files} that cannot be played is not copied", files=files)
    if one.due_soon:
        yield message(
            "export.caution.due-soon",
            "{segments} will reach the ceiling within a day: pin it first (edgectl pin add), or be quick",
            segments=counted_segments(one.due_soon),
        )
    if one.destroyed:
        yield message(
            "export.caution.destroyed",
            "part of it was destroyed in its time, as {leaves} of the ledger tell",
            leaves=_counted_leaves(one.destroyed),
        )


def _counted_leaves(count: int) -> Message:
    if count == 1:
        return message("export.leaves.one", "1 leaf")
    return message("export.leaves.many", "{count} leaves", count=count)


def _spans(title: str, spans: list[documents.Span], read: Reader, style: str = "") -> list[RenderableType]:
    if not spans:
        return []
    lines: list[RenderableType] = [text(title, style)]
    for one in spans[:SPANS_SHOWN]:
        cause = f"{colon(read)}{cause_word(one.cause, read)}" if one.cause else ""
        lines.append(text(f"  {one.camera} {local(one.start, read)} – {local(one.end, read)}{cause}"))
    if len(spans) > SPANS_SHOWN:
        more = read.phrase("screen.more", "and {count} more", count=len(spans) - SPANS_SHOWN)
        lines.append(text(f"  {more}"))
    return lines


def done_screen(document: documents.Export, found: Mapping[str, Any], read: Reader) -> RenderableType:
    """What lies there, and what the verifier in it says."""
    lies = read.phrase(
        "export.done",
        "{export} lies in {folder} ({size}), read back and checked:",
        export=document.export.id if document.export else "",
        folder=document.folder or "",
        size=format_size(document.bytes),
    )
    lines: list[RenderableType] = [text(lies)]
    lines += [text(f"  {one.camera} {one.start}: {read(told_in(one, 'what'))}", "red") for one in document.troubles]
    language = "zh" if read.language == "zh_TW" else "en"
    lines += [text(f"  x {line[language]}", "red") for line in found["lines"] if line["sign"] == "x"]
    if document.intact:
        verdict = read.phrase("export.done.intact", "nothing wrong was found")
    else:
        verdict = read.phrase("export.done.not-intact", "it is not whole, or not as it was recorded: see above")
    lines.append(Text(f"  {verdict}", style="green" if document.intact else "bold red"))
    signed = read.phrase("export.done.key", "signed with the key {key}", key=document.key or "")
    return Group(*lines, text(f"  {signed}"))


def finished_screen(document: documents.Export, read: Reader) -> RenderableType:
    words = read.phrase(
        "export.was-finished",
        "{export} was finished already, and checked. To check it again: edgectl verify {folder}",
        export=document.export.id if document.export else "",
        folder=document.folder or "",
    )
    return text(words)


def undone_screen(export_id: str, read: Reader) -> RenderableType:
    words = read.phrase(
        "export.undone",
        "{export} is abandoned; what was written of it is removed, and nothing is held for it any more.",
        export=export_id,
    )
    return text(words)


def list_screen(document: documents.ExportList, read: Reader) -> RenderableType:
    if not document.exports:
        return Text(read.phrase("export.none", "No exports."))
    made = table(
        read.phrase("export.export", "Export"),
        read.phrase("screen.state", "State"),
        read.phrase("export.begun", "Begun"),
        read.phrase("export.footage", "Footage"),
        read.phrase("export.cameras", "Cameras"),
        folds=(4,),
    )
    for one in document.exports:
        footage = Text(f"{local(one.start, read)} –\n{local(one.end, read)}")
        state, cameras = state_word(one.state, read), text(", ".join(one.cameras))
        made.add_row(text(one.id, "bold"), state, local(one.begun, read), footage, cameras)
    return made


NOTE: Final = "edgectl-export.json"
"""Lies in a folder that is not complete: which export it is."""
PART: Final = ".part"
SYNC_EVERY: Final = 64 << 20
"""So much is fetched again at most."""
SPARE_BYTES: Final = 8 << 20
CLUSTER_BYTES: Final = 64 << 10
"""What a small file takes on a large stick."""
FAT: Final = frozenset({"vfat", "msdos"})
FAT_BYTES: Final = (4 << 30) - 1
Octets = Callable[[int], Iterator[bytes]]
"""Of a file, from where on."""


class Note(Document):
    """What goes on here."""

    export: str
    digest: str | None
    files: list[str]
    """All that this export has put here, or will."""


class BrokenOff(Exception):
    """What was to be written is not whole: the daemon broke off."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


class ForeignNote(ValueError):
    """Somebody else's file lies where an export notes what goes on."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """Below it nothing is touched but what an export has put there."""

    root: Path

    @property
    def note(self) -> Note | None:
        """None: nothing goes on here. ForeignNote."""
        place = next((one for one in (self.root / NOTE, self._aside) if one.is_file()), None)
        try:
            return None if place is None else Note.model_validate_json(place.read_bytes())
        except ValidationError as error:
            what = message("export.foreign-note", "{file} is not what edgectl writes", file=str(self.root / NOTE))
            raise ForeignNote(what) from error

    def tell(self, note: Note) -> None:
        """Durably, and whole at any time."""
        place = self.root / NOTE
        fresh = place.with_name(NOTE + ".new")
        _write_file(fresh, note.model_dump_json().encode())
        fresh.replace(place)
        _sync(self.root)

    def fetch(self, file: ExportFile, octets: Octets, progress: Callable[[int], None]) -> None:
        """Write a file, or what is missing of it. OSError; Cut."""
        path = self.root / file.path
        part = path.with_name(path.name + PART)
        if path.is_file() and path.stat().st_size == file.bytes:
            progress(file.bytes)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.is_file() else 0
        begin = 0 if have > file.bytes else have // SYNC_EVERY * SYNC_EVERY
        with part.open("r+b" if have else "wb") as out:
            out.truncate(begin)
            out.seek(begin)
            progress(begin)
            at = begin
            for block in octets(begin):
                out.write(block)
                progress(len(block))
                if at // SYNC_EVERY != (at + len(block)) // SYNC_EVERY:
                    out.flush()
                    os.fsync(out.fileno())
                at += len(block)
            if at != file.bytes:
                raise BrokenOff(
                    message(
                        "export.file-broke-off",
                        "{file} has {count} bytes so far, of {of}",
                        file=file.path,
                        count=at,
                        of=file.bytes,
                    )
                )
            out.flush()
            os.fsync(out.fileno())
            os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # it is read back from the medium
        part.replace(path)
        _sync(path.parent)

    def complete(self) -> None:
        """Nothing goes on here any more."""
        (self.root / NOTE).unlink(missing_ok=True)
        self._aside.unlink(missing_ok=True)
        _sync(self.root)

    def remove(self, paths: Sequence[str]) -> None:
        """What an export has put there, and directories that are empty then."""
        self.remove_only([*paths, NOTE, NOTE + ".new"])
        self._aside.unlink(missing_ok=True)
        folders = {parent for path in paths for parent in Path(path).parents}
        for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):
                (self.root / folder).rmdir()

    def remove_only(self, paths: Sequence[str]) -> None:
        """Some files: they are fetched again."""
        for path in paths:
            place = self.root / path
            place.unlink(missing_ok=True)
            place.with_name(place.name + PART).unlink(missing_ok=True)

    @contextmanager
    def as_it_will_be(self) -> Iterator[None]:
        """Without the note, which is no part of what was exported, for as long as the folder is looked at."""
        place = self.root / NOTE
        place.replace(self._aside)
        try:
            yield
        finally:
            self._aside.replace(place)

    @property
    def _aside(self) -> Path:
        """Beside the folder."""
        return self.root.with_name(f".{self.root.name}.{NOTE}")

    def written(self, files: Sequence[ExportFile]) -> int:
        """Octets of these that lie there already."""
        total = 0
        for one in files:
            for place in (self.root / one.path, self.root / (one.path + PART)):
                if place.is_file():
                    total += place.stat().st_size
        return total


def bytes_free(place: Path) -> int:
    """Octets that a person may write there."""
    there = os.statvfs(place)
    return there.f_bavail * there.f_frsize


def bytes_needed(files: Sequence[ExportFile]) -> int:
    return sum(one.bytes + CLUSTER_BYTES for one in files) + SPARE_BYTES


def is_fat(place: Path) -> bool:
    """It takes no file of 4 GiB."""
    mount = mounts.read_mounts().of(PurePosixPath(place.resolve()))
    return mount is not None and mount.kind in FAT


def volume_around(place: Path, volumes: Sequence[str]) -> str | None:
    """The volume that a folder would lie in, whatever path leads there."""
    now, here = mounts.read_mounts(), PurePosixPath(place.resolve())
    for volume in volumes:
        there = PurePosixPath(Path(volume).resolve())
        mine, other = now.place(here), now.place(there)
        same = mine is not None and other is not None and mine.device == other.device
        if here.is_relative_to(there) or (same and mine and other and mine.path.is_relative_to(other.path)):
            return volume
    return None


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system that cannot is a file system that need not
            os.fsync(fd)
    finally:
        os.close(fd)
